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
    ("names are no paths", "CREATE STREAMING TABLE `../../x/y` AS SELECT a FROM STREAM src;", [[(1, 5)], [(2, 5)]],
     "SELECT * FROM `../../x/y` ORDER BY a", "1\n2\n"),
    ("a view's names mean what they meant where it stands",
     "CREATE DATABASE IF NOT EXISTS d; USE d; CREATE TABLE t (a INT) USING json OPTIONS (path 'in'); CREATE MATERIALIZED VIEW v AS SELECT sum(a) AS n FROM t; USE default;",
     [[(1, 5)], [(2, 5)]], "SELECT * FROM d.v", "3\n"),
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


def main() -> int:
    """All cases."""
    bad = 0
    for name, *case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                play(pathlib.Path(folder), *case)
            except AssertionError as error:
                print(f"FAILED {name}: {error}")
                bad += 1
    print(f"{len(CASES)} scripts, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
