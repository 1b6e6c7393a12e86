"""What a stream reads of a source is what a batch reads of it, and what it does not read is said: partition folders below
every kind of path, files older than those that were read, files that were overwritten, names that are not UTF-8."""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
OLD = 1_600_000_000

FLAT = {"in/p=1/a.json": '{"id":1}\n', "in/p=2/b.json": '{"id":2}\n'}
DEEP = {"in/p=1/x=2/a.json": '{"id":1}\n', "in/p=1/x=3/b.json": '{"id":2}\n'}
NESTED = {"in/a.json": '{"id":1}\n', "in/sub/b.json": '{"id":2}\n', "in/sub/p=3/c.json": '{"id":3}\n'}
ESCAPED = {f"in/p={value}/a.json": '{"id":1}\n' for value in ("__HIVE_DEFAULT_PARTITION__", "x%20y", "a%2Fb")}
COLUMNS = "id BIGINT, p STRING, x STRING"  # partition columns come last

# What is there, the table's options, its columns, its provider; then the rows that Spark gives.
SAME = [
    (FLAT, "path 'in'", COLUMNS, "json", ["1\tNULL\t1", "2\tNULL\t2"]),
    (FLAT, "path 'in/p=1'", COLUMNS, "json", ["1\tNULL\tNULL"]),
    (FLAT, "path 'in/p=1/'", COLUMNS, "json", ["1\tNULL\tNULL"]),
    (FLAT, "path 'in/p=1/a.json'", COLUMNS, "json", ["1\tNULL\tNULL"]),
    (FLAT, "path 'in/p=*'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL"]),
    (FLAT, "path 'in/*/*.json'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL"]),
    (FLAT, "path 'in/{p=1,p=2}'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL"]),
    (FLAT, "path 'in/p=1', basePath 'in'", COLUMNS, "json", ["1\tNULL\t1"]),
    (FLAT, "path 'in/p=*', basePath 'in'", COLUMNS, "json", ["1\tNULL\t1", "2\tNULL\t2"]),
    (FLAT, "path 'in', recursiveFileLookup 'true'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL"]),
    (FLAT, "path 'in', basePath '.', recursiveFileLookup 'true'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL"]),
    (FLAT, "path 'in'", "", "json", ["1\t1", "2\t2"]),
    (FLAT, "path 'in'", "id BIGINT, p INT", "json", ["1\t1", "2\t2"]),
    (DEEP, "path 'in'", COLUMNS, "json", ["1\t1\t2", "2\t1\t3"]),
    (DEEP, "path 'in/p=1'", COLUMNS, "json", ["1\tNULL\t2", "2\tNULL\t3"]),
    (DEEP, "path 'in/p=1', basePath 'in'", COLUMNS, "json", ["1\t1\t2", "2\t1\t3"]),
    (NESTED, "path 'in', recursiveFileLookup 'true'", COLUMNS, "json", ["1\tNULL\tNULL", "2\tNULL\tNULL", "3\tNULL\tNULL"]),
    (ESCAPED, "path 'in'", "id BIGINT, p STRING", "json", ["1\tNULL", "1\ta/b", "1\tx y"]),
    ({"in/p=1/a": "x\n"}, "path 'in'", "value STRING, p INT", "text", ["x\t1"]),
    ({"in/a": "x", "in/empty": ""}, "path 'in', wholetext 'true'", "", "text", ["x"]),
    ({"in/a.json": '{"id":1}\n{}\n'}, "path 'in'", "id BIGINT NOT NULL", "json", ["1", "NULL"]),
]


def millrace(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess:
    """One run of the program."""
    done = subprocess.run([MILLRACE, *arguments], cwd=folder, capture_output=True, timeout=60, check=False)
    done.stdout, done.stderr = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stderr}"
    return done


