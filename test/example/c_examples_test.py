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


RDD_WORD_COUNT = """\
words that come more than once
  a        2 times: ?
  is       3 times: ?
  mill     3 times: a house with a wheel
  runs     2 times: ?
  the      3 times: ?
  water    3 times: what turns it
the most frequent has the count
  000000003
different words
  13
"""

EXAMPLES = {"first_query": FIRST_QUERY, "rdd_word_count": RDD_WORD_COUNT}


def main() -> int:
    """Runs each in a folder of its own."""
    for name, answer in EXAMPLES.items():
        program = MILLRACE.parent / "example" / name
        if not program.exists():
            print(f"skipped: there is no {program}")
            continue
        with tempfile.TemporaryDirectory(prefix="mr-example-") as scratch:
            done = subprocess.run([program], cwd=scratch, capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, done.stderr
            assert done.stdout == answer, done.stdout
    return 0


if __name__ == "__main__":
    sys.exit(main())
