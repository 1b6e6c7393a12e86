"""Random tables and random queries in words that Spark SQL and DuckDB read alike.

A query is a tree of pieces (`Piece`), so that a failed one can be cut down; `render` makes its text.  Where the two
dialects differ the text says [[Spark's|DuckDB's]].  What could differ for good reasons is not made: doubles are
multiples of 1/4, sums stay small, each ORDER BY below a LIMIT or a frame of rows is total, decimals are not divided.
"""

import datetime
import random
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = None

COLUMNS = {  # name: (Spark's type, kind of value)
    "id": ("INT", "int"),
    "k": ("INT", "int"),
    "i": ("INT", "int"),
    "j": ("INT", "int"),
    "b": ("BIGINT", "big"),
    "x": ("DOUBLE", "dbl"),
    "m": ("DECIMAL(10,2)", "dec"),
    "w": ("DECIMAL(20,4)", "dec"),
    "s": ("STRING", "str"),
    "u": ("STRING", "str"),
    "d": ("DATE", "date"),
    "t": ("TIMESTAMP", "ts"),
    "f": ("BOOLEAN", "bool"),
}
DISTINCT = {"id": 10**9, "k": 500, "i": 8, "j": 4, "b": 30, "x": 40, "m": 40, "w": 60, "s": 10, "u": 300, "d": 40, "t": 40, "f": 2}
WORDS = ["", "a", "ab", "abc", "b", "B", "twelve bytes", "a little more than twelve", "a little more than that", "é", "7"]
DAY = datetime.date(2020, 1, 1)
SPECIAL = [float("nan"), float("inf"), float("-inf"), -0.0]  # equal and ordered alike in both
SIZES = [0, 1, 2, 7, 40, 40, 200, 200, 1000, 2500, 6000, 20000]
NUMBERS = ("int", "big", "dbl", "dec")
TYPE = {"int": "INT", "big": "BIGINT", "dbl": "DOUBLE", "dec": "DECIMAL(12,2)", "str": "STRING", "date": "DATE", "ts": "TIMESTAMP", "bool": "BOOLEAN"}
TYPE |= {"pair": "[[STRUCT<a: INT, b: STRING>||STRUCT(a INT, b VARCHAR)]]", "arr": "[[ARRAY<INT>||INT[] ]]"}
NESTED = ("pair", "arr")  # compared for equality only; below the outermost query


