"""Parquet from Arrow, through the engine, and back to Arrow: the same table, whatever the writer's options.

Each file is read by a query and written again by INSERT OVERWRITE DIRECTORY.  Skipped without pyarrow.
"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    print("skipped: no pyarrow")
    sys.exit(0)

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
SEED = int(os.environ.get("MR_SEED", "1"))


def table(n_rows: int, nulls: float) -> pa.Table:
    """Columns of many types; a share of the values is NULL."""
    rng = random.Random(SEED)

    def column(kind: pa.DataType, make) -> pa.Array:
        return pa.array([None if rng.random() < nulls else make() for _ in range(n_rows)], type=kind)

    words = ["", "a", "twelve bytes", "a little more than twelve", "é"]
    return pa.table(
        {
            "flag": column(pa.bool_(), lambda: rng.random() < 0.5),
            "tiny": column(pa.int8(), lambda: rng.randint(-128, 127)),
            "few": column(pa.int32(), lambda: rng.randint(0, 3)),
            "big": column(pa.int64(), lambda: rng.randint(-(2**63), 2**63 - 1)),
            "real": column(pa.float32(), rng.random),
            "double": column(pa.float64(), rng.random),
            "word": column(pa.string(), lambda: rng.choice(words)),
            "text": column(pa.string(), lambda: str(rng.random()) * rng.randint(0, 3)),
            "bytes": column(pa.binary(), lambda: rng.randbytes(rng.randint(0, 20))),
            "day": column(pa.date32(), lambda: rng.randint(-9999, 9999)),
            "at": column(pa.timestamp("us", tz="UTC"), lambda: rng.randint(-(10**15), 10**15)),
            "local": column(pa.timestamp("us"), lambda: rng.randint(-(10**15), 10**15)),
            "list": column(pa.list_(pa.int32()), lambda: [rng.randint(0, 9)] * rng.randint(0, 4)),
            "pair": column(pa.struct({"x": pa.int64(), "y": pa.string()}), lambda: {"x": 1, "y": rng.choice(words)}),
            "map": column(pa.map_(pa.string(), pa.int32()), lambda: [(w, 7) for w in words[: rng.randint(0, 4)]]),
        }
    )


DELTAS = {"tiny": "DELTA_BINARY_PACKED", "big": "DELTA_BINARY_PACKED", "word": "DELTA_BYTE_ARRAY"}
DELTAS |= {"text": "DELTA_LENGTH_BYTE_ARRAY", "double": "BYTE_STREAM_SPLIT"}
VARIANTS = [
    {"compression": "snappy"},
    {"compression": "zstd", "data_page_version": "2.0", "write_page_index": True},
    {"compression": "gzip", "use_dictionary": False},
    {"compression": "brotli", "data_page_size": 300, "row_group_size": 700, "write_page_checksum": True},
    {"compression": "lz4", "use_dictionary": False, "column_encoding": DELTAS},
]


def main() -> int:
    n_bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for n_rows, nulls in ((3000, 0.0), (3000, 0.2), (1, 0.0)):
            wanted = table(n_rows, nulls)
            for number, options in enumerate(VARIANTS):
                source = pathlib.Path(folder, f"{n_rows}_{nulls}_{number}.parquet")
                target = pathlib.Path(folder, f"{n_rows}_{nulls}_{number}")
                pq.write_table(wanted, source, **options)
                sql = f"INSERT OVERWRITE DIRECTORY '{target}' USING parquet SELECT * FROM parquet.`{source}`"
                run = subprocess.run([MILLRACE, "-e", sql], check=False, capture_output=True, text=True, timeout=60)
                if run.returncode != 0:
                    print(f"MR_SEED={SEED}: {options}: {run.stderr}")
                    n_bad += 1
                    continue
                parts = sorted(target.glob("part-*.parquet"))
                found = pa.concat_tables([pq.read_table(part).cast(wanted.schema) for part in parts])
                if not found.equals(wanted):
                    print(f"MR_SEED={SEED}: {options}: {n_rows} rows came back changed")
                    n_bad += 1
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
