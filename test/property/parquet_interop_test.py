"""Parquet from Arrow, through the engine, and back to Arrow: the same table, whatever the writer's options.

Each file is read by a query and written again: by INSERT OVERWRITE DIRECTORY for what is read, by all ways that take
options for what is written (DuckDB, where it is there, reads that, too).  Skipped without pyarrow.
"""

import decimal
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
WIDE = decimal.Context(prec=40)


def millrace(sql: str, home: pathlib.Path) -> subprocess.CompletedProcess:
    """Tables that the text creates are known in the home folder."""
    home.mkdir(exist_ok=True)
    return subprocess.run([MILLRACE, "-e", sql], check=False, capture_output=True, text=True, timeout=120, cwd=home)


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


def wide_table(n_rows: int, nulls: float) -> pa.Table:
    """What the delta encodings have to stand: any distance between neighbours, shared prefixes, depth, huge values."""
    rng = random.Random(SEED + n_rows)
    top, low = 2**63 - 1, -(2**63)

    def column(kind: pa.DataType, make) -> pa.Array:
        return pa.array([None if rng.random() < nulls else make(i) for i in range(n_rows)], type=kind)

    def money(digits: int):
        return lambda i: decimal.Decimal(rng.randint(-(10**digits) + 1, 10**digits - 1)).scaleb(-2, WIDE)

    def item(i: int) -> dict:
        return {"n": rng.choice([None, low, top, i]), "s": rng.choice([None, "", f"item {i}"])}

    pair = pa.struct({"n": pa.int64(), "s": pa.string()})
    return pa.table(
        {
            "yes": column(pa.bool_(), lambda i: i % 1000 < 900),
            "small": column(pa.int16(), lambda _: rng.choice([-(2**15), 2**15 - 1, 0])),
            "int": column(pa.int32(), lambda _: rng.randint(-(2**31), 2**31 - 1)),
            "ends32": column(pa.int32(), lambda _: rng.choice([-(2**31), 2**31 - 1, -1])),
            "ends": column(pa.int64(), lambda _: rng.choice([low, top, 0])),
            "down": column(pa.int64(), lambda i: top - i * rng.randint(0, 2**40)),
            "step": column(pa.int64(), lambda i: 7 * i),
            "double": column(pa.float64(), lambda _: rng.random()),
            "url": column(pa.string(), lambda i: f"https://millrace.example/{i // 100}/é{rng.randint(0, 10**9)}"),
            "same": column(pa.string(), lambda i: "x" * (i % 3)),
            "huge": column(pa.binary(), lambda i: rng.randbytes(2**21) if i in {2, 3, 600} else b"\0" * (i % 9)),
            "day": column(pa.date32(), lambda i: i - 10000),
            "at": column(pa.timestamp("us", tz="UTC"), lambda i: 10**15 + i * 1000003),
            "money": column(pa.decimal128(9, 2), money(9)),
            "sum": column(pa.decimal128(18, 2), money(18)),
            "wide": column(pa.decimal128(38, 2), money(38)),
            "lists": column(
                pa.list_(pa.list_(pa.int32())),
                lambda i: [rng.choice([None, [], [i, None], [-i]]) for _ in range(rng.randint(0, 3))],
            ),
            "pairs": column(pa.list_(pair), lambda i: [rng.choice([None, item(i)]) for _ in range(rng.randint(0, 3))]),
            "deep": column(pa.struct({"a": pair, "b": pa.list_(pa.bool_())}), lambda i: {"a": item(i), "b": [None]}),
            "map": column(
                pa.map_(pa.string(), pa.list_(pa.int64())),
                lambda i: [(f"key {i + k}", rng.choice([None, [i, low]])) for k in range(rng.randint(0, 3))],
            ),
        }
    )


COPY = "SELECT * FROM parquet.`{source}`"
WRITE = "INSERT OVERWRITE DIRECTORY '{target}' USING parquet OPTIONS "
CREATE = "CREATE TABLE t USING parquet OPTIONS ({options}) LOCATION '{target}' AS "
ASKS = {  # each a way to say how the file is to be written
    "directory": f"{WRITE} ({{options}}) {COPY}",
    "ctas": CREATE + COPY,
    "table": f"{CREATE} {COPY} WHERE false; INSERT OVERWRITE t {COPY}",
    "set": "SET parquet.writer.version={version}; SET parquet.enable.dictionary={dictionary}; "
    f"{WRITE} (compression '{{codec}}') {COPY}",
}
OPTIONS = "'parquet.writer.version' '{version}', 'parquet.enable.dictionary' '{dictionary}', compression '{codec}'"
WRITES = [  # rows, share of NULLs, version, dictionary, codec, how it is asked for
    (0, 0.0, "v2", "true", "snappy", "directory"),
    (1, 0.0, "PARQUET_2_0", "false", "gzip", "ctas"),
    (700, 1.0, "v2", "false", "snappy", "table"),
    (700, 0.3, "v2", "true", "none", "set"),
    (700, 0.0, "v2", "false", "lz4", "set"),
    (25000, 0.0, "v2", "false", "zstd", "directory"),
    (25000, 0.1, "v2", "true", "snappy", "ctas"),
    (25000, 0.1, "PARQUET_1_0", "true", "gzip", "table"),
]
V2_ENCODINGS = {"BOOLEAN": "RLE", "INT32": "DELTA_BINARY_PACKED", "INT64": "DELTA_BINARY_PACKED"}
V2_ENCODINGS |= {"BYTE_ARRAY": "DELTA_BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY": "DELTA_BYTE_ARRAY"}


