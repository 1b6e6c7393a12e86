"""What the benches share: the engine, DuckDB from PyPI in an environment of its own, data, timing.

Data and environment lie under build/, or where MILLRACE_BENCH says.  Two threads each, ratios of one run.
"""

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = Path(os.environ.get("MILLRACE", ROOT / "build" / "millrace"))
WORK = Path(os.environ.get("MILLRACE_BENCH", ROOT / "build" / "bench-data"))
SHARED = Path(os.environ.get("MILLRACE_SHARED", ROOT.parent / "shared"))
PACKAGES = ["duckdb>=2.0,<3", "tpchgen-cli"]

DUCKDB = """
import sys, time, duckdb
setup, query, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = duckdb.connect(config={"threads": 2})
db.execute("SET enable_progress_bar=false; SET default_null_order='nulls_first_on_asc_last_on_desc'")
db.execute(setup)
best = 1e9
for _ in range(runs):
    begin = time.perf_counter()
    rows = db.execute(query).fetchall()
    best = min(best, time.perf_counter() - begin)
print(best)
for row in rows:
    print("\\t".join("NULL" if cell is None else str(cell) for cell in row))
"""


def skip(why: str) -> None:
    """Ends the bench without figures."""
    print(f"skipped: {why}")
    sys.exit(0)


def environment() -> Path:
    """The folder of programs of a virtual environment with the peers."""
    programs = WORK / "venv" / "bin"
    if not (programs / "tpchgen-cli").exists():
        WORK.mkdir(parents=True, exist_ok=True)
        venv.create(WORK / "venv", with_pip=True)
        done = subprocess.run([programs / "pip", "install", "-q", *PACKAGES], stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            shutil.rmtree(WORK / "venv")
            skip("no DuckDB from PyPI")
    return programs


def duckdb(setup: str, query: str, runs: int) -> tuple[float, str]:
    """The best of some runs in one DuckDB process with two threads, and the rows, tab-separated."""
    command = [environment() / "python3", "-c", DUCKDB, setup, query, str(runs)]
    seconds, _, rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")
    return float(seconds), rows


def millrace_seconds(script: str, runs: int) -> float:
    """The best of some whole processes with two threads, start-up included."""
    best = 1e9
    for _ in range(runs):
        begin = time.perf_counter()
        command = [ENGINE, "--conf", "millrace.exec.threads=2", "-f", "-"]
        subprocess.run(command, input=script, text=True, stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - begin)
    return best
