"""What random pipelines are made of: rows, the bytes of their files, and queries with their text for DuckDB."""

import gzip
import io
import json
import random
from datetime import datetime, timedelta, timezone

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = None

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
COLUMNS = "id BIGINT, k INT, s STRING, v BIGINT, x DOUBLE, t TIMESTAMP"
MARK = {"a": "WATERMARK t DELAY OF INTERVAL 30 SECONDS", "b": "WATERMARK t DELAY OF INTERVAL 45 SECONDS"}
NEAR = "x.k = y.k AND y.t >= x.t - INTERVAL 10 SECONDS AND y.t <= x.t + INTERVAL 7 SECONDS"
WORDS = [None, "", "a", "b b", "ümlaut", 'q"uote', "comma,x", "NULL", "a"]
SUMS = "count(*) AS n, sum(v) AS total, min(s) AS least, count(x) AS xs, max(x) AS most"
DUCK_SLICES = "(SELECT *, unnest([time_bucket(INTERVAL 20 SECONDS, t) - INTERVAL 10 SECONDS * i FOR i IN [-1, 0, 1]]) AS w FROM a)"


def session_sql() -> str:
    """Sessions of 5 seconds in DuckDB."""
    first = "CASE WHEN t <= lag(t) OVER (PARTITION BY k ORDER BY t) + INTERVAL 5 SECONDS THEN 0 ELSE 1 END"
    number = (
        f"SELECT *, sum(f) OVER (PARTITION BY k ORDER BY t, f DESC ROWS UNBOUNDED PRECEDING) AS g FROM (SELECT *, {first} AS f FROM a WHERE t IS NOT NULL)"
    )
    return f"SELECT k, min(t) AS w0, max(t) + INTERVAL 5 SECONDS AS w1, {SUMS} FROM ({number}) GROUP BY k, g"


# name, query (@a: the table as a stream or not; @am: with its watermark; $a: only rows that end up as final), DuckDB's text where it is another.
QUERIES = [
    ("passed", "SELECT id, k, upper(s) AS s, v * 2 AS v, x, t FROM @a WHERE v % 3 <> 0 OR v IS NULL", None),
    ("words", "SELECT id, w FROM @a LATERAL VIEW explode(split(s, ' ')) AS w", "SELECT id, unnest(string_split(s, ' ')) AS w FROM a"),
    (
        "tumbling",
        f"SELECT k, window.start AS w0, window.end AS w1, {SUMS} FROM @am GROUP BY k, window(t, '20 seconds')",
        f"SELECT k, w AS w0, w + INTERVAL 20 SECONDS AS w1, {SUMS} FROM (SELECT *, time_bucket(INTERVAL 20 SECONDS, t) AS w FROM a WHERE t IS NOT NULL) GROUP BY k, w",
    ),
    (
        "sliding",
        f"SELECT window.start AS w0, s, {SUMS} FROM @am GROUP BY s, window(t, '20 seconds', '10 seconds') HAVING count(*) > 1",
        f"SELECT w AS w0, s, {SUMS} FROM {DUCK_SLICES} WHERE w <= t AND t < w + INTERVAL 20 SECONDS GROUP BY s, w HAVING count(*) > 1",
    ),
    (
        "sessions",
        f"SELECT k, session_window.start AS w0, session_window.end AS w1, {SUMS} FROM @am GROUP BY k, session_window(t, '5 seconds')",
        session_sql(),
    ),
    (
        "instants",
        "SELECT t, k, count(*) AS n, sum(v) AS total FROM @am WHERE t IS NOT NULL GROUP BY t, k",
        "SELECT t, k, count(*) AS n, sum(v) AS total FROM a WHERE t IS NOT NULL GROUP BY t, k",
    ),
    ("different", "SELECT DISTINCT k, s FROM @a", None),
    ("different_at", "SELECT DISTINCT k, t FROM @am WHERE t IS NOT NULL", "SELECT DISTINCT k, t FROM a WHERE t IS NOT NULL"),
    ("known", "SELECT x.id, x.s, d.name FROM @a AS x JOIN dim AS d ON x.k = d.k", None),
    ("maybe_known", "SELECT x.id, x.t, d.name FROM @a AS x LEFT JOIN dim AS d ON x.k = d.k AND x.v > 3", None),
    (
        "unknown",
        "SELECT x.id, x.s FROM @a AS x LEFT ANTI JOIN dim AS d ON x.k = d.k",
        "SELECT id, s FROM a WHERE NOT EXISTS (SELECT 1 FROM dim AS d WHERE a.k = d.k)",
    ),
    ("pairs", f"SELECT x.id, y.id AS other, x.t FROM @am AS x JOIN @bm AS y ON {NEAR}", None),
    (
        "pairs_for_ever",
        "SELECT x.id, y.id AS other, y.s FROM @a AS x JOIN @b AS y ON x.k = y.k AND x.s <=> y.s",
        "SELECT x.id, y.id AS other, y.s FROM a AS x JOIN b AS y ON x.k = y.k AND x.s IS NOT DISTINCT FROM y.s",
    ),
    ("left_pairs", f"SELECT x.id, y.id AS other, y.v, x.t FROM $am AS x LEFT JOIN $bm AS y ON {NEAR}", None),
    ("right_pairs", f"SELECT x.id, y.id AS other, y.t FROM $am AS x RIGHT JOIN $bm AS y ON {NEAR} AND x.v < y.v", None),
    ("full_pairs", f"SELECT x.id, x.t, y.id AS other, y.t AS t2 FROM $am AS x FULL JOIN $bm AS y ON {NEAR}", None),
    (
        "having_pair",
        f"SELECT x.id, x.s FROM $am AS x LEFT SEMI JOIN $bm AS y ON {NEAR}",
        f"SELECT id, s FROM a AS x WHERE t IS NOT NULL AND EXISTS (SELECT 1 FROM b AS y WHERE {NEAR})",
    ),
    (
        "without_pair",
        f"SELECT x.id, x.s FROM $am AS x LEFT ANTI JOIN $bm AS y ON {NEAR}",
        f"SELECT id, s FROM a AS x WHERE t IS NOT NULL AND NOT EXISTS (SELECT 1 FROM b AS y WHERE {NEAR})",
    ),
    ("all_rows", "SELECT id, k, s FROM @a UNION ALL SELECT id + 10000, k, s FROM @b", None),
    (
        "all_counted",
        "SELECT window.start AS w0, count(*) AS n FROM (SELECT t FROM @am UNION ALL SELECT t FROM @bm) GROUP BY window(t, '15 seconds')",
        "SELECT time_bucket(INTERVAL 15 SECONDS, t) AS w0, count(*) AS n FROM (SELECT t FROM a UNION ALL SELECT t FROM b) WHERE t IS NOT NULL GROUP BY ALL",
    ),
    (
        "pairs_counted",
        f"SELECT window.start AS w0, count(*) AS n FROM (SELECT x.t FROM @am AS x JOIN @bm AS y ON {NEAR}) GROUP BY window(t, '20 seconds')",
        f"SELECT time_bucket(INTERVAL 20 SECONDS, x.t) AS w0, count(*) AS n FROM a AS x JOIN b AS y ON {NEAR} GROUP BY ALL",
    ),
    (
        "counts_counted",
        "SELECT window.start AS w0, count(*) AS n, sum(n) AS total FROM (SELECT k, window AS w, count(*) AS n FROM @am GROUP BY k, window(t, '10 seconds')) GROUP BY window(w, '30 seconds')",
        "SELECT time_bucket(INTERVAL 30 SECONDS, w) AS w0, count(*) AS n, sum(n) AS total FROM (SELECT k, time_bucket(INTERVAL 10 SECONDS, t) AS w, count(*) AS n FROM a WHERE t IS NOT NULL GROUP BY ALL) GROUP BY ALL",
    ),
]

