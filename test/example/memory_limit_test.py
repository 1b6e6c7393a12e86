"""The process stays within millrace.memory.limit, by what the system says of it: what spills, and what has freed much and goes on."""

import os
import pathlib
import subprocess
import sys

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
LIMIT_MIB = 64
MORE_MIB = LIMIT_MIB * 30 // 100 + 12  # the program itself, its threads, pages that are partly free

# what is wanted: rows, or a refusal that names the memory
QUERIES = {
    "sort": "SELECT id, s FROM (SELECT id, concat('row ', id * 7919 % 3000017) AS s FROM range(3000000)) ORDER BY s, id LIMIT 1 OFFSET 2500000",
    "groups": "SELECT count(*), sum(n) FROM (SELECT id % 2000003 AS k, count(*) AS n FROM range(3000000) GROUP BY k)",
    "join": "SELECT count(*) FROM range(2000000) a JOIN (SELECT id * 3 AS id, string(id) AS s FROM range(1500000)) b ON a.id = b.id",
    "window": "SELECT max(n) FROM (SELECT row_number() OVER (PARTITION BY id % 11 ORDER BY id DESC) AS n FROM range(3000000))",
    "distinct": "SELECT count(DISTINCT string(id % 1500007)) FROM range(3000000)",
    "window of all rows": "SELECT x FROM (SELECT lag(id, 2000000) OVER (ORDER BY id) AS x FROM range(3000000)) ORDER BY x DESC NULLS LAST LIMIT 1",
}


def main() -> int:
    """All queries."""
    bad = 0
    for name, query in QUERIES.items():
        process = subprocess.Popen([MILLRACE, "--conf", f"millrace.memory.limit={LIMIT_MIB}m", "--conf", "millrace.exec.threads=2", "-e", query], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        fine = process.returncode == 0 and out or b"UNABLE_TO_ACQUIRE_MEMORY" in err
        if not fine or usage.ru_maxrss / 1024 > LIMIT_MIB + MORE_MIB:
            print(f"FAILED {name}: {usage.ru_maxrss / 1024:.0f} MiB, exit {process.returncode}, {out!r} {err!r}")
            bad += 1
    print(f"{len(QUERIES)} queries, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
