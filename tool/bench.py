"""Runs the benches and compares with the last run.

usage: bench.py [NAME]

A bench is build/bench/*_bench (from src/*/*_bench.c) or bench/*.py.  Each line `name: 123.4 unit` that it
prints is kept in build/bench-last.json; the next run shows the ratio beside it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "build" / "bench-last.json"
LINE = re.compile(r"^(.*\S): +([0-9][0-9.,]*) +(\S.*)$")


def main() -> int:
    """Runs all that match."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    last = json.loads(LAST.read_text()) if LAST.exists() else {}
    commands = [[str(p)] for p in sorted((ROOT / "build" / "bench").glob("*_bench"))]
    commands += [[sys.executable, str(p)] for p in sorted((ROOT / "bench").glob("*.py")) if p.stem != "peer"]
    commands = [command for command in commands if name in Path(command[-1]).name]
    if not commands:
        print(f"no bench has '{name}' in its name", file=sys.stderr)
        return 2
    failed = 0
    for command in commands:
        print(f"-- {Path(command[-1]).name}", flush=True)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            match = LINE.match(line)
            if match:
                value = float(match[2].replace(",", ""))
                before = last.get(match[1])
                ratio = f"   {value / before:5.2f} x last run" if before else ""
                last[match[1]] = value
                print(line.rstrip() + ratio, flush=True)
            else:
                print(line.rstrip(), flush=True)
        failed += process.wait() != 0
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(json.dumps(last, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