# The last file: closes all windows.
LAST = {"id": -99999, "k": -99999, "s": None, "v": 0, "x": None, "t": datetime(2031, 1, 1, tzinfo=timezone.utc)}


def at(seconds: float) -> datetime:
    """An event time."""
    return START + timedelta(seconds=seconds)


def make_rows(rng: random.Random, source: str, number: int, n: int) -> list[dict]:
    """Rows of one file.  Times move on by 10 seconds a file and are never late."""
    rows = []
    for _ in range(n):
        seconds = number * 10 + rng.randrange(25) + rng.choice([0, 0, 0.5, 0.001])
        rows.append(
            {
                "id": number * 1000 + len(rows),
                "k": rng.choice([None, 1, 2, 3, 4]),
                "s": rng.choice(WORDS),
                "v": rng.choice([None, rng.randrange(-9, 9)]),
                "x": rng.choice([None, 0.5, -0.0, 0.0, 1e300]),
                "t": None if rng.random() < 0.1 else at(seconds),
            }
        )
        if rows and rng.random() < 0.2:
            rows.append(dict(rows[-1]))
    return rows


def encode(rows: list[dict], form: str) -> bytes:
    """A file's bytes."""
    text = [{**row, "t": row["t"] and row["t"].isoformat().replace("+00:00", "Z")} for row in rows]
    if form == "json":
        return "".join(json.dumps(row, ensure_ascii=row["id"] % 2 == 0) + "\n" for row in text).encode()
    if form == "csv":
        cell = lambda v: "-" if v is None else '"' + v.replace('"', '""') + '"' if isinstance(v, str) else repr(v)
        return ("id,k,s,v,x,t\n" + "".join(",".join(cell(v) for v in row.values()) + "\n" for row in text)).encode()
    out = io.BytesIO()
    types = {"id": pa.int64(), "k": pa.int32(), "s": pa.string(), "v": pa.int64(), "x": pa.float64(), "t": pa.timestamp("us", "UTC")}
    table = pa.table({c: pa.array([row[c] for row in rows], t) for c, t in types.items()})
    pq.write_table(table, out, row_group_size=7, compression="snappy" if len(rows) % 2 else "none")
    return out.getvalue()


PACK = {"": bytes, ".gz": gzip.compress}
if pa:
    PACK[".zst"] = lambda data: pa.compress(data, "zstd", asbytes=True)


def plain(value: object) -> object:
    """A value as millrace and DuckDB both write it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds") + "Z"
    return value + 0.0 if isinstance(value, float) else int(value) if isinstance(value, int) else value