def write(path: Path, text: str, modified: int = 0) -> None:
    """A file with its folders, and its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if modified:
        os.utime(path, (modified, modified))


def rows(folder: Path, table: str) -> list[str]:
    """What the table holds."""
    return sorted(millrace(folder, "-e", f"SELECT * FROM {table}").stdout.splitlines())


def a_stream_reads_what_a_batch_reads(folder: Path) -> None:
    """Also when an epoch is read again from its position alone."""
    for number, (files, options, columns, provider, expected) in enumerate(SAME):
        case = folder / str(number)
        for path, text in files.items():
            write(case / path, text)
        source = f"CREATE TABLE s {f'({columns})' if columns else ''} USING {provider} OPTIONS ({options});"
        (case / "p.sql").write_text(f"{source}\nCREATE STREAMING TABLE t AS SELECT * FROM STREAM s;")
        millrace(case, "run", "p.sql", "--once", "--quiet")
        assert rows(case, "s") == expected, f"{options}: batch {rows(case, 's')}, not {expected}"
        assert rows(case, "t") == expected, f"{options}: stream {rows(case, 't')}, not {expected}"


def pipeline(folder: Path, options: str = "") -> None:
    """A stream of the files of in."""
    source = f"CREATE TABLE s (id BIGINT) USING json OPTIONS (path 'in'{options});"
    (folder / "p.sql").write_text(f"{source}\nCREATE STREAMING TABLE t AS SELECT * FROM STREAM s;")


def only_what_was_there_at_the_start_is_left_out(folder: Path) -> None:
    """A file that came while nobody looked is new, however old it is."""
    pipeline(folder, ", newFilesOnly 'true'")
    write(folder / "in/0.json", '{"id":0}')
    write(folder / "apart/1.json", '{"id":1}')
    write(folder / "apart/3.json", '{"id":3}')
    millrace(folder, "run", "p.sql", "--once", "--quiet")
    write(folder / "in/2.json", '{"id":2}')
    millrace(folder, "run", "p.sql", "--once", "--quiet")
    assert rows(folder, "t") == ["2"]
    for name in ("1.json", "3.json"):
        os.rename(folder / "apart" / name, folder / "in" / name)
        millrace(folder, "run", "p.sql", "--once", "--quiet")
    assert rows(folder, "t") == ["1", "2", "3"]


def a_file_too_old_is_left_out_and_said_once(folder: Path) -> None:
    """Older than maxFileAge: left out as Spark does it, but not without a word."""
    pipeline(folder)
    write(folder / "in/1.json", '{"id":1}')
    millrace(folder, "run", "p.sql", "--once", "--quiet")
    write(folder / "in/2.json", '{"id":2}', OLD)
    said = millrace(folder, "run", "p.sql", "--once").stderr
    assert "1 file skipped" in said, said
    write(folder / "in/3.json", '{"id":3}')
    said = millrace(folder, "run", "p.sql", "--once").stderr
    assert said.count("1 file skipped") == 2, said
    said = millrace(folder, "run", "p.sql", "--once").stderr
    assert "skipped" not in said, said
    assert rows(folder, "t") == ["1", "3"]
    os.utime(folder / "in/2.json")
    millrace(folder, "run", "p.sql", "--once")
    assert rows(folder, "t") == ["1", "2", "3"]


def a_file_from_the_future_makes_no_others_old(folder: Path) -> None:
    """Somebody's clock is wrong."""
    pipeline(folder)
    write(folder / "in/1.json", '{"id":1}', 4_000_000_000)
    millrace(folder, "run", "p.sql", "--once")
    write(folder / "in/2.json", '{"id":2}')
    millrace(folder, "run", "p.sql", "--once")
    assert rows(folder, "t") == ["1", "2"]


def an_overwritten_table_is_not_read_as_if_rows_were_added(folder: Path) -> None:
    """Its rows went already where the stream writes."""
    script = "CREATE STREAMING TABLE t AS SELECT id FROM STREAM b;"
    (folder / "p.sql").write_text(script)
    for change in ("INSERT OVERWRITE b SELECT 3", "TRUNCATE TABLE b"):
        shutil.rmtree(folder / "spark-warehouse", ignore_errors=True)
        millrace(folder, "-e", "CREATE TABLE b (id BIGINT) USING parquet; INSERT INTO b VALUES (1), (2)")
        millrace(folder, "run", "p.sql", "--once")
        millrace(folder, "-e", "INSERT INTO b VALUES (4)")
        millrace(folder, "run", "p.sql", "--once")
        assert rows(folder, "t") == ["1", "2", "4"]
        millrace(folder, "-e", change)
        said = millrace(folder, "run", "p.sql", "--once", code=1).stderr
        assert "overwritten" in said and "begins anew" in said and "spark-warehouse/b" in said, said
        (folder / "q.sql").write_text("SET spark.sql.files.ignoreMissingFiles = true;\n" + script)
        millrace(folder, "run", "q.sql", "--once")
        assert rows(folder, "t") == (["1", "2", "3", "4"] if "SELECT 3" in change else ["1", "2", "4"])


