"""Checks that the shared library exports exactly the functions marked MR_API in include/.

usage: check_symbols.py build/libmillrace.so
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Compares both lists; 1 when they differ."""
    declared = set()
    for header in (ROOT / "include").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        declared |= set(re.findall(r"\bMR_API\b[^;{]*?\b(mr_\w+)\s*\(", text))
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True
    ).stdout
    exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
    for name in sorted(exported - declared):
        print(f"{sys.argv[1]}: exports {name}, which no header marks MR_API")
    for name in sorted(declared - exported):
        print(f"{sys.argv[1]}: does not export {name}, which a header marks MR_API")
    return 0 if exported == declared else 1


if __name__ == "__main__":
    sys.exit(main())