def value(rng: random.Random, name: str, n_rows: int) -> object:
    """A value of a column, never NULL."""
    if name == "k":
        return rng.randrange(max(n_rows // 2, 5))
    if name in "ij":
        return rng.randrange(-2, DISTINCT[name] - 2)
    if name == "b":
        return rng.choice([rng.randrange(-9, 10), rng.choice([2**31, -(2**31), 2**40, 2**40 + 1, -(2**53)])])
    if name == "x":
        return rng.randrange(-20, 21) / 4
    if name == "m":
        return Decimal(rng.choice([0, 1, 100, 150, 99999, rng.randrange(-2000, 2000)])).scaleb(-2)
    if name == "w":
        return Decimal(rng.choice([0, 10000, 15000, 123456789012345, -123456789012345, rng.randrange(-99, 99)])).scaleb(-4)
    if name == "s":
        return rng.choice(WORDS)
    if name == "u":
        return rng.choice(["", "prefix of some length ", "u"]) + str(rng.randrange(max(n_rows // 3, 3)))
    if name == "d":
        return DAY + datetime.timedelta(rng.randrange(-5, 35))
    if name == "t":
        micros = rng.choice([0, 0, 1, 500_000])
        return datetime.datetime(2020, 1, 1) + datetime.timedelta(rng.randrange(3), rng.randrange(12) * 7200, micros)
    return rng.random() < 0.6


def make_table(rng: random.Random, n_rows: int, special: bool) -> dict[str, list]:
    """Columns of random shapes: with NULLs, constant, skewed, in order."""
    out = {"id": list(range(n_rows))}
    if rng.random() < 0.3:
        rng.shuffle(out["id"])
    odd = special and rng.random() < 0.3
    for name in list(COLUMNS)[1:]:
        nulls = rng.choice([0, 0, 0.02, 0.1, 0.1, 0.5, 1 if rng.random() < 0.2 else 0])
        shape, usual = rng.choice(["random", "random", "random", "skewed", "constant", "sorted"]), value(rng, name, n_rows)
        if name == "k" and shape in ("skewed", "constant") and n_rows > 300:
            shape = "random"
        values = [usual if shape == "constant" or shape == "skewed" and rng.random() < 0.8 else value(rng, name, n_rows) for _ in range(n_rows)]
        if shape == "sorted":
            values.sort()
        if name == "x" and odd:
            values = [rng.choice(SPECIAL) if rng.random() < 0.2 else v for v in values]
        out[name] = [None if rng.random() < nulls else v for v in values]
    return out


def literal(value: object) -> str:
    """As JSON and CSV have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return str(value)


def write_table(folder: Path, form: str, table: dict[str, list], rng: random.Random) -> None:
    """One to three files."""
    folder.mkdir(parents=True, exist_ok=True)
    n_rows = len(table["id"])
    cuts = [0, *sorted(rng.randrange(n_rows + 1) for _ in range(rng.choice([0, 0, 1, 2]))), n_rows]
    for n, (start, end) in enumerate(zip(cuts, cuts[1:])):
        write_file(folder / f"part{n}.{form}", form, {c: values[start:end] for c, values in table.items()}, rng)


def write_file(path: Path, form: str, table: dict[str, list], rng: random.Random) -> None:
    if form == "parquet":
        kinds = {"INT": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "STRING": pa.string(), "DATE": pa.date32(), "BOOLEAN": pa.bool_()}
        kinds |= {"DECIMAL(10,2)": pa.decimal128(10, 2), "DECIMAL(20,4)": pa.decimal128(20, 4), "TIMESTAMP": pa.timestamp("us", tz="UTC")}
        arrays = {c: pa.array(table[c], type=kinds[kind]) for c, (kind, _) in COLUMNS.items()}
        pq.write_table(pa.table(arrays), path, row_group_size=rng.choice([100, 3000, 3000, 100000]), use_dictionary=rng.random() < 0.8, write_page_index=rng.random() < 0.5)
        return
    with open(path, "w") as out:
        quoted = ("STRING", "DATE", "TIMESTAMP")
        for values in zip(*table.values()):
            cells = []
            for v, (c, (kind, _)) in zip(values, COLUMNS.items()):
                if form == "json":
                    cells += [f'"{c}":' + ("null" if v is None else f'"{literal(v)}"' if kind in quoted else literal(v))]
                else:
                    cells += ["-" if v is None else f'"{v}"' if kind == "STRING" else literal(v)]
            out.write("{" + ",".join(cells) + "}\n" if form == "json" else ",".join(cells) + "\n")


class Piece:
    """A part of a query: its kind says what may stand in its place."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, *parts: object) -> None:
        self.kind, self.parts = kind, list(parts)

    def text(self) -> str:
        return "".join(p.text() if isinstance(p, Piece) else p for p in self.parts)


def render(query: Piece | str, peer: bool) -> str:
    """The text for the engine, or for DuckDB."""
    text = query.text() if isinstance(query, Piece) else query
    return re.sub(r"\[\[(.*?)\|\|(.*?)\]\]", r"\2" if peer else r"\1", text, flags=re.S)


class Relation:
    """What may stand in FROM: text, columns [(name, kind, distinct values)], about how many rows, unique column."""

    def __init__(self, piece: Piece, columns: list, n_rows: float, key: str | None = None) -> None:
        self.piece, self.columns, self.n_rows, self.key = piece, columns, n_rows, key


def effective(values: list) -> float:
    """How many distinct values, all as frequent, would join as many rows."""
    return max(1, len(values) ** 2 / max(1, sum(n * n for n in Counter(values).values())))


class Maker:
    """Draws queries over tables of known sizes."""

    def __init__(self, rng: random.Random, tables: dict[str, dict[str, list]]) -> None:
        self.rng, self.tables, self.n_names, self.ctes, self.outer = rng, tables, 0, [], []
        self.sizes = {name: len(table["id"]) for name, table in tables.items()}
        self.distinct = {name: {c: effective(values) for c, values in table.items()} for name, table in tables.items()}

    def name(self, prefix: str = "q") -> str:
        self.n_names += 1
        return f"{prefix}{self.n_names}"

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    # ---- values

    def literal(self, kind: str) -> Piece:
        rng = self.rng
        if kind in NESTED and self.chance(0.9):
            a, b = self.literal("int"), self.literal("str" if kind == "pair" else "int")
            return self.made(kind, a, b)
        if self.chance(0.04) or kind in NESTED:
            return Piece(kind, f"CAST(NULL AS {TYPE[kind]})")
        if kind in ("int", "big"):
            text = str(rng.choice([rng.randrange(-2, 6), rng.randrange(-2, 6), rng.randrange(0, 200)]))
            text = text if kind == "int" or self.chance(0.5) else f"CAST({rng.choice([text, 2**31, 2**40])} AS BIGINT)"
        elif kind == "dbl":
            text = f"CAST({rng.randrange(-20, 21) / 4} AS DOUBLE)"
        elif kind == "dec":
            text = str(value(rng, rng.choice("mw"), 0))
        elif kind == "str":
            text = "'" + rng.choice([value(rng, "s", 0), value(rng, "u", 9)]) + "'"
        elif kind == "date":
            text = f"DATE'{value(rng, 'd', 0)}'"
        elif kind == "ts":
            text = f"TIMESTAMP'{value(rng, 't', 0)}'"
        else:
            text = rng.choice(["true", "false"])
        return Piece(kind, text)

    def made(self, kind: str, a: Piece, b: Piece) -> Piece:
        """A struct or an array of two values."""
        if kind == "arr":
            return Piece(kind, "[[array||list_value]](", a, ", ", b, ")")
        return Piece(kind, "[[named_struct('a', ||struct_pack(a := ]]", a, "[[, 'b', ||, b := ]]", b, ")")

    def column(self, kind: str, scope: list) -> Piece:
        names = [name for name, its, _ in scope if its == kind]
        if kind in ("int", "str"):
            names += [f"({name}).{'a' if kind == 'int' else 'b'}" for name, its, _ in scope if its == "pair"]
        return Piece(kind, self.rng.choice(names)) if names else self.literal(kind)

    def expr(self, kind: str, scope: list, depth: int, outer: list | None = None, subqueries: bool = True) -> Piece:
        """A value of a kind; outer: columns of the queries around, None: no correlation."""
        rng = self.rng

        def e(its: str) -> Piece:
            return self.expr(its, scope, depth - 1, outer, subqueries)

        if depth <= 0 or self.chance(0.35):
            if outer and self.chance(0.1):
                return self.column(kind, outer)
            if self.outer and self.chance(0.12):
                return self.column(kind, self.outer)
            return self.literal(kind) if self.chance(0.2) else self.column(kind, scope)
        if kind == "bool":
            return self.pred(scope, depth, outer, subqueries)
        if self.chance(0.3):
            which = rng.randrange(5)
            if which == 0:
                p = self.pred(scope, depth - 1, outer, subqueries)
                return Piece(kind, "CASE WHEN ", p, " THEN ", e(kind), *([" ELSE ", e(kind)] if self.chance(0.7) else []), " END")
            if which == 1:
                return Piece(kind, "coalesce(", e(kind), ", ", e(kind), ")")
            if which == 2:  # the engine's plan has the first twice
                first = self.scalar_subquery(kind, scope, outer) if subqueries and depth >= 2 and self.chance(0.3) else e(kind)
                return Piece(kind, "nullif(", first, ", ", e(kind), ")")
            if which == 3 and kind not in NESTED:
                return Piece(kind, rng.choice(["greatest(", "least("]), e(kind), ", ", e(kind), ")")
            other = rng.choice(["int", "str", "dbl"])
            return Piece(kind, "CASE ", self.column(other, scope), " WHEN ", self.literal(other), " THEN ", e(kind), " WHEN ", self.literal(other), " THEN ", e(kind), " ELSE ", e(kind), " END")
        if kind in NESTED:
            return self.made(kind, e("int"), e("str" if kind == "pair" else "int"))
        if subqueries and depth >= 2 and self.chance(0.12):
            return self.scalar_subquery(kind, scope, outer)
        if kind in ("int", "big"):
            which = rng.randrange(9)
            if which < 3:
                return Piece(kind, "(", e("int"), rng.choice([" + ", " - "]), e("int"), ")")
            if which == 3:
                return Piece(kind, "(", self.column("int", scope), " % ", str(rng.choice([2, 3, 7])), ")")
            if which == 4:
                return Piece(kind, "abs(", e("int"), ")")
            if which == 5:
                return Piece(kind, "CAST(length(", e("str"), ") AS INT)")
            if which == 6:
                return Piece(kind, "CAST(", rng.choice(["year", "month", "dayofmonth"]), "(", e(rng.choice(["date", "ts"])), ") AS INT)")
            if which == 7:
                return Piece(kind, "CAST(", self.pred(scope, depth - 1, outer, subqueries), " AS INT)")
            return Piece(kind, "CAST(floor(", e("dbl"), ") AS INT)")
        if kind == "dbl":
            which = rng.randrange(3)
            if which == 0:
                return Piece(kind, "CAST(", e("int"), " AS DOUBLE)")
            if which == 1:
                return Piece(kind, "abs(", e("dbl"), ")")
            return Piece(kind, "(", e("dbl"), rng.choice([" + ", " - "]), e("dbl"), ")")
        if kind == "dec":
            if self.chance(0.3):
                return Piece(kind, "CAST(", e("int"), " AS DECIMAL(12,2))")
            return Piece(kind, "(", self.column("dec", scope), rng.choice([" + ", " - "]), self.literal("dec"), ")")
        if kind == "str":
            which = rng.randrange(6)
            if which == 0:
                return Piece(kind, "(", e("str"), " || ", e("str"), ")")
            if which == 1:
                return Piece(kind, rng.choice(["upper(", "lower(", "trim("]), e("str"), ")")
            if which == 2:
                return Piece(kind, "substr(", e("str"), f", {rng.randrange(1, 4)}, {rng.randrange(1, 5)})")
            if which == 3:
                return Piece(kind, "CAST(", e(rng.choice(["int", "date", "bool"])), " AS STRING)")
            if which == 4:
                return Piece(kind, "replace(", e("str"), ", 'a', 'xy')")
            return self.column("str", scope)
        if kind == "date":
            if self.chance(0.5):
                return Piece(kind, "(", self.column("date", scope), rng.choice([" + ", " - "]), str(rng.randrange(40)), ")")
            return Piece(kind, "CAST(", e("ts"), " AS DATE)")
        which = rng.randrange(3)
        if which == 0:
            return Piece(kind, "CAST(", e("date"), " AS TIMESTAMP)")
        if which == 1:
            return Piece(kind, "date_trunc('", rng.choice(["HOUR", "DAY", "MONTH"]), "', ", self.column("ts", scope), ")")
        return Piece(kind, "(", self.column("ts", scope), rng.choice([" + ", " - "]), f"INTERVAL {rng.randrange(1, 30)} {rng.choice(['DAY', 'HOUR'])})")

    # ---- predicates

    def kind_of(self, scope: list) -> str:
        kinds = [kind for _, kind, _ in scope if kind != "bool"]
        return self.rng.choice(kinds) if kinds else "int"

    def pred(self, scope: list, depth: int, outer: list | None = None, subqueries: bool = True) -> Piece:
        """A condition, true, false or NULL."""
        rng = self.rng
        if depth > 0 and self.chance(0.45):
            if self.chance(0.2):
                return Piece("bool", "NOT (", self.pred(scope, depth - 1, outer, subqueries), ")")
            word = rng.choice([" AND ", " OR "])
            parts = [self.pred(scope, depth - 1, outer, subqueries)]
            for _ in range(rng.choice([1, 1, 1, 2])):
                parts += [word, self.pred(scope, depth - 1, outer, subqueries)]
            return Piece("bool", "(", *parts, ")")
        if subqueries and depth > 0 and self.chance(0.15):
            return self.predicate_subquery(scope, outer)
        kind = self.kind_of(scope)
        left = self.expr(kind, scope, min(depth, 1), outer, subqueries)
        right = self.rng.choice(NUMBERS) if kind in NUMBERS and self.chance(0.25) else kind
        which = rng.choice([0, 4, 5, 7]) if kind in NESTED else rng.randrange(12)
        if which < 4:
            return Piece("bool", "(", left, rng.choice([" = ", " = ", " <> "] + ([" < ", " <= ", " > ", " >= "] if kind not in NESTED else [])), self.expr(right, scope, min(depth, 1), outer, subqueries), ")")
        if which == 4:
            return Piece("bool", "(", left, rng.choice([" IS NULL", " IS NOT NULL"]), ")")
        if which == 5:
            items = [p for _ in range(rng.choice([1, 2, 3, 12])) for p in (", ", self.literal(kind))][1:]
            return Piece("bool", "(", left, rng.choice([" IN (", " NOT IN ("]), *items, "))")
        if which == 6:
            return Piece("bool", "(", left, rng.choice([" BETWEEN ", " NOT BETWEEN "]), self.literal(kind), " AND ", self.expr(kind, scope, 0, outer), ")")
        if which == 7:
            return Piece("bool", "(", left, rng.choice([" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "]), self.expr(kind, scope, 0, outer), ")")
        if which == 8:
            pattern = rng.choice(["a%", "%a%", "%", "_", "a_c", "%b", "", "a little%than%", "prefix%1", "%é%", "twelve bytes"])
            return Piece("bool", "(", self.expr("str", scope, min(depth, 1), outer, subqueries), rng.choice([" LIKE ", " NOT LIKE "]), f"'{pattern}')")
        if which == 9:
            return self.column("bool", scope)
        if which == 10:
            return Piece("bool", "(", self.column("bool", scope), rng.choice([" IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE"]), ")")
        return Piece("bool", "(", left, rng.choice([" < ", " > ", " = "]), self.literal(kind), ")")

    def predicate_subquery(self, scope: list, outer: list | None) -> Piece:
        """EXISTS and IN, correlated or not."""
        if self.chance(0.15):
            kind, word = self.kind_of(scope), self.rng.choice(["", "NOT "])
            inner = self.inner_query(scope, [kind])
            if self.chance(0.5):
                return Piece("bool", f"{word}EXISTS (", inner, ")")
            return Piece("bool", "(", self.expr(kind, scope, 1, None, False), f" {word}IN (", inner, "))")
        inner = self.relation(1, small=True)
        around = scope if outer is None or self.chance(0.8) else scope + outer
        where = self.correlation(inner, around) if self.chance(0.7) else self.pred(inner.columns, 1, None, self.chance(0.2))
        word = "NOT " if self.chance(0.4) else ""
        if self.chance(0.5):
            return Piece("bool", f"{word}EXISTS (SELECT 1 FROM ", inner.piece, " WHERE ", where, ")")
        if self.chance(0.15):
            kinds = [self.kind_of(scope), self.kind_of(scope)]
            sides = [[self.expr(kind, columns, 0, None, False) for kind in kinds] for columns in (scope, inner.columns)]
            where = self.pred(inner.columns, 1, None, False)
            return Piece("bool", "((", sides[0][0], ", ", sides[0][1], f") {word}IN (SELECT ", sides[1][0], ", ", sides[1][1], " FROM ", inner.piece, " WHERE ", where, "))")
        kind = self.kind_of(scope)
        group = ""
        item = self.expr(kind, inner.columns, 1, None, False)
        if self.chance(0.2):
            group = " GROUP BY 1" + (" HAVING count(*) > 1" if self.chance(0.5) else "")
        return Piece("bool", "(", self.expr(kind, scope, 1, None, False), f" {word}IN (SELECT ", item, " FROM ", inner.piece, " WHERE ", where, group, "))")

    def correlation(self, inner: Relation, outer: list) -> Piece:
        """A condition between an inner relation and columns around it."""
        kinds = sorted({kind for _, kind, _ in inner.columns} & {kind for _, kind, _ in outer})
        parts = []
        for _ in range(self.rng.choice([1, 1, 2])):
            kind = self.rng.choice(kinds or ["int"])
            word = self.rng.choice([" = ", " = ", " = ", " <> ", " IS NOT DISTINCT FROM "] + ([] if kind in NESTED else [" < "]))
            parts += [" AND ", Piece("bool", "(", self.column(kind, inner.columns), word, self.column(kind, outer), ")")]
        if self.chance(0.4):
            parts += [self.rng.choice([" AND ", " AND ", " OR "]), self.pred(inner.columns, 1, outer if self.chance(0.4) else None, self.chance(0.3))]
        return Piece("bool", "(", *parts[1:], ")")

    def inner_query(self, scope: list, kinds: list[str]) -> Piece:
        """Any query; anywhere in it a column of the query around may stand."""
        saved = self.outer, self.ctes
        self.outer, self.ctes = scope, []
        query, _, _ = self.query(self.rng.choice([0, 0, 1]), kinds, small=True)
        self.outer, self.ctes = saved
        return query

    def scalar_subquery(self, kind: str, scope: list, outer: list | None) -> Piece:
        """An aggregate, or the first row of a total order."""
        if kind in NESTED:
            return self.literal(kind)
        if self.chance(0.2):
            name = self.name()
            return Piece(kind, self.rng.choice(["(SELECT min(", "(SELECT max("]), f"{name}.c0) FROM (", self.inner_query(scope, [kind]), f") AS {name})")
        inner = self.relation(1, small=True)
        around = scope if outer is None or self.chance(0.8) else scope + outer
        where = self.correlation(inner, around) if self.chance(0.75) else self.pred(inner.columns, 1, None, False)
        if inner.key and self.chance(0.25):
            return Piece(kind, "(SELECT ", self.expr(kind, inner.columns, 1, None, False), " FROM ", inner.piece, " WHERE ", where, f" ORDER BY {inner.key} LIMIT 1)")
        if kind in ("int", "big") and self.chance(0.5):
            item = Piece(kind, "CAST(", self.aggregate("big", inner.columns), " AS INT)") if kind == "int" else Piece(kind, "count(*)")
            item = Piece(kind, self.rng.choice(["count(*)", "CAST(count(*) AS INT)"])) if self.chance(0.6) or kind == "int" else item
        else:
            item = Piece(kind, self.rng.choice(["min(", "max("]), self.expr(kind, inner.columns, 1, None, False), ")")
        return Piece(kind, "(SELECT ", item, " FROM ", inner.piece, " WHERE ", where, ")")

    # ---- relations

    def table(self, small: bool = False) -> Relation:
        names = [n for n, size in self.sizes.items() if not small or size <= 1000] or sorted(self.sizes, key=self.sizes.get)[:1]
        name, alias = self.rng.choice(names), self.name("t")
        n_rows = self.sizes[name]
        columns = [(f"{alias}.{c}", kind, self.distinct[name][c]) for c, (_, kind) in COLUMNS.items()]
        return Relation(Piece("relation", f"{name} AS {alias}"), columns, n_rows, f"{alias}.id")

    def relation(self, depth: int, small: bool = False) -> Relation:
        """A table, a subquery, a CTE, VALUES or a join."""
        rng = self.rng
        if depth > 0 and self.chance(0.45):
            return self.join(depth, small)
        if self.ctes and self.chance(0.4):
            name, columns, n_rows = rng.choice(self.ctes)
            if not small or n_rows <= 2000:
                alias = self.name()
                return Relation(Piece("relation", f"{name} AS {alias}"), [(f"{alias}.{c}", kind, n) for c, kind, n in columns], n_rows)
        if depth > 0 and self.chance(0.3):
            alias = self.name()
            query, columns, n_rows = self.query(depth - 1, small=small)
            return Relation(Piece("relation", "(", query, f") AS {alias}"), [(f"{alias}.{c}", kind, n) for c, kind, n in columns], n_rows)
        if self.chance(0.04):
            return self.recursion()
        if self.chance(0.08):
            one, alias = self.table(small), self.name()
            a, b = self.column("int", one.columns).text(), self.column("int", one.columns).text()
            piece = Piece("relation", one.piece, f" [[LATERAL VIEW explode(array({a}, {b})) {alias} AS c0||CROSS JOIN LATERAL (SELECT unnest([{a}, {b}]) AS c0) AS {alias}]]")
            columns = one.columns + [(f"{alias}.c0", "int", 8)]
            alias, kept = self.name(), rng.sample(columns, 6) + columns[-1:]
            text = ", ".join(f"{c[0]} AS c{n}" for n, c in enumerate(kept))
            return Relation(Piece("relation", f"(SELECT {text} FROM ", piece, f") AS {alias}"), [(f"{alias}.c{n}", kind, n_values) for n, (_, kind, n_values) in enumerate(kept)], 2 * one.n_rows)
        if self.chance(0.05):
            alias, kinds = self.name("v"), [rng.choice(["int", "str", "date"]) for _ in range(2)]
            rows = [p for _ in range(rng.randrange(1, 5)) for p in (", ", "(", self.literal(kinds[0]), ", ", self.literal(kinds[1]), ")")]
            return Relation(Piece("relation", "(VALUES ", *rows[1:], f") AS {alias}(c0, c1)"), [(f"{alias}.c{n}", kind, 4) for n, kind in enumerate(kinds)], 4)
        return self.table(small)

    def recursion(self) -> Relation:
        """Four levels of rows found by those of the level before; what is known is not taken again."""
        x, start, alias, r = self.table(True), self.table(True), self.name(), self.name("r")
        at, other = x.key.split(".")[0], self.table(True)
        y = other.key.split(".")[0]
        of_x = x.piece.text()
        step = self.rng.choice(
            [
                f"SELECT {at}.k, {r}.c1 + 1 FROM {r} JOIN {of_x} ON {at}.id = {r}.c0",
                f"SELECT {at}.i, {r}.c1 + 1 FROM {of_x} JOIN {r} ON {at}.i + 1 = {r}.c0 AND {self.pred(x.columns, 1, None, False).text()}",
                f"SELECT l.k, {r}.c1 + 1 FROM {r} CROSS JOIN LATERAL (SELECT {at}.k FROM {of_x} WHERE {at}.i = {r}.c0 ORDER BY {at}.id LIMIT 2) AS l",
                f"SELECT {at}.j, {r}.c1 + 1 FROM {r} JOIN {of_x} ON {at}.i = {r}.c0 WHERE {at}.id >= (SELECT min({y}.id) FROM {other.piece.text()} WHERE {y}.i = {r}.c0)",
                f"SELECT {at}.i, {r}.c1 + 1 FROM {r} JOIN {of_x} ON {at}.j = {r}.c0 WHERE NOT EXISTS (SELECT 1 FROM {r} AS z WHERE z.c0 = {at}.i)",
            ]
        )
        first = self.column("int", start.columns).text()
        text = f"SELECT DISTINCT {first}, 0 FROM {start.piece.text()} WHERE {self.pred(start.columns, 1, None, False).text()}"
        text = f"(WITH RECURSIVE {r}(c0, c1) AS ({text} UNION SELECT * FROM ({step}) AS s(x, y) WHERE y < 4) SELECT * FROM {r}) AS {alias}"
        return Relation(Piece("relation", text), [(f"{alias}.c0", "int", 8), (f"{alias}.c1", "int", 3)], 200)

    def join(self, depth: int, small: bool) -> Relation:
        """Two relations, joined in one of all ways; about 200,000 rows at most."""
        rng = self.rng
        left, right = self.relation(depth - 1, small), self.relation(depth - 1 if self.chance(0.5) else 0, small)
        if any(isinstance(p, str) and "JOIN" in p for p in right.piece.parts):
            right.piece = Piece("relation", "(", right.piece, ")")
        kind = rng.choice(["INNER", "INNER", "LEFT", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI", "CROSS", "LATERAL", "USING"])
        product = left.n_rows * right.n_rows
        if kind == "CROSS" and product > 20000:
            kind = "INNER"
        columns = left.columns + right.columns
        key = left.key if right.n_rows <= 1 else None
        if kind == "CROSS":
            return Relation(Piece("relation", left.piece, " CROSS JOIN ", right.piece), columns, product, key)
        if kind == "LATERAL" and product <= 500_000:
            return self.lateral(left, small)
        if kind == "USING" and len(left.columns) == len(right.columns) == len(COLUMNS) and left.key and right.key:
            return self.using(left, right)
        kind = "INNER" if kind in ("LATERAL", "USING") else kind
        condition, n_rows = self.join_condition(left, right, product)
        if n_rows > 100_000:
            return left
        if kind in ("SEMI", "ANTI"):
            columns, n_rows, key = left.columns, left.n_rows, left.key
        elif kind != "INNER":
            n_rows = max(n_rows, left.n_rows, right.n_rows)
        word = {"INNER": rng.choice([" JOIN ", " INNER JOIN "])}.get(kind, f" {kind} {rng.choice(['', 'OUTER ']) if kind in ('LEFT', 'RIGHT', 'FULL') else ''}JOIN ")
        return Relation(Piece("relation", left.piece, word, right.piece, " ON ", condition), columns, n_rows, key)

    def join_condition(self, left: Relation, right: Relation, product: float) -> tuple[Piece, float]:
        """Equal keys, other conditions, both; few enough pairs."""
        rng = self.rng
        kinds = sorted({kind for _, kind, _ in left.columns} & {kind for _, kind, _ in right.columns})
        mixed = self.chance(0.15)
        same = lambda a, b: a == b or mixed and {a, b} <= set(NUMBERS) or mixed and {a, b} == {"date", "ts"}
        pairs = [(a, b) for a in left.columns for b in right.columns if same(a[1], b[1])]
        good = [(a, b) for a, b in pairs if product / max(min(a[2], b[2]), 1) <= 100_000]
        parts, n_rows = [], product
        if pairs and (product > 60_000 or self.chance(0.8)):
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                a, b = rng.choice(good or sorted(pairs, key=lambda p: -min(p[0][2], p[1][2]))[:1])
                n_rows = min(n_rows, product / max(min(a[2], b[2]), 1))
                word = rng.choice([" = ", " = ", " = ", " IS NOT DISTINCT FROM "])
                if a[1] == b[1] == "int" and word == " = " and self.chance(0.15):
                    parts += [" AND ", Piece("bool", f"({a[0]} + 1 = {b[0]})")]
                elif self.chance(0.06):
                    parts += [" AND ", Piece("bool", f"([[struct||row]]({a[0]}, {left.columns[0][0]} % 3) = [[struct||row]]({b[0]}, {right.columns[0][0]} % 3))")] if left.columns[0][1] == right.columns[0][1] == "int" and a[1] == b[1] != "dec" else [" AND ", Piece("bool", f"({a[0]}{word}{b[0]})")]
                else:
                    parts += [" AND ", Piece("bool", f"({a[0]}{word}{b[0]})" if self.chance(0.7) else f"({b[0]}{word}{a[0]})")]
        scope = left.columns + right.columns
        if not parts or self.chance(0.4):
            if kinds and self.chance(0.5):
                kind = rng.choice(kinds)
                piece = Piece("bool", "(", self.column(kind, left.columns), rng.choice([" < ", " >= ", " <> ", " > "]) if kind not in NESTED else " <> ", self.column(kind, right.columns), ")")
            else:
                piece = self.pred(scope, 1, None, self.chance(0.1))
            parts += [" AND " if len(parts) == 0 or product > 60_000 or self.chance(0.8) else " OR ", piece]
            if parts[-2] == " OR ":
                n_rows = product
        return Piece("bool", "(", *parts[1:], ")"), n_rows

    def using(self, left: Relation, right: Relation) -> Relation:
        """JOIN ... USING: what both sides share is one column."""
        a, b = left.key.split(".")[0], right.key.split(".")[0]
        names = self.rng.choice([["id"], ["k"], ["u"], ["k", "i"], ["id", "s"]])
        by_name = {c: n_values for c, _, n_values in left.columns + right.columns}
        n_rows = left.n_rows * right.n_rows / max(min(by_name[f"{t}.{n}"] for t in (a, b)) for n in names)
        if n_rows > 60_000:
            condition, n_rows = self.join_condition(left, right, left.n_rows * right.n_rows)
            return Relation(Piece("relation", left.piece, " JOIN ", right.piece, " ON ", condition), left.columns + right.columns, n_rows)
        word = self.rng.choice(["", "LEFT ", "RIGHT ", "FULL ", "SEMI ", "ANTI "])
        n_rows = max(n_rows, left.n_rows, right.n_rows)
        join = Piece("relation", left.piece, f" {word}JOIN ", right.piece, f" USING ({', '.join(names)})")
        if word in ("SEMI ", "ANTI "):
            return Relation(join, left.columns, n_rows, left.key)
        merged = [(n, COLUMNS[n][1], by_name[f"{a}.{n}"]) for n in names]
        rest = [c for c in left.columns + right.columns if c[0] not in {f"{t}.{n}" for t in (a, b) for n in names}]
        picked, alias = merged + self.rng.sample(rest, min(len(rest), 6)), self.name()
        text = ", ".join(f"{c[0]} AS c{n}" for n, c in enumerate(picked))
        return Relation(Piece("relation", f"(SELECT {text} FROM ", join, f") AS {alias}"), [(f"{alias}.c{n}", kind, n_values) for n, (_, kind, n_values) in enumerate(picked)], n_rows)

    def lateral(self, left: Relation, small: bool) -> Relation:
        """A subquery that sees what stands before it."""
        inner, alias = self.table(True), self.name("l")
        if left.n_rows * inner.n_rows > 500_000:
            return left
        kinds = [self.rng.choice(["int", "str", "date", "dbl"]) for _ in range(2)]
        if left.n_rows <= 1000 and self.chance(0.3):
            word = self.rng.choice([" CROSS JOIN LATERAL (", " LEFT JOIN LATERAL ("])
            columns = left.columns + [(f"{alias}.c{n}", kind, 10) for n, kind in enumerate(kinds)]
            return Relation(Piece("relation", left.piece, word, self.inner_query(left.columns, kinds), f") AS {alias}", "" if "CROSS" in word else " ON true"), columns, left.n_rows * 10)
        where = self.correlation(inner, left.columns)
        if self.chance(0.5):
            items, n_rows, kinds = [Piece("int", "count(*)"), self.aggregate(kinds[1], inner.columns)], left.n_rows, ["big", kinds[1]]
            tail = ""
        else:
            items = [self.expr(kind, inner.columns, 1, left.columns, False) for kind in kinds]
            tail, n_rows = (f" ORDER BY {inner.key} LIMIT 2", 2 * left.n_rows) if self.chance(0.5) else ("", left.n_rows * inner.n_rows / 4)
        word = self.rng.choice([" CROSS JOIN LATERAL ", " JOIN LATERAL ", " LEFT JOIN LATERAL "])
        on = "" if "CROSS" in word else " ON true"
        columns = left.columns + [(f"{alias}.c{n}", kind, max(1, inner.n_rows)) for n, kind in enumerate(kinds)]
        return Relation(Piece("relation", left.piece, word, "(SELECT ", items[0], " AS c0, ", items[1], " AS c1 FROM ", inner.piece, " WHERE ", where, tail, f") AS {alias}", on), columns, n_rows)

    # ---- queries

    def aggregate(self, kind: str, scope: list) -> Piece:
        """An aggregate that gives a kind."""
        rng = self.rng
        if kind in NESTED:
            if kind == "arr" and self.chance(0.5):
                x = self.column("int", scope).text()
                distinct = self.rng.choice(["", "DISTINCT "])
                return Piece(kind, f"[[sort_array(collect_list({distinct}{x}))||coalesce(list_sort(list({distinct}{x}) FILTER (WHERE {x} IS NOT NULL)), [])]]")
            return self.made(kind, Piece("int", "max(", self.expr("int", scope, 1, None, False), ")"), self.aggregate("str" if kind == "pair" else "int", scope) if kind == "pair" else Piece("int", "min(", self.expr("int", scope, 1, None, False), ")"))
        arg = self.expr(kind, scope, 1, None, False)
        distinct = "DISTINCT " if self.chance(0.2) else ""
        if kind in ("int", "big"):
            which = rng.randrange(9)
            if which == 8:
                a, b = self.column(self.kind_of(scope), scope).text(), self.column(self.kind_of(scope), scope).text()
                body = [f"count(DISTINCT [[{a}, {b}||CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN row({a}, {b}) END]])"]
            elif which == 0:
                body = ["count(*)"]
            elif which < 3:
                body = [f"count({distinct}", self.expr(self.kind_of(scope), scope, 1, None, False), ")"]
            elif which == 3:
                body = ["[[count_if(||count(NULLIF(]]", self.pred(scope, 1, None, False), "[[)||, false))]]"]
            elif which < 6:
                body = [f"sum({distinct}", self.expr("int", scope, 1, None, False), ")"]
            else:
                body = [rng.choice(["min(", "max(", "bit_or(", "bit_and("]), self.expr("int", scope, 1, None, False), ")"]
        elif kind == "dbl":
            body = [f"{rng.choice(['avg', 'sum'])}({distinct}", self.expr(rng.choice(["int", "dbl"]), scope, 1, None, False), ")"]
            body = ["CAST(", *body, " AS DOUBLE)"] if body[0].startswith("sum") else body
            if self.chance(0.3):
                body = [rng.choice(["min(", "max("]), arg, ")"]
        elif kind == "dec":
            body = [rng.choice(["min(", "max("]), arg, ")"]
            if self.chance(0.4):  # the width of a sum is the dialect's own
                return Piece(kind, f"CAST(sum({distinct}", arg, ") AS DECIMAL(24,4))")
        elif kind == "bool":
            body = [rng.choice(["bool_and(", "bool_or("]), arg, ")"]
        elif self.chance(0.2) and len({c[0].split(".")[0] for c in scope}) == 1 and scope[0][0].endswith(".id"):
            return Piece(kind, rng.choice(["[[min_by||arg_min_null]](", "[[max_by||arg_max_null]]("]), arg, f", {scope[0][0]})")
        elif kind == "str" and self.chance(0.15):
            what = self.column("str", scope).text()
            return Piece(kind, f"[[listagg({distinct}{what}, '|') WITHIN GROUP (ORDER BY {what})||string_agg({distinct}{what}, '|' ORDER BY {what})]]")
        else:
            body = [rng.choice(["min(", "max("]), arg, ")"]
        if self.chance(0.2) and not body[0].startswith("CAST"):
            body += [" FILTER (WHERE ", self.pred(scope, 1, None, False), ")"]
        return Piece(kind, *body)

    def window(self, kind: str, relation: Relation) -> Piece:
        """A window function with a frame; total orders where rows are counted."""
        rng, scope = self.rng, relation.columns
        plain = [c for c in scope if c[1] not in NESTED]
        if not plain or kind in NESTED and relation.key is None:
            return self.column(kind, scope)
        parts = [c[0] for c in rng.sample(scope, min(len(scope), rng.choice([0, 1, 1, 2])))]
        total = relation.key is not None
        direction = lambda: rng.choice([" ASC NULLS FIRST", " ASC NULLS LAST", " DESC NULLS FIRST", " DESC NULLS LAST"])
        order = [c[0] + direction() for c in rng.sample(plain, min(len(plain), rng.choice([0, 1, 1, 2])))]
        over = [f"PARTITION BY {', '.join(parts)}"] if parts else []
        frame = ""
        which = rng.random()
        if kind in ("int", "big") and which < 0.5:
            if which < 0.3 or not total:
                call, order = rng.choice(["rank()", "dense_rank()"]), order or [plain[0][0] + direction()]
            else:
                call, order = rng.choice(["row_number()", "ntile(3)"]), order + [relation.key]
        elif total and (which < 0.75 or kind in NESTED):
            arg, order = self.column(kind, scope).text(), order + [relation.key]
            name = rng.choice(["lag({})", "lead({})", "lag({}, 2)", "lead({}, 3)", "first_value({})", "last_value({})", "nth_value({}, 2)"])
            call = name.format(arg)
            if self.chance(0.3):  # inside the brackets in DuckDB
                call = call[:-1] + "[[|| IGNORE NULLS]])[[ IGNORE NULLS||]]"
            if "value" in name:
                frame = self.frame("ROWS")
        else:
            call = self.aggregate(kind, scope).text() if relation.piece.parts else f"max({self.column(kind, scope).text()})"
            if "(DISTINCT " in call:
                call = call.replace("(DISTINCT ", "(")
            numbers = [c[0] for c in scope if c[1] == "int"]
            days = [c[0] for c in scope if c[1] in ("date", "ts")]
            if self.chance(0.4) and numbers:
                order, frame = [rng.choice(numbers) + direction()], self.frame("RANGE")
            elif self.chance(0.15) and days:
                order, frame = [rng.choice(days) + direction()], re.sub(r"(\d) ", r"INTERVAL \1 DAY ", self.frame("RANGE"))
            elif self.chance(0.5) and total:
                order, frame = order + [relation.key], self.frame("ROWS")
        if "WITHIN GROUP" in call:  # sees whole partitions; a row of all rows for each row
            order, frame = [], ""
            if relation.n_rows > 300:
                call = f"max({self.column(kind, scope).text()})"
        if order:
            over.append(f"ORDER BY {', '.join(order)}")
        if call.startswith("CAST("):
            before, _, after = call.rpartition(" AS D")
            return Piece(kind, f"{before} OVER ({' '.join(over)}{frame}) AS D{after}")
        return Piece(kind, f"{call} OVER ({' '.join(over)}{frame})")

    def frame(self, unit: str) -> str:
        """A frame that is not upside down."""
        bounds = ["UNBOUNDED PRECEDING", "3 PRECEDING", "1 PRECEDING", "CURRENT ROW", "1 FOLLOWING", "2 FOLLOWING", "UNBOUNDED FOLLOWING"]
        first = self.rng.randrange(6)
        last = self.rng.randrange(max(first, 1), 7)
        return f" {unit} BETWEEN {bounds[first]} AND {bounds[last]}"

    def items(self, scope: list, n_items: int) -> list[Piece]:
        """A select list of simple values."""
        kinds = self.kinds()[:n_items]
        return [Piece("item" if n else "first", ", " if n else "", self.expr(kind, scope, 1), f" AS c{n}") for n, kind in enumerate(kinds)]

    def kinds(self, nested: bool = False) -> list[str]:
        every = ["int", "int", "big", "dbl", "dec", "str", "str", "date", "ts", "bool"] + (["pair", "arr"] if nested else [])
        return [self.rng.choice(every) for _ in range(self.rng.randrange(1, 5))]

    def query(self, depth: int, kinds: list[str] | None = None, small: bool = False) -> tuple[Piece, list, float]:
        """A query, its columns c0.. and about how many rows it gives."""
        rng = self.rng
        kinds = kinds or self.kinds(True)
        which = rng.random()
        if depth > 0 and which < 0.15:
            word = rng.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"])
            wider = [{"int": rng.choice(["big", "dbl", "dec"]), "date": "ts"}.get(kind, kind) if self.chance(0.2) else kind for kind in kinds]
            (a, _, n), (b, columns, n2) = self.query(depth - 1, kinds, small), self.query(depth - 1, wider, small)
            return Piece("query", "(", a, f") {word} (", b, ")"), columns, n + n2
        if depth > 0 and which < 0.28:
            name, saved = self.name("w"), list(self.ctes)
            inner, columns, n_rows = self.query(depth - 1, None, small)
            self.ctes.append((name, columns, n_rows))
            body, out, n = self.query(depth, kinds, small)
            self.ctes = saved
            return Piece("query", f"WITH {name} AS (", inner, ") ", "SELECT * FROM (", body, f") AS {self.name()}"), out, n
        if depth > 0 and which < 0.36 and not set(kinds) & set(NESTED):
            body, columns, n = self.query(depth - 1, kinds, small)
            order = ", ".join(f"c{c} {rng.choice(['ASC', 'DESC'])} NULLS {rng.choice(['FIRST', 'LAST'])}" for c in rng.sample(range(len(kinds)), len(kinds)))
            n_limit = rng.choice([0, 1, 3, 10, 100, 5000])
            limit = f"LIMIT {n_limit}" + (f" OFFSET {rng.choice([0, 1, 5, 100])}" if self.chance(0.4) else "")
            return Piece("query", "SELECT * FROM (", body, f") AS {self.name()} ORDER BY {order} ", Piece("where", limit)), columns, min(n, n_limit)
        relation = self.relation(min(depth, 2), small)
        where = Piece("where", " WHERE ", self.pred(relation.columns, 2)) if self.chance(0.7) else ""
        if which < 0.62:
            return self.grouped(kinds, relation, where)
        windows = which > 0.85
        items = [self.window(kind, relation) if windows and self.chance(0.6) else self.expr(kind, relation.columns, rng.choice([0, 1, 2])) for kind in kinds]
        listed = [Piece("item" if n else "first", ", " if n else "", item, f" AS c{n}") for n, item in enumerate(items)]
        distinct = "DISTINCT " if self.chance(0.15) else ""
        columns = [(f"c{n}", kind, max(1, min(100, relation.n_rows))) for n, kind in enumerate(kinds)]
        return Piece("query", f"SELECT {distinct}", *listed, " FROM ", relation.piece, where), columns, relation.n_rows

    def grouped(self, kinds: list[str], relation: Relation, where: Piece | str) -> tuple[Piece, list, float]:
        """GROUP BY, with sets of keys, HAVING, DISTINCT and FILTER; or one row."""
        rng, scope = self.rng, relation.columns
        n_keys = rng.choice([0, 1, 1, 2, 3])
        keys = [c for c in rng.sample(scope, min(n_keys, len(scope)))]
        names = [c[0] for c in keys]
        if keys and self.chance(0.2):
            saved, self.outer = self.outer, []
            made = self.expr("int", scope, 1, None, False).text()
            self.outer = saved
            if re.search(r"[a-z]\d*\.[a-z]", made):
                keys[0] = (made, "int", 20)
                names[0] = made
        have = list(keys)
        for kind in kinds:
            have.append((self.aggregate(kind, scope).text(), kind, 50))
        items = []
        for kind in kinds:
            same = [c for c in have if c[1] == kind]
            if self.chance(0.1):
                items.append(self.window(kind, Relation(Piece("relation"), have, 50)))
            else:
                items.append(Piece(kind, rng.choice(same)[0]) if self.chance(0.7) else self.expr(kind, have, 1, None, False))
        having = Piece("where", " HAVING ", self.pred(have, 1, None, self.chance(0.3))) if self.chance(0.3) else ""
        group = f" GROUP BY {', '.join(names)}" if names else ""
        n_rows = 1.0
        for _, _, n in keys:
            n_rows *= n
        if names and self.chance(0.25):
            n_rows *= 4  # an empty input has no grand total in Spark
            having = Piece("where", " HAVING (count(*) > 0", *([" AND ", *having.parts[1:]] if having else []), ")")
            group = " GROUP BY " + rng.choice([f"ROLLUP ({', '.join(names)})", f"CUBE ({', '.join(names)})", f"GROUPING SETS (({', '.join(names)}), ({names[0]}))"])
            if self.chance(0.4):
                items[0] = Piece(kinds[0], f"grouping({names[0]})") if kinds[0] in ("int", "big") else items[0]
        listed = [Piece("item" if n else "first", ", " if n else "", item, f" AS c{n}") for n, item in enumerate(items)]
        columns = [(f"c{n}", kind, max(1, min(100, n_rows))) for n, kind in enumerate(kinds)]
        return Piece("query", "SELECT ", *listed, " FROM ", relation.piece, where, Piece("where", group), having), columns, min(max(n_rows, 1), max(relation.n_rows, 1))
