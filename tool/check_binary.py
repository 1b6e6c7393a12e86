"""Checks that the program is built to resist: position independent, read-only relocations, no
executable stack, stripped, and small.

usage: check_binary.py build/millrace
"""

import subprocess
import sys
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024


def readelf(*args: str) -> str:
    """What readelf prints."""
    return subprocess.run(["readelf", "-W", *args], capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Prints what is missing; 1 when something is."""
    path = sys.argv[1]
    headers, dynamic, sections = readelf("-hl", path), readelf("-d", path), readelf("-S", path)
    stack = next((line for line in headers.splitlines() if "GNU_STACK" in line), "RWE")
    wanted = {
        "is position independent": "DYN" in headers,
        "has read-only relocations": "GNU_RELRO" in headers and "NOW" in dynamic,
        "has no executable stack": "E" not in stack.split()[-2],
        "is stripped": ".symtab" not in sections,
        "has at most 20 MiB": Path(path).stat().st_size <= MAX_BYTES,
    }
    missing = [what for what, so in wanted.items() if not so]
    for what in missing:
        print(f"{path}: not so: {what}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
