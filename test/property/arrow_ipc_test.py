"""What --format arrow writes is a stream that pyarrow reads, validates, and finds equal to what it expects.

Skipped without pyarrow.
"""

import datetime
import decimal
import os
import pathlib
import subprocess
import sys

try:
    import pyarrow as pa
except ImportError:
    print("skipped: no pyarrow")
    sys.exit(0)

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
QUERY = """
SELECT id, id % 2 = 0 AS even, CAST(id % 100 AS TINYINT) AS tiny, CAST(id AS SMALLINT) AS small, CAST(id AS FLOAT) AS f,
       CAST(id AS DECIMAL(20, 3)) AS dec, IF(id % 3 = 0, NULL, CAST(id AS STRING)) AS text,
       CAST(CAST(id AS STRING) AS BINARY) AS bytes, DATE'2024-01-01' + CAST(id AS INT) AS day,
       TIMESTAMP_NTZ'2024-01-01 00:00:00.000001' AS at, array(id, NULL) AS list, map('k', id) AS map,
       named_struct('x', id, 'y', array(named_struct('q', 1.5D))) AS nested, NULL AS nothing,
       INTERVAL '1' DAY AS took, IF(id % 2 = 0, array(''), NULL) AS sparse
FROM range(N) ORDER BY id
"""


def expected(i: int) -> dict:
    """The row of one id."""
    return {
        "id": i,
        "even": i % 2 == 0,
        "tiny": i % 100,
        "small": i,
        "f": float(i),
        "dec": decimal.Decimal(i).quantize(decimal.Decimal("0.001")),
        "text": None if i % 3 == 0 else str(i),
        "bytes": str(i).encode(),
        "day": datetime.date(2024, 1, 1) + datetime.timedelta(days=i),
        "at": datetime.datetime(2024, 1, 1, 0, 0, 0, 1),
        "list": [i, None],
        "map": [("k", i)],
        "nested": {"x": i, "y": [{"q": 1.5}]},
        "nothing": None,
        "took": datetime.timedelta(days=1),
        "sparse": [""] if i % 2 == 0 else None,
    }


def main() -> int:
    """Streams of no row, one row, and several batches."""
    for n_rows in (0, 1, 7, 5000):
        command = [MILLRACE, "--format", "arrow", "-e", QUERY.replace("N)", f"{n_rows})", 1)]
        run = subprocess.run(command, capture_output=True, check=True)
        table = pa.ipc.open_stream(run.stdout).read_all()
        table.validate(full=True)
        rows = table.to_pylist()
        if len(rows) != n_rows:
            print(f"FAILED: {len(rows)} rows, not {n_rows}")
            return 1
        for i, row in enumerate(rows):
            if row != expected(i):
                print(f"FAILED: row {i}\n got {row}\nwant {expected(i)}")
                return 1
    print("0, 1, 7 and 5,000 rows of 16 columns are what pyarrow reads")
    return 0


if __name__ == "__main__":
    sys.exit(main())
