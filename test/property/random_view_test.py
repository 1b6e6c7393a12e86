"""Materialized views of random queries over files that come, go and change: after each run a view holds what its query gives.

Each case has two tables of files (Parquet, JSON or CSV) and one that the engine keeps, four views of random queries
(random_sql_parts.py) and a few runs of `millrace run`, between which files are added, deleted or replaced and rows are
inserted, overwritten or truncated.  MR_SEED, MR_CASES repeat a run, MR_SECONDS ends it.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

from random_sql_parts import COLUMNS, Maker, literal, make_table, pa, render, write_file
from sql_engine import MILLRACE, Engine, Refused, difference, play_cases

SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
CASES = int(os.environ.get("MR_CASES", "1000000"))
SECONDS = float(os.environ.get("MR_SECONDS", "20"))
DECLARED = ", ".join(f"{c} {kind}" for c, (kind, _) in COLUMNS.items())


def values(table: dict[str, list]) -> str:
    """The rows as VALUES."""

    def one(value: object, kind: str) -> str:
        text = "NULL" if value is None else f"'{literal(value)}'"
        return f"CAST({text} AS {kind})"

    kinds = [kind for kind, _ in COLUMNS.values()]
    return "VALUES " + ", ".join("(" + ", ".join(map(one, row, kinds)) + ")" for row in zip(*table.values()))


class Case:
    """Tables, views and what happened."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.folder, self.story = random.Random(seed), folder, []
        rng = self.rng
        self.engine = Engine(folder, [])
        self.forms = {name: rng.choice(["json", "csv"] + (["parquet"] if pa else [])) for name in ("t0", "t1")}
        self.files: dict[str, list[Path]] = {"t0": [], "t1": []}
        self.n_files = 0
        tables = {"t0": self.rows(30), "t1": self.rows(12), "t2": self.rows(8)}
        for name in self.files:
            (folder / name).mkdir()
            self.put(name, tables[name])
        nulls = {"csv": ", nullValue '-'"}
        self.script = [
            f"CREATE TABLE {name} ({DECLARED}) USING {form} OPTIONS (path '{folder}/{name}'{nulls.get(form, '')})"
            for name, form in self.forms.items()
        ]
        for sql in [*self.script, f"CREATE TABLE t2 ({DECLARED}) USING parquet", f"INSERT INTO t2 {values(tables['t2'])}"]:
            self.engine.ask(sql)
        self.views = self.choose(Maker(rng, tables))
        self.script += [f"CREATE MATERIALIZED VIEW {name} AS {sql}" for name, sql in self.views.items()]
        (folder / "p.sql").write_text("SET TIME ZONE 'UTC';\n" + ";\n".join(self.script) + ";\n")

    def choose(self, maker: Maker) -> dict[str, str]:
        """Queries that are not refused."""
        views = {}
        for n in range(4):
            sql = render(maker.query(self.rng.choice([0, 0, 1, 1, 2]), maker.kinds())[0], False)
            try:
                self.engine.ask(sql)
                views[f"m{n}"] = sql
            except Refused:
                pass
        return views

    def rows(self, n_rows: int) -> dict[str, list]:
        table, start = make_table(self.rng, n_rows, False), self.rng.randrange(10**6) * 100
        return table | {"id": [start + n for n in range(n_rows)]}

    def put(self, name: str, table: dict[str, list], path: Path | None = None) -> None:
        """A file appears at once, new or in the place of another."""
        form = self.forms[name]
        hidden = self.folder / f"arriving.{form}"
        write_file(hidden, form, table, self.rng)
        self.n_files += 1
        if not path:
            path = self.folder / name / f"{self.n_files}.{form}"
            self.files[name].append(path)
        os.rename(hidden, path)

    def change(self) -> None:
        """Something happens to the input."""
        rng, which = self.rng, self.rng.randrange(8)
        name = rng.choice(["t0", "t1"])
        if which < 4 or which < 6 and not self.files[name]:
            self.put(name, self.rows(rng.choice([0, 1, 3, 10])))
            self.story.append(f"a new file of {name}")
        elif which == 4:
            path = self.files[name].pop(rng.randrange(len(self.files[name])))
            path.unlink()
            self.story.append(f"{path} is deleted")
        elif which == 5:
            path = rng.choice(self.files[name])
            self.put(name, self.rows(rng.choice([1, 4])), path)
            self.story.append(f"{path} has other rows")
        else:
            replaced = "CREATE OR REPLACE TABLE t2 USING parquet AS SELECT * FROM t2 WHERE id % 2 = 0"
            added = f"INSERT INTO t2 {values(self.rows(rng.choice([1, 3])))}"
            sql = rng.choice([added, added, "TRUNCATE TABLE t2", f"INSERT OVERWRITE t2 {values(self.rows(2))}", replaced])
            self.engine.ask(sql)
            self.story.append(sql)

    def run(self) -> str | None:
        """One run; what is wrong after it."""
        command = [MILLRACE, "run", "p.sql", "--conf", f"millrace.exec.threads={self.rng.choice([1, 2])}"]
        done = subprocess.run(command, check=False, cwd=self.folder, capture_output=True, text=True, timeout=120)
        self.story.append("run: " + " | ".join(done.stderr.splitlines()))
        if done.returncode != 0:
            return f"exit {done.returncode}"
        for name, sql in self.views.items():
            if wrong := difference(self.engine.rows(f"SELECT * FROM {name}"), self.engine.rows(sql)):
                return f"{name}: {wrong}"
        return None

    def play(self) -> str | None:
        for _ in range(self.rng.randrange(2, 7)):
            if wrong := self.run():
                return wrong
            for _ in range(self.rng.choice([0, 1, 1, 2, 3])):
                self.change()
        return None

    def stop(self) -> None:
        self.engine.stop()

    def told(self) -> str:
        """The script and what happened."""
        return ";\n".join(self.script) + "\n" + "\n".join(self.story)


def main() -> int:
    """Cases until the time is over, or one fails."""
    played = play_cases("random-view", Case, SEED, CASES, SECONDS)
    if played is None:
        return 1
    print(f"{sum(len(case.views) for case in played)} views in {len(played)} pipelines, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
