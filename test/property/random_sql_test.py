"""Random queries over random tables: what must give the same rows, gives the same rows.

Each case draws tables (as Parquet, JSON or CSV) and queries (random_sql_parts.py).  A query's rows must be those of DuckDB,
where it is installed, and, without any peer, its own rows again

  settings    with one thread, with small batches, under a memory limit that makes it spill
  forms       over the same tables kept as Parquet by the engine
  names       as a CTE used twice, as a view, as a table
  thirds      WHERE p, WHERE NOT p and WHERE p IS NULL together are all rows; aggregates and HAVING likewise
  counts      as many rows pass WHERE p as rows where p is computed as true; p hidden in an expression passes the same

A failed query is cut down before it is shown.  MR_SEED, MR_CASES (tables) repeat a run, MR_SECONDS ends it.
"""

import math
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

try:
    import duckdb
except ImportError:
    duckdb = None
from random_sql_parts import COLUMNS, SIZES, Maker, Piece, make_table, pa, render, write_file, write_table
from sql_engine import Engine, Refused, difference, peer_cell

SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
CASES = int(os.environ.get("MR_CASES", "1000000"))
SECONDS = float(os.environ.get("MR_SECONDS", "40"))
QUERIES = int(os.environ.get("MR_QUERIES", "60"))
MAX_BAD = int(os.environ.get("MR_MAX_BAD", "3"))
CUT_SECONDS = float(os.environ.get("MR_CUT_SECONDS", "20"))
SHOW = os.environ.get("MR_SHOW")
SETTINGS = {
    "one thread": ["millrace.exec.threads=1"],
    "small batches": ["millrace.exec.batchRows=7"],
    "little memory": ["millrace.memory.limit=6m"],
    "very little memory": ["millrace.memory.limit=3m"],
}


