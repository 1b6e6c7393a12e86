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
    ("not a stream", "CREATE STREAMING TABLE s AS SELECT a FROM t;", ["INVALID_FLOW_QUERY_TYPE", "line 2"]),
]


def run(folder: str, text: str) -> subprocess.CompletedProcess:
    """One run of a pipeline file."""
    pathlib.Path(folder, "p.sql").write_text(text)
    return subprocess.run([MILLRACE, "run", "p.sql", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=60)


def main() -> int:
    """Each broken text, then the mended one in the same warehouse."""
    bad = 0
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
