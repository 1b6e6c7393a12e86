"""Tables of a pipeline: partitioned, with declared columns, filled by several flows, dropped, under odd names, in other
databases; each script is run again and again, with more input each time."""

import os
import pathlib
import subprocess
import sys
import tempfile

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
SOURCE = "CREATE TABLE src (a INT, k INT) USING json OPTIONS (path 'in');\n"

# name; script; what happens before each run: rows that arrive, or a statement; a query after the last run and its rows
CASES = [
    ("partition columns stand last, also for a flow that reads on",
     "CREATE STREAMING TABLE p PARTITIONED BY (k) AS SELECT k, a FROM STREAM src; CREATE STREAMING TABLE q AS SELECT * FROM STREAM p;",
     [[], [(1, 5)], [(2, 6)]], "SELECT * FROM q ORDER BY a", "1\t5\n2\t6\n"),
    ("a view may be partitioned", "CREATE MATERIALIZED VIEW v PARTITIONED BY (k) AS SELECT k, count(*) AS n FROM src GROUP BY k;",
     [[(1, 5)], [(2, 5)]], "SELECT * FROM v", "2\t5\n"),
    ("declared columns are found by name", "CREATE STREAMING TABLE p (a BIGINT, k STRING) AS SELECT k, a FROM STREAM src;",
     [[(1, 5)], [(2, 6)]], "SELECT a, concat(k, '!') FROM p ORDER BY a", "1\t5!\n2\t6!\n"),
    ("several flows fill a table of declared columns",
     """CREATE STREAMING TABLE p (k INT, b BIGINT);
     CREATE FLOW one AS INSERT INTO p BY NAME SELECT a AS b, k FROM STREAM src;
     CREATE FLOW two AS INSERT INTO p BY NAME SELECT k, a + 100 AS b FROM STREAM src;""",
     [[(1, 5)], [(2, 6)]], "SELECT k, b FROM p ORDER BY b", "5\t1\n6\t2\n5\t101\n6\t102\n"),
    ("dropped, a table gets all rows again from its flows",
     "CREATE TABLE p (a INT); CREATE FLOW f AS INSERT INTO p BY NAME SELECT a FROM STREAM src;",
     [[(1, 5)], "DROP TABLE p", [(2, 5)]], "SELECT a FROM p ORDER BY a", "1\n2\n"),
    ("dropped, a streaming table gets all rows again", "CREATE STREAMING TABLE p AS SELECT a FROM STREAM src;",
     [[(1, 5)], "DROP TABLE p", [(2, 5)]], "SELECT a FROM p ORDER BY a", "1\n2\n"),
    ("a table that was made anew is another one for those who follow it",
     "CREATE STREAMING TABLE p AS SELECT a FROM STREAM src; CREATE STREAMING TABLE q AS SELECT a FROM STREAM p;",
     [[(1, 5)], "DROP TABLE p", None, "DROP TABLE q", [(2, 5)]], "SELECT a FROM q ORDER BY a", "1\n2\n"),
    ("names are no paths", "CREATE STREAMING TABLE y (a INT); CREATE FLOW `../../x/y` AS INSERT INTO y BY NAME SELECT a FROM STREAM src;", [[(1, 5)], [(2, 5)]],
     "SELECT * FROM y ORDER BY a", "1\n2\n"),
    ("a view's names mean what they meant where it stands",
     "CREATE DATABASE IF NOT EXISTS d; USE d; CREATE TABLE t (a INT) USING json OPTIONS (path 'in'); CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM t; USE default;",
     [[(1, 5)], [(2, 5)]], "SELECT * FROM d.v", "3\n"),
]  # fmt: skip