class Case:
    """Tables in several engines, and queries over them."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.folder = random.Random(seed), folder
        rng = self.rng
        self.tables = {f"t{n}": make_table(rng, rng.choice(SIZES), bool(pa)) for n in range(3)}
        self.forms = {name: rng.choice(["json", "csv"] + (["parquet"] * 3 if pa else [])) for name in self.tables}
        for name, table in self.tables.items():
            if any(x is not None and not math.isfinite(x) for x in table["x"]):
                self.forms[name] = "parquet"
        self.seed, self.peer = seed, None
        self.zone = rng.choice(["UTC", "UTC", "Asia/Kolkata"])
        self.engines: dict[str, Engine] = {}
        self.load()

    def load(self) -> None:
        """Writes the tables and makes them known."""
        rng = random.Random(self.seed)
        self.stop()
        self.create, self.engines = [], {}
        columns = ", ".join(f"{c} {kind}" for c, (kind, _) in COLUMNS.items())
        self.peer = None
        if duckdb:
            self.peer = duckdb.connect()
            self.peer.execute(f"SET threads = 2; SET TimeZone = '{self.zone}'")
        for name, table in self.tables.items():
            form = self.forms[name]
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            write_table(folder, form, table, rng)
            options = f"path '{folder}'" + (", nullValue '-'" if form == "csv" else "")
            self.create.append(f"CREATE TABLE {name} ({columns}) USING {form} OPTIONS ({options})")
            if self.peer:
                plain = self.folder / f"{name}.{'parquet' if pa else 'json'}"
                write_file(plain, plain.suffix[1:], table, rng)
                kinds = "{" + ", ".join(f"{c}: '{kind}'" for c, (kind, _) in COLUMNS.items()) + "}"
                source = f"read_parquet('{plain}')" if pa else f"read_json('{plain}', columns = {kinds}, format = 'newline_delimited')"
                # Parquet holds instants, text the clock of the session's zone.
                t = "CAST(t AS TIMESTAMP)" if form == "parquet" or not pa else "t AT TIME ZONE 'UTC'"
                self.peer.execute(f"CREATE TABLE {name} AS SELECT * REPLACE ({t} AS t) FROM {source}")
        self.engine = self.other("plain", [])

    def other(self, name: str, confs: list[str]) -> Engine:
        """An engine with other settings."""
        if name not in self.engines:
            engine = Engine(Path(tempfile.mkdtemp(dir=self.folder)), [f"spark.sql.session.timeZone={self.zone}", *confs])
            for sql in self.create:
                engine.ask(sql)
            self.engines[name] = engine
        return self.engines[name]

    def copies(self) -> Engine:
        """An engine whose tables are Parquet files of its own."""
        if "copies" not in self.engines:
            engine = self.engines["copies"] = Engine(Path(tempfile.mkdtemp(dir=self.folder)), [f"spark.sql.session.timeZone={self.zone}"])
            for name, sql in zip(self.tables, self.create):
                engine.ask(sql.replace(f"TABLE {name} ", f"TABLE {name}_source ", 1))
                rng = random.Random(self.seed)
                options = f"OPTIONS ('parquet.writer.version' '{rng.choice(['v1', 'v2'])}', 'parquet.enable.dictionary' '{rng.choice(['true', 'false'])}')"
                parts = rng.choice(["", "", "PARTITIONED BY (j)", "PARTITIONED BY (f)", "PARTITIONED BY (i, j)"])
                engine.ask(f"CREATE TABLE {name} USING parquet {options} {parts} AS SELECT * FROM {name}_source")
        return self.engines["copies"]

    def ask_peer(self, query: Piece | str) -> list[tuple]:
        timer = threading.Timer(10, self.peer.interrupt)
        timer.start()
        try:
            done = self.peer.execute(render(query, True))
            return [tuple(peer_cell(v) for v in row) for row in done.fetchall()]
        except duckdb.Error as error:
            raise Refused(str(error)) from error
        finally:
            timer.cancel()

    def stop(self) -> None:
        for engine in self.engines.values():
            engine.stop()
        if self.peer:
            self.peer.close()


# ---- what must be equal: each check takes a case and a query and says what is wrong


def order_wrong(query: Piece, got: list, wanted: list) -> str | None:
    """Of a query that ends in ORDER BY."""
    if query.parts[0] != "SELECT * FROM (" or "ORDER BY" not in query.parts[-2]:
        return None
    return next((f"row {n}: {a} instead of {b}" for n, (a, b) in enumerate(zip(got, wanted)) if a != b), None)


def like_peer(case: "Case", query: Piece) -> str | None:
    got, wanted = case.engine.in_order(render(query, False)), case.ask_peer(query)
    return difference(Counter(got), Counter(wanted)) or order_wrong(query, got, wanted)


def like_itself(name: str):
    """The same query with other settings."""

    def check(case: "Case", query: Piece) -> str | None:
        got, wanted = (engine.in_order(render(query, False)) for engine in (case.other(name, SETTINGS[name]), case.engine))
        return difference(Counter(got), Counter(wanted)) or order_wrong(query, got, wanted)

    return check


def kept(case: "Case", query: Piece) -> str | None:
    """Over tables that the engine wrote itself."""
    return difference(case.copies().rows(render(query, False)), case.engine.rows(render(query, False)))


def named(how: str):
    """The query under a name, used twice."""

    def check(case: "Case", query: Piece) -> str | None:
        text, engine = render(query, False), case.engine
        twice = "SELECT * FROM named_query UNION ALL SELECT * FROM named_query"
        if how == "CTE":
            got = engine.rows(f"WITH named_query AS ({text}) {twice}")
        else:
            kind = "VIEW" if how == "view" else "TABLE"
            engine.ask(f"DROP {kind} IF EXISTS named_query")
            engine.ask(f"CREATE {'TEMPORARY VIEW' if how == 'view' else 'TABLE'} named_query {'' if how == 'view' else 'USING parquet '}AS {text}")
            got = engine.rows(twice)
            engine.ask(f"DROP {kind} named_query")
        once = engine.rows(render(query, False))
        return difference(got, once + once)

    return check


def limited(case: "Case", query: Piece) -> str | None:
    """LIMIT gives as many rows as it says, of those that are there."""
    all_rows = case.engine.rows(render(query, False))
    n_limit, n_offset = len(query.text()) * 7 % 50, len(query.text()) * 3 % 10
    got = case.engine.rows(f"SELECT * FROM ({render(query, False)}) AS all_rows LIMIT {n_limit} OFFSET {n_offset}")
    n_wanted = max(0, min(n_limit, all_rows.total() - n_offset))
    if got.total() != n_wanted:
        return f"{got.total()} rows for LIMIT {n_limit} OFFSET {n_offset} of {all_rows.total()}"
    return difference(got - all_rows, Counter())


def parts_of(query: Piece) -> tuple[str, str, str, str]:
    return tuple(render(part, False) for part in query.parts)


def thirds(case: "Case", query: Piece) -> str | None:
    """Rows with p, with NOT p and with p IS NULL."""
    head, word, p, tail = parts_of(query)
    split = " UNION ALL ".join(f"({head}{word}{third}{tail})" for third in (p, f" NOT ({p})", f" (({p}) IS NULL)"))
    whole = f"{head}{tail}" if "ON" not in word else f"{head}{word} true{tail}"
    return difference(case.engine.rows(split), case.engine.rows(whole))


def hidden(case: "Case", query: Piece) -> str | None:
    """A condition that no rule knows."""
    head, word, p, tail = parts_of(query)
    wanted = case.engine.rows(f"{head}{word}{p}{tail}")
    return difference(case.engine.rows(f"{head}{word} coalesce(CASE WHEN {p} THEN length(uuid()) > 0 END, false){tail}"), wanted)


def counted(case: "Case", query: Piece) -> str | None:
    """As many rows pass as are computed to pass."""
    _, _, p, _ = parts_of(query)
    relation = render(query.parts[0].parts[-1], False)
    got = case.engine.rows(f"SELECT count(*) AS c0 FROM {relation} WHERE {p}")
    return difference(got, case.engine.rows(f"SELECT coalesce(sum(CASE WHEN {p} THEN 1 ELSE 0 END), 0) AS c0 FROM {relation}"))


FILTERS = {"thirds": thirds, "hidden": hidden, "counted": counted}
WHOLES = {"kept": kept, "limited": limited, "CTE": named("CTE"), "view": named("view"), "table": named("table")}
WHOLES |= {name: like_itself(name) for name in SETTINGS}


def filtered(maker: Maker, what: str) -> Piece:
    """A query in four parts: up to the condition, the word before it, the condition, what comes after."""
    rng = maker.rng
    if what == "thirds" and rng.random() < 0.25:
        left, right = maker.relation(1, True), maker.table(True)
        if left.n_rows * right.n_rows <= 40_000:
            scope = left.columns + right.columns
            head = Piece("head", "SELECT ", *maker.items(scope, 2), " FROM ", left.piece, " JOIN ", right.piece)
            return Piece("filter", head, " ON ", maker.pred(scope, 2, None, False), "")
    relation = maker.relation(2)
    if what != "counted" and rng.random() < 0.35:
        keys = [c for c in rng.sample(relation.columns, min(2, len(relation.columns)))]
        made = [(maker.aggregate(kind, relation.columns).text(), kind, 9) for kind in ("int", "str")]
        names = ", ".join(c[0] for c in keys)
        head = Piece("head", "SELECT ", ", ".join(f"{c[0]} AS c{n}" for n, c in enumerate(keys + made)), " FROM ", relation.piece, f" GROUP BY {names}")
        return Piece("filter", head, " HAVING ", maker.pred(keys + made, 2, None, False), "")
    head = Piece("head", "SELECT ", *maker.items(relation.columns, rng.choice([1, 3])), " FROM ", relation.piece)
    return Piece("filter", head, " WHERE ", maker.pred(relation.columns, 3), "")


# ---- cutting a failed case down

SIMPLE = {"bool": "true", "where": "", "item": "", "int": "1", "big": "1", "dbl": "CAST(1 AS DOUBLE)", "dec": "1.5", "str": "'a'"}


def pieces(piece: Piece) -> list[Piece]:
    return [piece] + [p for part in piece.parts if isinstance(part, Piece) for p in pieces(part)]


def cut_query(query: Piece, still_wrong, end: float) -> None:
    """Puts smaller pieces of the same kind in the place of larger ones, as long as it stays wrong."""
    again = True
    while again and time.monotonic() < end:
        again = False
        for piece in pieces(query):
            before = piece.parts
            smaller = sorted((p for p in pieces(piece)[1:] if p.kind == piece.kind), key=lambda p: len(p.text()))
            for other in [[SIMPLE.get(piece.kind, piece.text())]] + [p.parts for p in smaller]:
                if time.monotonic() > end or sum(len(p if isinstance(p, str) else p.text()) for p in other) >= len(Piece("", *before).text()):
                    continue
                piece.parts = other
                if still_wrong():
                    again = True
                    break
                piece.parts = before


def cut_tables(case: "Case", still_wrong, end: float) -> None:
    """Leaves rows out, as long as it stays wrong."""
    for name in case.tables:
        step = max(len(case.tables[name]["id"]) // 2, 1)
        while step and time.monotonic() < end:
            at = 0
            while at < len(case.tables[name]["id"]) and time.monotonic() < end:
                before = case.tables[name]
                case.tables[name] = {c: values[:at] + values[at + step :] for c, values in before.items()}
                case.load()
                if not still_wrong():
                    case.tables[name] = before
                    at += step
            step //= 2
    case.load()


def tell(case: "Case", what: str, check, query: Piece) -> str:
    """A small form of what went wrong."""

    def still_wrong() -> bool:
        try:
            return check(case, query) is not None
        except Refused:
            return False
        except AssertionError:
            return True

    end = time.monotonic() + CUT_SECONDS
    cut_query(query, still_wrong, end)
    cut_tables(case, still_wrong, end + CUT_SECONDS)
    cut_query(query, still_wrong, end + 2 * CUT_SECONDS)
    try:
        wrong = check(case, query)
    except (Refused, AssertionError) as error:
        wrong = error
    text = render(query, False)
    lines = [f"{what}: {wrong}", text]
    for name, table in case.tables.items():
        columns = [c for c in COLUMNS if re.search(rf"\b{c}\b", text)]
        rows = list(zip(*(table[c] for c in columns)))
        lines.append(f"{name} ({case.forms[name]}): {len(rows)} rows of {columns}: {[tuple(str(v) for v in row) for row in rows[:12]]}")
    return "\n".join(lines)


def draw(case: "Case", seed: int) -> tuple[str, object, Piece]:
    """A check and a query for it."""
    rng = random.Random(seed)
    maker = Maker(rng, case.tables)
    what = rng.choice((["peer"] * 10 if duckdb else []) + [*FILTERS] * 2 + [*WHOLES])
    if what in FILTERS:
        return what, FILTERS[what], filtered(maker, what)
    query, _, _ = maker.query(rng.choice([0, 1, 1, 2, 2]), maker.kinds())
    return what, like_peer if what == "peer" else WHOLES[what], query


def main() -> int:
    """Cases until the time is over; a small form of each that fails, ten at most."""
    print(f"seed {SEED}", flush=True)
    end, counts, refused, n_bad, n_cases = time.monotonic() + SECONDS, Counter(), Counter(), 0, 0
    while n_cases < CASES and time.monotonic() < end and n_bad < MAX_BAD:
        with tempfile.TemporaryDirectory(prefix="mr-random-sql-") as name:
            case = Case(SEED + n_cases, Path(name))
            for number in range(QUERIES):
                if time.monotonic() > end:
                    break
                what, check, query = draw(case, (SEED + n_cases) * 1000 + number)
                start = time.monotonic()
                try:
                    wrong = check(case, query)
                    counts[what] += 1
                except Refused as error:
                    wrong, text = None, f"{what}: {error}"[:120]
                    refused[text] += 1
                    if SHOW and refused[text] == 1:
                        print(f"refused {text}\n{render(query, False)}", flush=True)
                except AssertionError as error:
                    wrong = str(error)
                if SHOW and time.monotonic() - start > 4:
                    print(f"slow: {time.monotonic() - start:.1f} s {what} {[len(t['id']) for t in case.tables.values()]}\n{render(query, False)}")
                if wrong:
                    n_bad += 1
                    print(f"FAILED MR_SEED={SEED + n_cases} MR_CASES=1, query {number}\n{tell(case, what, check, query)}\n", flush=True)
                    case.stop()
                    case = Case(SEED + n_cases, Path(name))
            case.stop()
        n_cases += 1
        if SHOW and n_cases % 20 == 0:
            print(f"so far {counts.total()} queries over {3 * n_cases} tables", flush=True)
    if SHOW:
        print(dict(counts), *refused.most_common(30), sep="\n")
    print(f"{counts.total()} random queries over {3 * n_cases} tables, {refused.total()} refused, {n_bad} differences")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
