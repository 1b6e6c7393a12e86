"""What a pipeline says when its text or its data is wrong, and that the mended text then runs."""

import os
import pathlib
import subprocess
import sys
import tempfile

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
SOURCE = "CREATE TABLE t (a INT) USING json OPTIONS (path 'in.json');\n"

# name, text, what standard error must hold
BROKEN = [
    ("refused", "CREATE STREAMING TABLE s AS SELECT count(DISTINCT a) AS n FROM STREAM t;", ["STREAMING_OUTPUT_MODE", "line 2"]),
    ("unknown column", "CREATE STREAMING TABLE s AS SELECT b FROM STREAM t;", ["UNRESOLVED_COLUMN", "line 2, column 36"]),
    ("fails in a row", "CREATE STREAMING TABLE x AS\nSELECT 1 / (a - 1) AS q FROM STREAM t;", ["DIVIDE_BY_ZERO", "flow 'x'", "line 2"]),
    ("view fails", "CREATE MATERIALIZED VIEW v AS SELECT 1 / (a - 1) AS q FROM t;", ["DIVIDE_BY_ZERO", "flow 'v'", "line 2"]),
    ("flow twice", "CREATE STREAMING TABLE x AS SELECT a FROM STREAM t; CREATE STREAMING TABLE X AS SELECT a FROM STREAM t;", ["PIPELINE_DUPLICATE_IDENTIFIERS.FLOW"]),
    ("column twice", "CREATE STREAMING TABLE s AS SELECT a, a AS A FROM STREAM t;", ["COLUMN_ALREADY_EXISTS", "line 2"]),
    ("path twice", "CREATE TABLE z (a INT) USING json OPTIONS (path 'x', Path 'y');", ["_LEGACY_ERROR_TEMP_0032", "'x' and 'y'"]),
    ("path and location", "CREATE TABLE z (a INT) USING json OPTIONS (path 'x') LOCATION 'y';", ["_LEGACY_ERROR_TEMP_0032"]),
    ("property twice", "CREATE TABLE z (a INT) USING json TBLPROPERTIES ('k' = '1', 'k' = '2');", ["DUPLICATE_KEY", "`k`"]),
    ("numbers rows", "CREATE STREAMING TABLE s AS SELECT a, monotonically_increasing_id() AS n FROM STREAM t;", ["_LEGACY_ERROR_TEMP_3102", "monotonically_increasing_id"]),
    ("set operation", "CREATE STREAMING TABLE s AS SELECT a FROM STREAM t EXCEPT ALL SELECT 1;", ["EXCEPT ALL over a stream"]),
    ("stream of a view", "CREATE MATERIALIZED VIEW v AS SELECT a FROM t; CREATE STREAMING TABLE s AS SELECT a FROM STREAM v;", ["INCOMPATIBLE_BATCH_VIEW_READ", "`v`"]),
    ("feeds itself", "CREATE STREAMING TABLE c (a INT); CREATE STREAMING TABLE d AS SELECT a FROM STREAM c; CREATE FLOW f AS INSERT INTO c BY NAME SELECT a + 1 AS a FROM STREAM d;", ["PIPELINE_GRAPH_NOT_TOPOLOGICALLY_SORTED", "flow f"]),
    ("into a view", "CREATE MATERIALIZED VIEW v AS SELECT a FROM t; INSERT INTO v VALUES (1);", ["UNSUPPORTED_INSERT.NOT_ALLOWED", "line 2"]),
    ("not a stream", "CREATE STREAMING TABLE s AS SELECT a FROM t;", ["INVALID_FLOW_QUERY_TYPE", "line 2"]),
]