# Texts of one pipeline after each other, a row for each; what a run that is refused says, or the rows of t after it
EDITS = [
    ("STREAMING TABLE t", "SELECT a, k FROM STREAM src", "1\t5\n"),
    ("STREAMING TABLE t USING json", "SELECT a, k FROM STREAM src", "(USING)"),
    ("STREAMING TABLE t OPTIONS (compression 'gzip')", "SELECT a, k FROM STREAM src", "OPTIONS"),
    ("STREAMING TABLE t PARTITIONED BY (k)", "SELECT a, k FROM STREAM src", "PARTITIONED BY"),
    ("STREAMING TABLE t LOCATION 'elsewhere'", "SELECT a, k FROM STREAM src", "LOCATION"),
    ("STREAMING TABLE t", "SELECT a, k, 1 AS n FROM STREAM src", "columns of its query"),
    ("STREAMING TABLE t", "SELECT a, k FROM STREAM src", "1\t5\n2\t5\n3\t5\n4\t5\n5\t5\n6\t5\n7\t5\n"),
    ("", "", "DROP TABLE t"),
    ("MATERIALIZED VIEW t", "SELECT a, k FROM src WHERE a < 3", "1\t5\n2\t5\n"),
    ("MATERIALIZED VIEW t", "SELECT k AS a, a AS b FROM src WHERE a / 0 > 1", "DIVIDE_BY_ZERO"),
    ("MATERIALIZED VIEW t", "SELECT string(a) AS k, k AS a FROM src WHERE a < 2", "1\t5\n"),
    ("MATERIALIZED VIEW t PARTITIONED BY (k)", "SELECT a, k FROM src WHERE a < 2", "1\t5\n"),
    ("MATERIALIZED VIEW t USING csv OPTIONS (sep '|')", "SELECT k, a FROM src WHERE a < 2", "5\t1\n"),
]  # fmt: skip


def millrace(folder: pathlib.Path, *arguments: str) -> str:
    """What the program prints."""
    done = subprocess.run([MILLRACE, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def play(folder: pathlib.Path, script: str, steps: list, query: str, wanted: str) -> None:
    """One case."""
    work = folder / "w" / "x"
    (work / "in").mkdir(parents=True)
    (work / "p.sql").write_text(SOURCE + script)
    for number, step in enumerate(steps):
        if isinstance(step, str):
            millrace(work, "-e", step)
            continue
        if step is None:  # this run is refused
            done = subprocess.run([MILLRACE, "run", "p.sql", "--quiet"], cwd=work, capture_output=True, text=True, timeout=60)
            assert done.returncode == 1 and "NOT_MATCH_IN_STATE_METADATA" in done.stderr, done.stderr
            continue
        (work / "in" / f"{number}.json").write_text("".join(f'{{"a":{a},"k":{k}}}\n' for a, k in step))
        millrace(work, "run", "p.sql", "--quiet")
    millrace(work, "run", "p.sql", "--quiet")  # nothing new
    got = millrace(work, "-e", query)
    assert got == wanted, f"{got!r} instead of {wanted!r}"
    flows = work / "spark-warehouse" / "_millrace" / "flows"
    assert not flows.exists() or all(p.name.startswith("d") for p in flows.iterdir())
    assert not (folder / "x").exists() and len(list((folder / "w").iterdir())) == 1, "something outside of the warehouse"


def play_edits(work: pathlib.Path) -> None:
    """What is stored stays readable under the text that is there now."""
    (work / "in").mkdir()
    wanted = ""
    for number, (table, query, want) in enumerate(EDITS, 1):
        (work / "in" / f"{number}.json").write_text(f'{{"a":{number},"k":5}}\n')
        if not table:
            millrace(work, "-e", want)
            continue
        (work / "p.sql").write_text(f"{SOURCE}CREATE {table} AS {query};")
        done = subprocess.run([MILLRACE, "run", "p.sql", "--quiet"], cwd=work, capture_output=True, text=True, timeout=60)
        if want.endswith("\n"):
            assert done.returncode == 0, done.stderr
            wanted = want
        else:
            assert done.returncode == 1 and want in done.stderr, f"{table} AS {query}: {done}"
            wanted = "" if "VIEW" in table else wanted
        if "VIEW" in table:  # its rows are its query's
            emptied = subprocess.run([MILLRACE, "-e", "TRUNCATE TABLE t"], cwd=work, capture_output=True, text=True, timeout=60)
            assert emptied.returncode == 1 and "EXPECT_TABLE_NOT_VIEW" in emptied.stderr, emptied
        got = millrace(work, "-e", "SELECT * FROM t ORDER BY ALL")
        assert got == wanted, f"{table} AS {query}: {got!r} instead of {wanted!r}"


def main() -> int:
    """All cases."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            play_edits(pathlib.Path(folder))
        except AssertionError as error:
            print(f"FAILED an edited text: {error}")
            bad += 1
    for name, *case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                play(pathlib.Path(folder), *case)
            except AssertionError as error:
                print(f"FAILED {name}: {error}")
                bad += 1
    print(f"{len(CASES) + 1} scripts, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