def wrong_encodings(part: pathlib.Path, version: str, dictionary: str) -> list[str]:
    """Columns whose footer does not tell the encodings that the options ask for."""
    metadata = pq.read_metadata(part)
    wrong = []
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            v2 = version in ("v2", "PARQUET_2_0")
            plain = V2_ENCODINGS.get(column.physical_type, "PLAIN") if v2 else "PLAIN"
            wanted = [{"RLE", plain}]
            if dictionary == "true":
                wanted += [{"RLE", "PLAIN", "RLE_DICTIONARY"}, {"RLE", "PLAIN", "RLE_DICTIONARY", plain}]
            if set(column.encodings) not in wanted:
                wrong.append(f"{column.path_in_schema} {column.encodings}")
    return wrong


def duckdb_reads(parts: list[pathlib.Path], wanted: pa.Table) -> bool:
    """True where there is no DuckDB, too."""
    try:
        import duckdb
    except ImportError:
        return True
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = [str(part) for part in parts]
        found = connection.sql("SELECT * FROM read_parquet(?)", params=[names]).to_arrow_table()
    return found.cast(wanted.schema).to_pylist() == wanted.to_pylist()


def written_as_asked(folder: str) -> int:
    """Files of both versions; Arrow and DuckDB read them, and the footer tells the truth."""
    n_bad = 0
    for number, (n_rows, nulls, version, dictionary, codec, how) in enumerate(WRITES):
        source = pathlib.Path(folder, f"wide{number}.parquet")
        target = pathlib.Path(folder, f"wide{number}")
        wanted = wide_table(n_rows, nulls)
        pq.write_table(wanted, source)
        values = {"version": version, "dictionary": dictionary, "codec": codec, "source": source, "target": target}
        sql = ASKS[how].format(options=OPTIONS.format(**values), **values)
        run = millrace(sql, pathlib.Path(folder, f"home{number}"))
        parts = sorted(target.glob("part-*.parquet"))
        name = f"MR_SEED={SEED}: {WRITES[number]}"
        if run.returncode != 0 or not parts:
            print(f"{name}: {run.stderr}")
            n_bad += 1
            continue
        tables = [pq.read_table(part, page_checksum_verification=True).cast(wanted.schema) for part in parts]
        if not pa.concat_tables(tables).equals(wanted):
            print(f"{name}: Arrow reads something else")
            n_bad += 1
        if not duckdb_reads(parts, wanted):
            print(f"{name}: DuckDB reads something else")
            n_bad += 1
        for wrong in (text for part in parts for text in wrong_encodings(part, version, dictionary)):
            print(f"{name}: {wrong}")
            n_bad += 1
    return n_bad


def refused_by_name(folder: str) -> int:
    n_bad = 0
    for key in ("parquet.writer.version", "parquet.enable.dictionary"):
        sql = f"INSERT OVERWRITE DIRECTORY '{folder}/no' USING parquet OPTIONS ('{key}' 'v3') SELECT 1"
        for text in (sql, f"SET {key}=v3; " + sql.replace(key, "another")):
            run = millrace(text, pathlib.Path(folder))
            if run.returncode == 0 or "[INVALID_PARAMETER_VALUE]" not in run.stderr or key not in run.stderr:
                print(f"{text}: not refused by name: {run.stderr}")
                n_bad += 1
    return n_bad


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
                run = millrace(sql, pathlib.Path(folder))
                if run.returncode != 0:
                    print(f"MR_SEED={SEED}: {options}: {run.stderr}")
                    n_bad += 1
                    continue
                parts = sorted(target.glob("part-*.parquet"))
                found = pa.concat_tables([pq.read_table(part).cast(wanted.schema) for part in parts])
                if not found.equals(wanted):
                    print(f"MR_SEED={SEED}: {options}: {n_rows} rows came back changed")
                    n_bad += 1
        n_bad += written_as_asked(folder) + refused_by_name(folder)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