def run(folder: str, text: str) -> subprocess.CompletedProcess:
    """One run of a pipeline file."""
    pathlib.Path(folder, "p.sql").write_text(text)
    return subprocess.run([MILLRACE, "run", "p.sql", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=60)


def rows_of(folder: str, query: str) -> str:
    """What a later process reads."""
    return subprocess.run([MILLRACE, "-e", query], cwd=folder, capture_output=True, text=True, timeout=60).stdout


def changed_texts() -> int:
    """Runs whose text has changed since the last one: refused, or what a name or a dropped table means."""
    windows = "CREATE STREAMING TABLE w AS SELECT window.start AS s, count(*) AS n FROM STREAM e WATERMARK at DELAY OF INTERVAL 1 SECOND GROUP BY window(at, '{}');"
    events = "CREATE TABLE e (at TIMESTAMP) USING json OPTIONS (path 'in.json');\n"
    copy = "CREATE STREAMING TABLE {} AS SELECT a FROM STREAM t;"
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "in.json").write_text('{"a":1, "at":"2026-01-01T00:03:01Z"}\n')
        first = run(folder, events + windows.format("1 minute"))
        second = run(folder, events + windows.format("2 minutes"))
        wanted = "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"
        if first.returncode != 0 or second.returncode != 1 or wanted not in second.stderr:
            print(f"FAILED a window of another size: exit {second.returncode}\n{first.stderr}{second.stderr}")
            bad += 1
        body = "CREATE TEMPORARY FUNCTION f(x INT) RETURNS INT RETURN x * {};\n"
        sums = "CREATE STREAMING TABLE f AS SELECT at, sum(f(a)) AS n FROM STREAM e WATERMARK at DELAY OF INTERVAL 1 SECOND GROUP BY at;"
        both = "CREATE TABLE e (at TIMESTAMP, a INT) USING json OPTIONS (path 'in.json');\n"
        said = [run(folder, body.format(n) + both + sums) for n in (1, 1, 1000)]
        if [s.returncode for s in said] != [0, 0, 1] or "1000" not in said[2].stderr:
            print(f"FAILED the body of a function changes: {[s.stderr for s in said]}")
            bad += 1
        inline = "CREATE STREAMING TABLE i AS SELECT at, sum(a * w) AS n FROM STREAM e WATERMARK at DELAY OF INTERVAL 1 SECOND JOIN VALUES (1, {}) AS d(k, w) ON a = k GROUP BY at;"
        said = [run(folder, both + inline.format(n)) for n in (1, 1, 1000)]
        if [s.returncode for s in said] != [0, 0, 1] or "1000" not in said[2].stderr:
            print(f"FAILED inline VALUES change: {[s.stderr for s in said]}")
            bad += 1
        rows_of(folder, "DROP TABLE e")
        half = windows.replace("GROUP BY", "WHERE at < '2027-01-01' GROUP BY").format("1 minute")
        above = windows.replace("count(*) AS n", "count(*) + 1 AS n").format("1 minute")
        for what, text, code in (("a filter below the state", half, 1), ("a column above it", above, 0)):
            said = run(folder, events + text)
            if said.returncode != code or (code and "Filter (at <" not in said.stderr):
                print(f"FAILED {what} changes: exit {said.returncode}\n{said.stderr}")
                bad += 1
        for name in ("copy", "COPY"):
            run(folder, SOURCE + copy.format(name))
        if rows_of(folder, "SELECT * FROM copy") != "1\n":
            print(f"FAILED a name in capitals is the same flow: {rows_of(folder, 'SELECT * FROM copy')!r}")
            bad += 1
        rows_of(folder, "DROP TABLE Copy")
        again = run(folder, SOURCE + copy.format("copy"))
        pathlib.Path(folder, "in2.json").write_text('{"a":2}\n')
        both = SOURCE.replace("in.json", "in*.json")
        grown = [run(folder, both + f"CREATE STREAMING TABLE g AS SELECT a FROM STREAM t WHERE a {test};") for test in ("> 1", "= 1", "> 0")]
        if any(said.returncode for said in grown) or rows_of(folder, "SELECT * FROM g") != "2\n":
            print(f"FAILED a filter without state may change: {[said.stderr for said in grown]}")
            bad += 1
        if rows_of(folder, "SELECT * FROM copy") != "1\n":
            print(f"FAILED a dropped table's flow begins anew: exit {again.returncode}\n{again.stderr}")
            bad += 1
    return bad


