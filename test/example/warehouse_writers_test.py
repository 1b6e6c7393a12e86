"""Several processes that write into one table at a time: each commit is whole, none is lost, and one of many makes a table."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
FAST = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None  # syncs are not what is tested
ROWS = 2000


def start(folder: pathlib.Path, text: str) -> subprocess.Popen:
    """One process that runs the text."""
    return subprocess.Popen([MILLRACE, "-e", text], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(folder: pathlib.Path, text: str) -> str:
    """What a process prints."""
    done = subprocess.run([MILLRACE, "-e", text], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else done.stderr


def at_once(folder: pathlib.Path, texts: list[str]) -> list[tuple[int, str]]:
    """All of them together: exit status and what was said."""
    return [(process.wait(timeout=120), process.stderr.read()) for process in [start(folder, text) for text in texts]]


def files(folder: pathlib.Path, table: str) -> list[str]:
    """Data files of a table, and what lies in its staging folder."""
    return [str(path) for path in (folder / "spark-warehouse" / table).rglob("*") if path.is_file() and ("part-" in path.name or "staging" in str(path))]


def overwrites(folder: pathlib.Path) -> str | None:
    """Of overwrites at a time the last one stays, whole."""
    ask(folder, "CREATE TABLE t (j INT, id BIGINT); CREATE TABLE p (id BIGINT, j INT) PARTITIONED BY (j)")
    for attempt in range(4):
        said = at_once(folder, [f"INSERT OVERWRITE t SELECT {j} AS j, id FROM range({ROWS})" for j in range(4)])
        rows = ask(folder, "SELECT count(*), count(DISTINCT j) FROM t")
        if any(code for code, _ in said) or rows != f"{ROWS}\t1\n":
            return f"overwrites at once: {said} {rows}"
    if len(files(folder, "t")) > 4:
        return f"overwrites at once left files: {files(folder, 't')}"
    said = at_once(folder, [f"INSERT OVERWRITE p SELECT id, id % 3 AS j FROM range({j}, {j + ROWS})" for j in (0, 10_000, 20_000)])
    rows = ask(folder, "SELECT count(*), max(id) - min(id) FROM p")
    return None if not any(code for code, _ in said) and rows == f"{ROWS}\t{ROWS - 1}\n" else f"overwrites of partitions: {said} {rows}"


def appends(folder: pathlib.Path) -> str | None:
    """All count, those beside an overwrite either before or after it."""
    ask(folder, "CREATE TABLE a (j INT)")
    said = at_once(folder, [";".join(f"INSERT INTO a VALUES ({j * 10 + i})" for i in range(5)) for j in range(4)])
    rows = ask(folder, "SELECT count(*), count(DISTINCT j) FROM a")
    return None if not any(code for code, _ in said) and rows == "20\t20\n" else f"inserts at once: {said} {rows}"


def beside_partitions(folder: pathlib.Path) -> str | None:
    """An overwrite of one partition leaves what came into the others meanwhile."""
    ask(folder, "CREATE TABLE q (id BIGINT, j INT, k STRING) PARTITIONED BY (j, k); INSERT INTO q VALUES (-1, 2, 'x'), (-1, 3, 'y'), (-1, NULL, 'y')")
    inserts = [";".join(f"INSERT INTO q VALUES ({i}, 1, 'a')" for i in range(12))]
    named = [";".join(f"INSERT OVERWRITE q PARTITION (j = {j}{rest}) SELECT {i}{more}" for i in range(12)) for j, rest, more in [(2, ", k", ", 'z'"), (3, ", k = 'y'", "")]]
    nulls = [";".join(f"INSERT OVERWRITE q PARTITION (j = NULL, k = 'y') SELECT {i}" for i in range(12))]
    said = at_once(folder, inserts + named + nulls)
    rows = ask(folder, "SELECT j, k, count(*), max(id) FROM q GROUP BY j, k ORDER BY j, k")
    wanted = "NULL\ty\t1\t11\n1\ta\t12\t11\n2\tz\t1\t11\n3\ty\t1\t11\n"
    return None if not any(code for code, _ in said) and rows == wanted else f"overwrites of named partitions: {said} {rows}"


def over_itself(folder: pathlib.Path) -> str | None:
    """A table that is rewritten from itself loses no rows that come meanwhile: the rewrite is refused instead."""
    ask(folder, "CREATE TABLE r (id BIGINT); INSERT INTO r VALUES (0)")
    slow = start(folder, "INSERT OVERWRITE r SELECT id FROM r WHERE (SELECT sum(id) FROM range(300000000)) > 0")
    time.sleep(0.1)
    ask(folder, "INSERT INTO r VALUES (1)")
    code = slow.wait(timeout=120)
    said, rows = slow.stderr.read(), ask(folder, "SELECT * FROM r ORDER BY id")
    fine = rows == "0\n1\n" and (code == 0 or "CONCURRENT_QUERY" in said)
    return None if fine else f"a table over itself: exit {code}, {said} {rows}"


def creates(folder: pathlib.Path) -> str | None:
    """One of them makes the table; the others are refused, or have nothing to do."""
    for attempt in range(4):
        name = f"c{attempt}"
        said = at_once(folder, [f"CREATE TABLE {name} AS SELECT {j} AS j, id FROM range({ROWS})" for j in range(4)])
        rows = ask(folder, f"SELECT count(*), count(DISTINCT j) FROM {name}")
        refused = [text for code, text in said if code == 1 and "TABLE_OR_VIEW_ALREADY_EXISTS" in text]
        if len(refused) != 3 or rows != f"{ROWS}\t1\n" or len(files(folder, name)) != len({*files(folder, name)}):
            return f"tables made at once: {said} {rows}"
    said = at_once(folder, [f"CREATE TABLE IF NOT EXISTS d AS SELECT {j} AS j, id FROM range({ROWS})" for j in range(4)])
    rows = ask(folder, "SELECT count(*), count(DISTINCT j) FROM d")
    if any(code for code, _ in said) or rows != f"{ROWS}\t1\n":
        return f"if not exists at once: {said} {rows}"
    said = at_once(folder, [f"CREATE OR REPLACE TABLE d AS SELECT {j} AS j, id FROM range({ROWS})" for j in range(4)])
    rows = ask(folder, "SELECT count(*), count(DISTINCT j) FROM d")
    return None if not any(code for code, _ in said) and rows == f"{ROWS}\t1\n" else f"replaced at once: {said} {rows}"


def killed(folder: pathlib.Path) -> str | None:
    """What a killed writer has staged goes with the next writer, what a live one has staged stays."""
    ask(folder, "CREATE TABLE k (id BIGINT, s STRING)")
    many = "SELECT id, repeat(CAST(id AS STRING), 100) FROM range(30000000)"

    def staged(text: str, table: str) -> subprocess.Popen:
        process = start(folder, text)
        staging = folder / "spark-warehouse" / table / "_millrace" / "staging"
        before = {*staging.rglob("*")} if staging.is_dir() else set()
        for _ in range(3000):
            if staging.is_dir() and any(path.is_file() and path.stat().st_size > 4096 for path in {*staging.rglob("*")} - before):
                return process
            time.sleep(0.005)
        process.kill()
        return process

    for text, table, next_one in (
        (f"INSERT INTO k {many}", "k", "INSERT INTO k VALUES (1, 'a')"),
        (f"INSERT OVERWRITE k {many}", "k", "INSERT OVERWRITE k VALUES (1, 'a')"),
        (f"CREATE TABLE e AS {many}", "e", "CREATE TABLE e AS SELECT 1 AS id"),
    ):
        dead = staged(text, table)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        live = staged(f"INSERT INTO k {many}", "k") if table == "k" else None
        said = ask(folder, next_one)
        if said or (live and live.poll() is not None):
            return f"after a killed one: {text}: {said}"
        left = [name for name in files(folder, table) if "staging" in name]
        if (live and not left) or (not live and left):
            return f"staged files after a killed one: {left}"
        if live:
            live.send_signal(signal.SIGKILL)
            live.wait()
            ask(folder, "INSERT INTO k VALUES (1, 'b')")
            left = [name for name in files(folder, table) if "staging" in name]
            if left:
                return f"staged files stay: {left}"
    return None


def made_anew(folder: pathlib.Path) -> str | None:
    """Rows for a table that is replaced, dropped or renamed while they are made do not come into the new one."""
    for n, (change, then) in enumerate((
        ("CREATE OR REPLACE TABLE {} (b BIGINT, a BIGINT) USING csv; INSERT INTO {} VALUES (1, 2)", "1\t2\n"),
        ("CREATE OR REPLACE TABLE {} AS SELECT 'x' AS s", "x\n"),
        ("DROP TABLE {}; CREATE TABLE {} (s STRING); INSERT INTO {} VALUES ('y')", "y\n"),
        ("ALTER TABLE {} RENAME TO {}2; CREATE TABLE {} AS SELECT 'z' AS s", "z\n"),
    )):  # fmt: skip
        for write in ("INSERT INTO", "INSERT OVERWRITE"):
            name = f"m{n}{write[-1].lower()}"
            ask(folder, f"CREATE TABLE {name} (a BIGINT, b BIGINT) USING csv")
            late = start(folder, f"{write} {name} SELECT sum(id), 1 FROM range(40000000) WHERE pmod(hash(id), 7) <> 1")
            staging = folder / "spark-warehouse" / name / "_millrace" / "staging"
            for _ in range(2000):
                if staging.is_dir() and any(staging.iterdir()):
                    break
                time.sleep(0.002)
            late.send_signal(signal.SIGSTOP)
            said = ask(folder, change.replace("{}", name))
            late.send_signal(signal.SIGCONT)
            code, rows, refused = late.wait(timeout=60), ask(folder, f"SELECT * FROM {name}"), late.stderr.read()
            if said or code != 1 or rows != then or ("TABLE_ID_MISMATCH" not in refused and "NOT_FOUND" not in refused):
                return f"{write} beside {change}: {said} {code} {rows} {refused}"
    return None


REPLACED = """
CREATE TABLE s (id BIGINT) USING json OPTIONS (path 'in');
CREATE MATERIALIZED VIEW m AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM s;
CREATE MATERIALIZED VIEW mx AS SELECT max(n) AS n FROM m;
CREATE STREAMING TABLE j AS SELECT s.id, mx.n FROM STREAM s JOIN mx ON mx.n >= s.id;
"""


def replaced(folder: pathlib.Path) -> str | None:
    """Files that a refresh has replaced go, though a flow of the same run reads the view beside its stream."""
    (folder / "in").mkdir()
    (folder / "p.sql").write_text(REPLACED)
    for i in range(7):
        (folder / "in" / f"{i}.json").write_text(f'{{"id":{i}}}\n')
        done = subprocess.run([MILLRACE, "run", "p.sql", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return f"refreshes: {done.stderr}"
    left = [name for view in ("m", "mx") for name in files(folder, view)]
    return None if len(left) <= 4 else f"replaced files stay: {left}"


def many_files(folder: pathlib.Path) -> str | None:
    """More files than may be open are written and read; what a file may not hold is told."""

    def limited(limit: str, text: str) -> tuple[str, str]:
        done = subprocess.run(["bash", "-c", f'ulimit {limit}; exec "$0" -e "$1"', MILLRACE, text], cwd=folder, capture_output=True, text=True, timeout=120)
        return done.stdout, done.stderr

    wanted = ("30000\t449985000\t700\n", "")
    for form in ("parquet", "csv"):
        made = limited("-n 128", f"CREATE TABLE {form} USING {form} PARTITIONED BY (k) AS SELECT id, id % 700 AS k FROM range(30000)")
        said = limited("-n 128", f"SELECT count(*), sum(id), count(DISTINCT k) FROM {form}")
        n_files = len(files(folder, form))
        if made != ("", "") or said != wanted or n_files > 700 * (os.cpu_count() or 1):
            return f"files of 700 partitions of {form}: {made} {said} {n_files}"
    said = limited("-Hn 12", "SELECT count(*) FROM parquet AS a JOIN parquet AS b ON a.id = b.id JOIN parquet AS c ON a.id = c.id")
    if "Too many open files" in said[1] and "ulimit -n" not in said[1]:
        return f"too many open files: {said}"
    said = limited("-f 100", "CREATE TABLE big AS SELECT id, uuid() AS s FROM range(100000)")
    return None if "IO_ERROR" in said[1] and "ulimit -f" in said[1] else f"a file that may not grow: {said}"


def main() -> int:
    """All cases, each in a folder of its own."""
    bad = 0
    for case in (overwrites, appends, beside_partitions, over_itself, creates, killed, replaced, many_files, made_anew):
        with tempfile.TemporaryDirectory(dir=FAST) as place:
            wrong = case(pathlib.Path(place))
            if wrong:
                print(f"FAILED {case.__name__}: {wrong}")
                bad += 1
    print(f"9 cases, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
