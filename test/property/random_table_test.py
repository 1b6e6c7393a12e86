"""Random statements that change tables: after each, the tables hold what DuckDB's hold.

INSERT, INSERT OVERWRITE (whole, of one partition, dynamic), TRUNCATE, CREATE OR REPLACE, ADD COLUMNS and a second process
that reads, over tables in all formats, with and without partitions.  What a statement of Spark's means is said to DuckDB
as DELETE and INSERT.  Skipped without DuckDB.  MR_SEED, MR_CASES repeat a run, MR_SECONDS ends it.
"""

import os
import random
import sys
from collections import Counter
from pathlib import Path

try:
    import duckdb
except ImportError:
    print("skipped: no duckdb")
    sys.exit(0)
from sql_engine import Engine, difference, peer_cell, play_cases

SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
CASES = int(os.environ.get("MR_CASES", "1000000"))
SECONDS = float(os.environ.get("MR_SECONDS", "20"))
TYPES = {"a": "INT", "s": "STRING", "b": "INT", "c": "DATE"}
QUERIES = [
    "SELECT a AS c0, s AS c1, b AS c2, c AS c3{more} FROM t",
    "SELECT count(*) AS c0, count(b) AS c1, max(c) AS c2, min(b) AS c3 FROM t",
    "SELECT a AS c0 FROM t WHERE b = 1",
    "SELECT a AS c0, c AS c1 FROM t WHERE c IS NULL OR b IS NULL",
    "SELECT DISTINCT b AS c0, s AS c1 FROM t",
    "SELECT max(b) AS c0, count(*) AS c1 FROM t WHERE c > DATE'2020-01-01'",
    "SELECT b AS c0, n AS c1, m AS c2 FROM v",
]


class Case:
    """One table and a view over it, twice."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.story, self.added = random.Random(seed), [], []
        rng = self.rng
        self.engines = [Engine(folder, ["millrace.exec.threads=1"] if rng.random() < 0.5 else []), Engine(folder, [])]
        self.peer = duckdb.connect()
        self.dynamic = rng.random() < 0.5
        self.ours(f"SET spark.sql.sources.partitionOverwriteMode = {'dynamic' if self.dynamic else 'static'}")
        self.create("CREATE TABLE")
        self.ours(view := "CREATE VIEW v AS SELECT b, count(*) AS n, min(a) AS m FROM t GROUP BY b")
        self.peer.execute(view)

    def ours(self, sql: str) -> None:
        self.story.append(sql)
        self.engines[0].ask(sql)

    def create(self, words: str) -> None:
        """Any format, any partitions."""
        self.form = self.rng.choice(["parquet", "parquet", "json", "csv"])
        self.parts = self.rng.choice([[], [], ["c"], ["b"], ["b", "c"]])
        columns = ", ".join(f"{c} {kind}" for c, kind in TYPES.items())
        self.ours(f"{words} t ({columns}) USING {self.form}" + (f" PARTITIONED BY ({', '.join(self.parts)})" if self.parts else ""))
        self.peer.execute(f"CREATE OR REPLACE TABLE t ({columns})")
        self.added = []

    def rows(self) -> str:
        """Some rows, as a query with the columns that were added."""
        rng = self.rng
        words = ["'x'", "'long text 3'", "'a=b/c'"] + (["''", "NULL"] if self.form != "csv" else [])
        days = ["CAST(NULL AS DATE)", "DATE'2020-01-01'", "DATE'2020-01-02'"]
        values = [
            f"({rng.choice(['NULL', rng.randrange(100)])}, {rng.choice(words)}, {rng.choice(['NULL', 0, 1, 2])}, {rng.choice(days)})"
            for _ in range(rng.choice([1, 2, 5, 40]))
        ]
        where = " WHERE a < 0" if rng.random() < 0.1 else ""
        return f"SELECT a, s, b, c{self.filled()} FROM (VALUES {', '.join(values)}) AS w(a, s, b, c){where}"

    def filled(self) -> str:
        return "".join(f", CAST({self.rng.choice(['NULL', 5])} AS INT) AS {c}" for c in self.added)

    def insert(self, rows: str) -> None:
        names = ", ".join([*TYPES, *self.added])
        self.ours(f"INSERT INTO t ({names}) {rows}")
        self.peer.execute(f"INSERT INTO t ({names}) {rows}")

    def overwrite(self) -> None:
        rows, names = self.rows(), ", ".join([*TYPES, *self.added])
        self.ours(f"INSERT OVERWRITE t ({names}) {rows}")
        touched = " AND ".join(f"n.{c} IS NOT DISTINCT FROM t.{c}" for c in self.parts)
        self.peer.execute(f"DELETE FROM t WHERE EXISTS (SELECT 1 FROM ({rows}) AS n WHERE {touched})" if self.dynamic and self.parts else "DELETE FROM t")
        self.peer.execute(f"INSERT INTO t ({names}) {rows}")

    def overwrite_one(self) -> None:
        """A partition by its values."""
        values = {"b": "1", "c": "DATE'2020-01-02'"}
        rest = [c for c in [*TYPES, *self.added] if c not in self.parts]
        rows = f"SELECT {', '.join(rest)} FROM ({self.rows()}) AS r"
        self.ours(f"INSERT OVERWRITE t PARTITION ({', '.join(f'{c} = {values[c]}' for c in self.parts)}) ({', '.join(rest)}) {rows}")
        self.peer.execute(f"DELETE FROM t WHERE {' AND '.join(f'{c} = {values[c]}' for c in self.parts)}")
        self.peer.execute(f"INSERT INTO t ({', '.join(rest + self.parts)}) SELECT {', '.join(rest + [values[c] for c in self.parts])} FROM ({rows}) AS n")

    def step(self) -> None:
        """One statement."""
        which = self.rng.randrange(12)
        if which < 4:
            self.insert(self.rows())
        elif which == 4:
            self.insert(f"SELECT a, s, b, c{self.filled()} FROM t WHERE a < 20")
        elif which < 7:
            self.overwrite()
        elif which < 9 and self.parts:
            self.overwrite_one()
        elif which == 9:
            self.ours("TRUNCATE TABLE t")
            self.peer.execute("DELETE FROM t")
        elif which == 10 and len(self.added) < 3 and self.form != "csv":
            self.added.append(f"z{len(self.added)}")
            self.ours(f"ALTER TABLE t ADD COLUMNS ({self.added[-1]} INT)")
            self.peer.execute(f"ALTER TABLE t ADD COLUMN {self.added[-1]} INT")
        elif which == 11:
            self.create("CREATE OR REPLACE TABLE")

    def check(self) -> str | None:
        """Both processes read what DuckDB has."""
        more = "".join(f", {c} AS c_{c}" for c in self.added)
        for query in QUERIES:
            sql = query.format(more=more)
            wanted = Counter(tuple(map(peer_cell, row)) for row in self.peer.execute(sql).fetchall())
            for engine in self.engines:
                if wrong := difference(engine.rows(sql), wanted):
                    return f"{sql}: {wrong}"
        return None

    def play(self) -> str | None:
        """Up to 14 statements; what is wrong."""
        for _ in range(self.rng.randrange(3, 15)):
            self.step()
            if wrong := self.check():
                return wrong
        return None

    def stop(self) -> None:
        for engine in self.engines:
            engine.stop()

    def told(self) -> str:
        """The statements."""
        return ";\n".join(self.story) + ";"


def main() -> int:
    """Cases until the time is over, or one fails."""
    played = play_cases("random-table", Case, SEED, CASES, SECONDS)
    if played is None:
        return 1
    print(f"{sum(len(case.story) for case in played)} statements on {len(played)} tables, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
