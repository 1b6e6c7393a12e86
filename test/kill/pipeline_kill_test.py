"""Kills `millrace run` with SIGKILL at random instants until it gets through, many times over; the tables must be
those of an undisturbed run, and their data files equal byte by byte.

MR_KILLS: how many kills (default 60).  MR_SEED: repeats a run.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
KILLS = int(os.environ.get("MR_KILLS", "60"))
N_FILES, N_ROWS = 30, 40

PIPELINE = """
CREATE TABLE events (at TIMESTAMP, k INT, v BIGINT) USING json OPTIONS (path '{input}', maxFilesPerTrigger '1');
CREATE STREAMING TABLE passed AS SELECT at, k, v * 2 AS w FROM STREAM events WHERE v % 3 <> 0;
CREATE STREAMING TABLE totals AS
SELECT at, k, count(*) AS n, sum(v) AS total
FROM STREAM events WATERMARK at DELAY OF INTERVAL 5 SECONDS
GROUP BY at, k;
CREATE STREAMING TABLE visits AS
SELECT session_window.start AS since, session_window.end AS until, k, count(*) AS n, max(v) AS high
FROM STREAM events WATERMARK at DELAY OF INTERVAL 5 SECONDS
GROUP BY session_window(at, '2 seconds'), k;
CREATE STREAMING TABLE pairs AS
SELECT a.at, a.k, a.v AS first, b.v AS second
FROM STREAM events AS a WATERMARK at DELAY OF INTERVAL 5 SECONDS
LEFT JOIN STREAM events AS b WATERMARK at DELAY OF INTERVAL 5 SECONDS
ON a.k = b.k AND b.v % 7 = 0 AND b.at BETWEEN a.at AND a.at + INTERVAL 2 SECONDS;
"""

QUERIES = {
    "passed": "SELECT at, k, w FROM passed ORDER BY at, k, w",
    "visits": "SELECT since, until, k, n, high FROM visits ORDER BY since, until, k",
    "pairs": "SELECT at, k, first, second FROM pairs ORDER BY at, k, first, second",
    "totals": "SELECT at, k, n, total FROM totals ORDER BY at, k",
}


def write_input(folder: Path) -> None:
    """Files of events whose time moves on from file to file."""
    rng = random.Random(7)
    folder.mkdir()
    for i in range(N_FILES):
        lines = []
        for j in range(N_ROWS):
            seconds = i * 4 + rng.randrange(8)
            lines.append(
                json.dumps({"at": f"2024-05-01T00:{seconds // 60:02d}:{seconds % 60:02d}Z", "k": rng.randrange(5), "v": i * N_ROWS + j})
            )
        path = folder / f"part-{i:03d}.json"
        path.write_text("\n".join(lines) + "\n")
        os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))


def command(scratch: Path, warehouse: Path) -> list[str]:
    """One run of the pipeline over all that is there."""
    return [MILLRACE, "run", str(scratch / "pipeline.sql"), "--warehouse", str(warehouse), "--once"]


def query(warehouse: Path, sql: str) -> str:
    """What any later process reads."""
    done = subprocess.run(
        [MILLRACE, "--warehouse", str(warehouse), "--format", "csv", "-e", sql],
        cwd=warehouse.parent, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def data_files(warehouse: Path, table: str) -> list[str]:
    """Hashes of the table's data files, whatever their names."""
    folder = warehouse / table
    assert folder.is_dir(), f"{folder} is not there"
    return sorted(
        hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.parquet") if "_millrace" not in p.parts
    )


def run_with_kills(scratch: Path, warehouse: Path, rng: random.Random, usual_s: float) -> int:
    """Starts and kills until a run gets through; the number of kills."""
    kills = 0
    while True:
        with open(scratch / "log", "ab") as log:
            process = subprocess.Popen(command(scratch, warehouse), cwd=scratch, stdout=log, stderr=log)
        # Most kills come early in a run, so that many runs are needed.
        time_left = usual_s * rng.random() ** 2 if kills < 12 else 60
        try:
            code = process.wait(timeout=time_left)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert code == 0, f"exit {code} after {kills} kills: " + (scratch / "log").read_text()[-2000:]
        return kills


def main() -> int:
    """Runs calmly once, then with kills until there were enough."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="mr-kill-") as name:
        scratch = Path(name)
        write_input(scratch / "input")
        (scratch / "pipeline.sql").write_text(PIPELINE.format(input=scratch / "input"))
        calm = scratch / "calm"
        start = time.monotonic()
        done = subprocess.run(command(scratch, calm), cwd=scratch, capture_output=True, text=True, timeout=120)
        usual_s = time.monotonic() - start
        assert done.returncode == 0, done.stderr
        wanted = {table: query(calm, sql) for table, sql in QUERIES.items()}
        wanted_files = {table: data_files(calm, table) for table in QUERIES}
        assert all(len(text.splitlines()) > 10 for text in wanted.values()), wanted
        kills = rounds = 0
        while kills < KILLS:
            warehouse = scratch / f"w{rounds}"
            kills += run_with_kills(scratch, warehouse, rng, usual_s)
            rounds += 1
            for table, sql in QUERIES.items():
                assert query(warehouse, sql) == wanted[table], f"seed {SEED}, round {rounds}: table {table} differs"
                assert data_files(warehouse, table) == wanted_files[table], f"seed {SEED}, round {rounds}: files of {table}"
        print(f"{kills} kills in {rounds} rounds of {usual_s:.2f} s: 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
