"""Runs the C examples that were built beside the program and checks what they print."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MILLRACE = Path(os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))).resolve()

FIRST_QUERY = """\
+----+---+-----+
|card|  n|total|
+----+---+-----+
|anna|  3|  201|
| ben|  2|   42|
|cleo|  1|    5|
+----+---+-----+
cards with more than one payment: 2
largest total: 201
a mistake: UNRESOLVED_COLUMN.WITH_SUGGESTION
"""


def main() -> int:
    """Runs each in a folder of its own."""
    program = MILLRACE.parent / "example" / "first_query"
    if not program.exists():
        print(f"skipped: there is no {program}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mr-example-") as scratch:
        done = subprocess.run([program], cwd=scratch, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        assert done.stdout == FIRST_QUERY, done.stdout
    return 0


if __name__ == "__main__":
    sys.exit(main())
