"""TPC-H SF1 on Parquet against DuckDB: all 22 answers compared, five queries timed in turn.

The query texts are read from MILLRACE_SHARED/peers/batch/tpch; without them this is skipped.  Whole processes of
millrace, start-up included, against hot queries in a DuckDB process that is already there.
"""

import subprocess
from decimal import Decimal, InvalidOperation

from peer import ENGINE, SHARED, WORK, duckdb, environment, millrace_seconds, skip

TIMED = (1, 3, 6, 9, 18)
TABLES = "lineitem orders customer part partsupp supplier nation region".split()
DATA = WORK / "tpch1"


def query(number: int) -> str:
    """One query's text."""
    return (SHARED / "peers" / "batch" / "tpch" / f"q{number:02}.sql").read_text().strip().rstrip(";")


def cell_equal(a: str, b: str) -> bool:
    """Equal as text, or as numbers up to the last digits of DuckDB's avg(), which is a double."""
    try:
        x, y = Decimal(a), Decimal(b)
    except InvalidOperation:
        return a == b
    return a == b or abs(x - y) <= abs(x) * Decimal("1e-6") + Decimal("1e-6")


def rows_equal(ours: str, theirs: str) -> bool:
    """In the same order, or else as sorted rows: some ORDER BYs leave ties."""
    for order in (list, sorted):
        a, b = order(ours.splitlines()), order(theirs.splitlines())
        if len(a) == len(b) and all(
            x.count("\t") == y.count("\t") and all(map(cell_equal, x.split("\t"), y.split("\t"))) for x, y in zip(a, b)
        ):
            return True
    return False


def answer(script: str) -> str:
    """What millrace prints, or how it failed."""
    command = [ENGINE, "--format", "tsv", "-f", "-"]
    try:
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "failed: no end after 60 s"
    return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"


def main() -> None:
    """Compares, then times."""
    if not (SHARED / "peers" / "batch" / "tpch").is_dir():
        skip("no query texts")
    if not (DATA / "lineitem.parquet").exists():
        DATA.mkdir(parents=True, exist_ok=True)
        subprocess.run([environment() / "tpchgen-cli", "parquet", "-s", "1", "-q", "-o", DATA], check=True)
    ours = "".join(f"CREATE TEMPORARY VIEW {t} USING parquet OPTIONS (path '{DATA}/{t}.parquet');\n" for t in TABLES)
    theirs = "".join(f"CREATE VIEW {t} AS SELECT * FROM '{DATA}/{t}.parquet';\n" for t in TABLES)
    wrong, totals = [], [0.0, 0.0]
    for number in range(1, 23):
        name = f"q{number:02}"
        seconds, rows = duckdb(theirs, query(number), 5 if number in TIMED else 1)
        if not rows_equal(answer(ours + query(number)), rows):
            wrong.append(name)
        elif number in TIMED:
            mine = millrace_seconds(ours + query(number), 5)
            totals = [totals[0] + mine, totals[1] + seconds]
            print(f"tpch sf1 {name}: {mine:.3f} s   DuckDB {seconds:.3f} s   {mine / seconds:.2f} x", flush=True)
    print(f"tpch sf1 equal answers: {22 - len(wrong)} of 22{'; not: ' + ' '.join(wrong) if wrong else ''}")
    if totals[1]:
        print(f"tpch sf1 those timed: {totals[0]:.3f} s   DuckDB {totals[1]:.3f} s   {totals[0] / totals[1]:.2f} x")


main()