def losses_are_told() -> int:
    """Records that are no good are counted: by a flow, by a view, and by a query."""
    text = """CREATE TABLE c (a INT, b INT) USING csv OPTIONS (path 'in', mode 'DROPMALFORMED');
CREATE STREAMING TABLE s AS SELECT a + b AS n FROM STREAM c;
CREATE MATERIALIZED VIEW v AS SELECT sum(a + b) AS n FROM c;"""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "in").mkdir()
        pathlib.Path(folder, "in", "1.csv").write_text("1,2\nx,3\n4,5\n4,5,6\n")
        pathlib.Path(folder, "p.sql").write_text(text)
        command = [MILLRACE, "run", "p.sql", "--once"]
        news = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        asked = [MILLRACE, "-e", "EXPLAIN ANALYZE SELECT a, b FROM c"]
        told = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=60)
        said = news.stdout + news.stderr
        missing = [w for w in ("s: 2 rows read, 0 late, 2 malformed records", "v: refreshed with 2 new rows, 2 malformed records") if w not in said]
        asked = [MILLRACE, "-e", "SELECT a, b FROM c"]
        note = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=60).stderr
        if missing or "malformed 2" not in told.stdout or note != "note: 2 malformed records\n":
            print(f"FAILED malformed records are counted: without {missing} in\n{said}\n{told.stdout}{told.stderr}{note}")
            return 1
    return 0


def wrong_times_are_told() -> int:
    """Event times that are missing or far ahead are counted; a setting keeps the latter from closing what is open."""
    lines = ["2026-01-01T00:00:23Z", None, "9999-01-01T00:00:00Z", "2026-01-01T00:00:27Z", "2026-01-01T00:10:27Z"]
    text = """CREATE TABLE e (at TIMESTAMP, k INT) USING json OPTIONS (path 'in', maxFilesPerTrigger '1');
CREATE STREAMING TABLE w AS SELECT window.start AS s, count(*) AS n
FROM STREAM e WATERMARK at DELAY OF INTERVAL 10 SECONDS GROUP BY window(at, '1 minute');"""
    bad = 0
    for settings, wanted in (([], "1 late"), (["--conf", "millrace.watermark.maxAheadSeconds=86400"], "0 late")):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "in").mkdir()
            for i, at in enumerate(lines):
                path = pathlib.Path(folder, "in", f"{i}.json")
                path.write_text(f'{{"at":"{at}"}}\n' if at else '{"k":1}\n')
                os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))
            pathlib.Path(folder, "p.sql").write_text(text)
            command = [MILLRACE, *settings, "run", "p.sql", "--once"]
            news = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
            if f"w: 5 rows read, {wanted}, 1 without event time, 1 more than a day ahead\n" not in news.stdout + news.stderr:
                print(f"FAILED wrong times with {settings}:\n{news.stdout}{news.stderr}")
                bad += 1
    return bad


def no_note() -> int:
    """A first run that cannot write beside its checkpoint says so, and leaves nothing in the way of the next one."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "in.json").write_text('{"a":1}\n')
        note = pathlib.Path(folder, "spark-warehouse/_millrace/flows/default.s.table")
        note.mkdir(parents=True)
        text = SOURCE + "CREATE STREAMING TABLE s AS SELECT a FROM STREAM t;"
        first = run(folder, text)
        note.rmdir()
        second = run(folder, text)
        rows = rows_of(folder, "SELECT a FROM s")
    wrong = first.returncode != 1 or "IO_ERROR" not in first.stderr or second.returncode != 0 or rows != "1\n"
    if wrong:
        print(f"FAILED no note: {first.returncode} {first.stderr}{second.stderr}{rows}")
    return int(wrong)


def main() -> int:
    """Each broken text, then the mended one in the same warehouse."""
    bad = changed_texts() + losses_are_told() + wrong_times_are_told() + no_note()
    for name, text, wanted in BROKEN:
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "in.json").write_text('{"a":1}\n{"a":2}\n')
            said = run(folder, SOURCE + text)
            missing = [part for part in wanted if part not in said.stderr]
            if said.returncode != 1 or missing:
                print(f"FAILED {name}: exit {said.returncode}, without {missing}:\n{said.stderr}")
                bad += 1
            mended = run(folder, SOURCE + "CREATE STREAMING TABLE s AS SELECT a + 1 AS b FROM STREAM t;")
            rows = subprocess.run([MILLRACE, "-e", "SELECT b FROM s ORDER BY b"], cwd=folder, capture_output=True, text=True)
            if mended.returncode != 0 or rows.stdout != "2\n3\n":
                print(f"FAILED {name}, mended: exit {mended.returncode}, rows {rows.stdout!r}\n{mended.stderr}{rows.stderr}")
                bad += 1
    print(f"{len(BROKEN)} broken pipelines, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
