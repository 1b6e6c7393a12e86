"""Random pipelines over random files, stopped and killed at random instants, must end with the rows of one batch.

Each case draws tables (JSON, CSV, Parquet, compressed or not), flows over them and a story: files arrive before and
during runs of `millrace run`, which end by themselves, by a signal or by SIGKILL; threads, batch sizes, snapshots and the
time zone change from run to run, and other processes read meanwhile.  A last file with late times closes all windows.
Then every table must hold what the flow's query gives as a batch, and what DuckDB gives where it is installed; every row
that was ever read must be among the final ones, and no epoch may be seen in part.

MR_SEED, MR_CASES: repeats a run.  MR_SHOW=1 keeps the folder of a failed case.
"""

import json
import os
import random
import signal
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

try:
    import duckdb
except ImportError:
    duckdb = None
from pipeline_parts import COLUMNS, LAST, MARK, PACK, QUERIES, encode, make_rows, pa, plain

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
CASES = int(os.environ.get("MR_CASES", "10"))


def heed_interrupts() -> None:
    """A shell's background jobs ignore them from their birth: one that comes before the program has its handler would be lost."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Case:
    """One pipeline, its files and its story."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng, self.folder, self.story = random.Random(seed), folder, []
        rng = self.rng
        self.forms = {s: rng.choice(["json", "csv"] + (["parquet"] if pa else [])) for s in "ab"}
        self.queries = rng.sample(QUERIES, rng.randrange(2, 6))
        self.max_files = rng.choice([None, None, 1, 1, 2])
        self.rows: dict[str, list[dict]] = {"a": [], "b": []}
        self.waiting: list[tuple[str, list[dict]]] = []
        counts = {s: rng.randrange(1, 8) for s in "ab"}
        for number in range(max(counts.values())):
            for source in "ab":
                if number < counts[source]:
                    self.waiting.append((source, make_rows(rng, source, number, rng.choice([0, 1, 5, 30]))))
        self.n_files, self.clock, self.reads = 0, 1_700_000_000, []
        self.chained = [(f"{name}_on", f"SELECT * FROM STREAM {name}") for name, _, _ in self.queries if rng.random() < 0.3]
        self.views = [(f"{name}_view", self.text(False, sql)) for name, sql, _ in rng.sample(QUERIES, rng.randrange(4))]
        self.views += [(f"{name}_size", f"SELECT count(*) AS n FROM {name}") for name, _, _ in self.queries if rng.random() < 0.3]

    def text(self, stream: bool, sql: str) -> str:
        """A query over the streams, or over the tables."""
        for s in "ab":
            sql = sql.replace(f"${s}m", f"(SELECT * FROM @{s}m WHERE t IS NOT NULL)")
            sql = sql.replace(f"@{s}m", f"STREAM {s} {MARK[s]}" if stream else s)
            sql = sql.replace(f"@{s}", f"STREAM {s}" if stream else s)
        return sql

    def pipeline(self) -> str:
        """The script."""
        out = ["SET TIME ZONE 'UTC';"]
        for s in "ab":
            options = f"path '{self.folder}/{s}', header 'true', escape '\"', nullValue '-'" + (
                f", maxFilesPerTrigger '{self.max_files}'" if self.max_files else ""
            )
            out.append(f"CREATE TABLE {s} ({COLUMNS}) USING {self.forms[s]} OPTIONS ({options});")
        out.append("CREATE TABLE dim AS SELECT * FROM VALUES (1, 'one'), (1, 'uno'), (2, 'two'), (NULL, 'none'), (7, NULL) AS v(k, name);")
        for name, sql, _ in self.queries:
            parts = " PARTITIONED BY (k)" if name in ("passed", "tumbling", "different") and self.rng.random() < 0.3 else ""
            out.append(f"CREATE STREAMING TABLE {name}{parts} AS {self.text(True, sql)};")
        out += [f"CREATE STREAMING TABLE {name} AS {sql};" for name, sql in self.chained]
        out += [f"CREATE MATERIALIZED VIEW {name} AS {sql};" for name, sql in self.views]
        return "\n".join(out)

    def arrive(self, source: str, rows: list[dict]) -> None:
        """A file appears at once under its final name; names say nothing about the order."""
        form, pack = self.forms[source], self.rng.choice([""] if self.forms[source] == "parquet" else sorted(PACK))
        path = self.folder / source / f"{self.rng.randrange(10**6):06}-{self.n_files}.{form}{pack}"
        hidden = self.folder / f"arriving-{self.n_files}"
        data = encode(rows, form)
        hidden.write_bytes(b"" if not rows and form != "parquet" and self.rng.random() < 0.5 else PACK[pack](data))
        self.clock += 1 + self.rng.randrange(3)
        os.utime(hidden, (self.clock, self.clock + 0))
        os.rename(hidden, path)
        self.n_files += 1
        self.rows[source] += rows
        self.story.append(f"{path.name}: {len(rows)} rows for {source}")

    def arrive_some(self) -> None:
        """The next files, in order."""
        for _ in range(self.rng.randrange(4)):
            if self.waiting:
                self.arrive(*self.waiting.pop(0))

    def environment(self) -> dict[str, str]:
        return {**os.environ, "TZ": self.rng.choice(["UTC", "Asia/Kolkata", "America/New_York"])}

    def start(self, *options: str) -> subprocess.Popen:
        """A run with other settings each time."""
        conf = [
            ("--conf", f"{k}={v}")
            for k, v in (
                ("millrace.exec.threads", self.rng.choice([1, 2, 3])),
                ("millrace.exec.batchRows", self.rng.choice([0, 1, 7])),
                ("millrace.checkpoint.snapshotBytes", self.rng.choice([1, 2000, 1 << 20])),
            )
            if v
        ]
        command = [MILLRACE, "run", "p.sql", *options, *(part for pair in conf for part in pair)]
        self.story.append(" ".join(command[1:]))
        return subprocess.Popen(command, cwd=self.folder, env=self.environment(), stderr=open(self.folder / "log", "ab"), preexec_fn=heed_interrupts)

    def query(self, sql: str, check: bool = True) -> Counter | None:
        """Rows as another process reads them; None: not there yet."""
        command = [MILLRACE, "--format", "json", "--conf", "spark.sql.session.timeZone=UTC", "-e", sql]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            assert not check and "TABLE_OR_VIEW_NOT_FOUND" in done.stderr, f"{sql}\n{done.stderr}"
            return None
        return Counter(tuple(sorted((k, plain(v)) for k, v in json.loads(line).items())) for line in done.stdout.splitlines())

    def read(self) -> None:
        """What a reader sees while a run goes on."""
        name = self.rng.choice([name for name, _, _ in self.queries])
        rows = self.query(f"SELECT * FROM {name}", check=False)
        if rows is not None:
            self.reads.append((name, rows))

    def run(self) -> None:
        """One run, with what happens meanwhile."""
        rng = self.rng
        kind = rng.choice(["once", "once", "killed", "continuous", "continuous", "continuous killed"])
        process = self.start("--continuous" if kind.startswith("continuous") else "--once")
        if kind != "once":
            for _ in range(rng.randrange(4)):
                if kind.startswith("continuous"):
                    time.sleep(rng.random() * 0.03)
                    self.arrive_some()
                if rng.random() < 0.5:
                    self.read()
            time.sleep(rng.random() ** 2 * 0.15)
            how = signal.SIGKILL if "killed" in kind else rng.choice([signal.SIGINT, signal.SIGTERM])
            if "killed" in kind or kind == "continuous":
                process.send_signal(how)
        code = process.wait(60)
        self.story.append(f"{kind}: exit {code}")
        wanted = {0, -9} if "killed" in kind else {0, -2, -15} if kind == "continuous" else {0}
        assert code in wanted, f"exit {code}: {(self.folder / 'log').read_text()[-2000:]}"

    def duck(self, sql: str) -> Counter:
        """DuckDB's rows."""
        base = duckdb.connect()
        base.execute("SET TimeZone = 'UTC'")
        for s in "ab":
            base.execute(f"CREATE TABLE {s} (id BIGINT, k INT, s VARCHAR, v BIGINT, x DOUBLE, t TIMESTAMP)")
            rows = [[*row.values()][:5] + [row["t"] and row["t"].replace(tzinfo=None)] for row in self.rows[s] if row["id"] >= 0]
            if rows:
                base.executemany(f"INSERT INTO {s} VALUES (?, ?, ?, ?, ?, ?)", rows)
        base.execute("CREATE TABLE dim AS SELECT * FROM (VALUES (1, 'one'), (1, 'uno'), (2, 'two'), (NULL, 'none'), (7, NULL)) AS v(k, name)")
        done = base.execute(sql)
        names = [column[0] for column in done.description]
        return Counter(tuple(sorted(zip(names, map(plain, row)))) for row in done.fetchall())

    def check(self, name: str, sql: str, duck_sql: str | None) -> None:
        """One table against the batch, DuckDB and everything that was read before."""
        batch = self.text(False, sql)
        batch = f"WITH a AS (SELECT * FROM a WHERE id >= 0), b AS (SELECT * FROM b WHERE id >= 0) {batch}"
        got, wanted = without_last(self.query(f"SELECT * FROM {name}")), self.query(batch)
        compare(f"{name} and its batch", got, wanted)
        if duckdb:
            compare(f"{name} and DuckDB", got, self.duck(duck_sql or self.text(False, sql)))
        for seen_name, seen in self.reads:
            if seen_name == name:
                compare(f"{name} as read before: not among the final rows", without_last(seen) - got, Counter())

    def play(self) -> None:
        """The whole story."""
        for s in "ab":
            (self.folder / s).mkdir()
        (self.folder / "p.sql").write_text(self.pipeline())
        while self.waiting:
            self.arrive_some()
            self.run()
        for s in "ab":
            self.arrive(s, [LAST])
        for _ in range(2):
            process = self.start("--once")
            assert process.wait(60) == 0, (self.folder / "log").read_text()[-2000:]
        for name, sql, duck_sql in self.queries:
            self.check(name, sql, duck_sql)
        for name, _ in self.chained:
            compare(f"{name} and its source", self.query(f"SELECT * FROM {name}"), self.query(f"SELECT * FROM {name[:-3]}"))
        for name, sql in self.views:
            compare(f"{name} and its query", self.query(f"SELECT * FROM {name}"), self.query(sql))


def without_last(rows: Counter) -> Counter:
    """Without what only the last file gives."""
    last = lambda row: any(v in (-99999, -89999) or isinstance(v, str) and v.startswith("2031") for _, v in row)
    return Counter({row: n for row, n in rows.items() if not last(row)})


def compare(what: str, got: Counter, wanted: Counter) -> None:
    """Says what is missing and what is too much."""
    assert got == wanted, f"{what}: missing {list((wanted - got).items())[:5]}, too much {list((got - wanted).items())[:5]}"


def main() -> int:
    """All cases; the story of the first that fails."""
    print(f"seed {SEED}")
    for n in range(CASES):
        folder = Path(tempfile.mkdtemp(prefix="mr-pipeline-"))
        case = Case(SEED + n, folder)
        try:
            case.play()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            print(f"FAILED MR_SEED={SEED + n}: {error}\n" + "\n".join(case.story) + "\n" + (folder / "p.sql").read_text())
            if os.environ.get("MR_SHOW"):
                print(folder)
                return 1
            shutil.rmtree(folder)
            return 1
        shutil.rmtree(folder)
    print(f"{CASES} pipelines, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
