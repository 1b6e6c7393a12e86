"""Source files that are written slowly, empty at first, in many small writes, out of order, cut, mended or deleted while a
pipeline follows their folder: no row is lost, none comes twice.  And tables that are read while they are overwritten."""

import gzip
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
PIPELINE = """
CREATE TABLE a (id BIGINT) USING json OPTIONS (path 'in');
CREATE STREAMING TABLE o AS SELECT id FROM STREAM a;
"""


def millrace(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    """One run of the program."""
    done = subprocess.run([MILLRACE, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stderr}"
    return done


def ids(folder: Path) -> list[int]:
    """What the table holds."""
    return [int(line) for line in millrace(folder, "-e", "SELECT id FROM o ORDER BY id").stdout.split()]


def rows(begin: int, end: int) -> str:
    """Lines of JSON."""
    return "".join(f'{{"id":{i}}}\n' for i in range(begin, end))


def files_may_be_written_slowly(folder: Path) -> None:
    """Opened, written in pieces, closed, under the final name from the start."""
    process = subprocess.Popen([MILLRACE, "run", "p.sql", "--continuous", "--quiet"], cwd=folder)
    time.sleep(0.2)
    for i in range(20):
        with open(folder / "in" / f"{(i * 7) % 20}.json", "w") as file:
            for j in range(10):
                file.write(rows(i * 10 + j, i * 10 + j + 1))
                file.flush()
                time.sleep(0.002 if i % 4 == 0 else 0)
    (folder / "in" / "empty.json").touch()
    time.sleep(0.1)
    (folder / "in" / "empty.json").write_text(rows(200, 210))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(ids(folder)) < 210:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert ids(folder) == list(range(210)), f"{len(ids(folder))} rows"


def a_cut_file_is_refused_and_taken_when_it_is_mended(folder: Path) -> None:
    """Nothing of it is committed before."""
    whole = gzip.compress(rows(0, 1000).encode())
    path = folder / "in" / "1.json.gz"
    path.write_bytes(whole[: len(whole) // 2])
    said = millrace(folder, "run", "p.sql", "--quiet", code=1).stderr
    assert "FAILED_READ_FILE" in said and "1.json.gz" in said, said
    assert ids(folder) == []
    path.write_bytes(whole)
    millrace(folder, "run", "p.sql", "--quiet")
    assert ids(folder) == list(range(1000))


def files_may_go_when_they_are_read_and_come_back(folder: Path) -> None:
    """A path is read once, whatever happens to it afterwards."""
    for number in (3, 1, 2):
        path = folder / "in" / f"{number}.json"
        path.write_text(rows(number * 10, number * 10 + 10))
        os.utime(path, (1_700_000_000 - number, 1_700_000_000 - number))
        millrace(folder, "run", "p.sql", "--quiet")
    (folder / "in" / "1.json").unlink()
    os.rename(folder / "in" / "2.json", folder / "moved")
    millrace(folder, "run", "p.sql", "--quiet")
    os.rename(folder / "moved", folder / "in" / "2.json")
    millrace(folder, "run", "p.sql", "--quiet")
    assert ids(folder) == list(range(10, 40))


def a_table_may_be_read_while_it_is_overwritten(folder: Path) -> None:
    """Each read sees one version whole, and replaced files go when nobody reads them any more."""
    millrace(folder, "-e", "CREATE TABLE t USING csv AS SELECT id FROM range(20000)")
    script = "INSERT OVERWRITE t SELECT id FROM range(20000);" * 30
    writer = subprocess.Popen([MILLRACE, "-e", script], cwd=folder)
    n_reads = 0
    while writer.poll() is None or n_reads == 0:
        assert millrace(folder, "-e", "SELECT count(*), sum(id) FROM t").stdout == "20000\t199990000\n"
        n_reads += 1
    assert writer.returncode == 0
    millrace(folder, "-e", "INSERT OVERWRITE t SELECT 1")
    left = [path.name for path in (folder / "spark-warehouse" / "t").glob("part-*")]
    assert len(left) == 1, left


def a_stop_is_answered_also_in_a_long_refresh(folder: Path) -> None:
    """What it was doing is not seen, and the next run does it."""
    (folder / "in" / "1.json").write_text(rows(0, 10))
    long = "SELECT count(*) AS n FROM range(100000000) AS x JOIN range(1000) AS y ON x.id % 1000 < y.id"
    (folder / "p.sql").write_text(PIPELINE + f"CREATE MATERIALIZED VIEW v AS {long};")
    process = subprocess.Popen([MILLRACE, "run", "p.sql", "--continuous", "--quiet"], cwd=folder)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    (folder / "p.sql").write_text(PIPELINE + "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM a;")
    millrace(folder, "run", "p.sql", "--quiet")
    assert millrace(folder, "-e", "SELECT * FROM v").stdout == "10\n"
    assert ids(folder) == list(range(10))


def main() -> int:
    """Each in a folder of its own."""
    bad = 0
    cases = [
        files_may_be_written_slowly,
        a_cut_file_is_refused_and_taken_when_it_is_mended,
        files_may_go_when_they_are_read_and_come_back,
        a_table_may_be_read_while_it_is_overwritten,
        a_stop_is_answered_also_in_a_long_refresh,
    ]
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "in").mkdir()
            (folder / "p.sql").write_text(PIPELINE)
            try:
                case(folder)
            except AssertionError as error:
                print(f"FAILED {case.__name__}: {error}")
                bad += 1
    print(f"{len(cases)} cases, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