def a_name_that_is_not_utf8_is_kept(folder: Path) -> None:
    """Byte for byte, in the position and in the state."""
    pipeline(folder)
    (folder / "in").mkdir(exist_ok=True)
    for i, name in enumerate((b"b\xe4r.json", b"\xff.json")):
        Path(os.fsdecode(os.fsencode(folder / "in") + b"/" + name)).write_text(f'{{"id":{i}}}')
        millrace(folder, "run", "p.sql", "--once")
        millrace(folder, "run", "p.sql", "--once")
    write(folder / "in/c.json.gz", "")
    (folder / "in/c.json.gz").write_bytes(gzip.compress(b'{"id":2}'))
    millrace(folder, "run", "p.sql", "--once")
    assert rows(folder, "t") == ["0", "1", "2"]


def a_path_that_names_nothing_is_refused(folder: Path) -> None:
    """What has no wildcard must be there when a flow begins."""
    shutil.rmtree(folder / "in")
    for path, said in (("in", "PATH_NOT_FOUND"), ("", "INVALID_PARAMETER_VALUE"), ("[a", "INVALID_PARAMETER_VALUE"),
                       ("x/{a", "INVALID_PARAMETER_VALUE")):
        (folder / "p.sql").write_text(
            f"CREATE TABLE s (id BIGINT) USING json OPTIONS (path '{path}');\n"
            "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;"
        )
        error = millrace(folder, "run", "p.sql", "--once", code=1).stderr
        assert said in error, f"{path}: {error}"
    pipeline(folder)
    (folder / "p.sql").write_text((folder / "p.sql").read_text().replace("'in'", "'in/*'"))
    millrace(folder, "run", "p.sql", "--once")
    write(folder / "in/1.json", '{"id":1}')
    millrace(folder, "run", "p.sql", "--once")
    assert rows(folder, "t") == ["1"]


def a_run_ends_with_what_was_there_when_it_began(folder: Path) -> None:
    """Also over a source that always has more; and a clock that began in one run goes on in the next."""
    stream = "CREATE STREAMING TABLE t AS SELECT value FROM STREAM r;"
    (folder / "p.sql").write_text(f"CREATE TABLE r USING `rate-micro-batch` OPTIONS (rowsPerBatch 3);\n{stream}")
    for expected in (3, 6):
        millrace(folder, "run", "p.sql", "--once")
        assert len(rows(folder, "t")) == expected
    (folder / "q.sql").write_text("CREATE TABLE c USING rate;\nCREATE STREAMING TABLE u AS SELECT value FROM STREAM c;")
    millrace(folder, "run", "q.sql", "--once")
    assert rows(folder, "u") == []
    time.sleep(1.1)
    millrace(folder, "run", "q.sql", "--once")
    assert rows(folder, "u")[:1] == ["0"]


def main() -> int:
    """Each in a folder of its own."""
    bad = 0
    cases = [
        a_stream_reads_what_a_batch_reads,
        only_what_was_there_at_the_start_is_left_out,
        a_file_too_old_is_left_out_and_said_once,
        a_file_from_the_future_makes_no_others_old,
        an_overwritten_table_is_not_read_as_if_rows_were_added,
        a_name_that_is_not_utf8_is_kept,
        a_path_that_names_nothing_is_refused,
        a_run_ends_with_what_was_there_when_it_began,
    ]
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "in").mkdir()
            try:
                case(folder)
            except AssertionError as error:
                print(f"FAILED {case.__name__}: {error}")
                bad += 1
    print(f"{len(cases)} cases, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
