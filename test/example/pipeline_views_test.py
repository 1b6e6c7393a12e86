"""Materialized views: with what is new where that is enough, else whole, and always what their query answers at once.

Each case plays some runs.  Before each something happens to the input; after it the view's rows are compared with those of its
query, and what the run said of the view (how many rows it took in, or that it was computed whole) with what it should say.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
FAST = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None  # syncs are not what is tested
TABLES = """
CREATE TABLE s (k INT, v BIGINT, t STRING, m DECIMAL(20,4)) USING json OPTIONS (path 'in', maxFilesPerTrigger '1', latestFirst 'true', maxFileAge '1s');
CREATE TABLE d (k INT, name STRING) USING csv OPTIONS (path 'dim');
CREATE STREAMING TABLE grown AS SELECT k, v FROM STREAM s;
"""
SUMS = "SELECT k, sum(v) AS total, count(*) AS n, max(t) AS last FROM s GROUP BY k"
WHOLE, NOTHING = "computed whole", "nothing new"


def new(n: int) -> str:
    """News of n rows."""
    return f"refreshed with {n} new row{'' if n == 1 else 's'}"


# name; the view's query; what happens before each run and the news of the view
CASES = [
    ("sums", SUMS, [("add", new(3)), ("add", new(3)), ("", NOTHING), ("old", new(3)), ("add", new(3))]),
    ("a file that is gone", SUMS, [("add", new(3)), ("add", new(3)), ("remove", new(3)), ("add", new(3))]),
    ("a file that has changed", SUMS, [("add", new(3)), ("change", new(4)), ("", NOTHING), ("append", new(5))]),
    ("no rows at first", "SELECT count(*) AS n, sum(v) AS total FROM s", [("", WHOLE), ("", WHOLE), ("add", new(3)), ("remove", WHOLE)]),
    ("rows without groups", "SELECT k, v * 2 AS w FROM s WHERE v > 1", [("add", new(3)), ("add", new(3)), ("", NOTHING), ("remove", new(3)), ("add", new(3))]),
    ("types that the source makes", "SELECT DISTINCT m, k FROM s", [("add", new(3)), ("add", new(3))]),
    ("distinct", "SELECT DISTINCT k FROM s", [("add", new(3)), ("add", new(3))]),
    ("grouping sets and an order", "SELECT k, t, sum(v) AS n FROM s GROUP BY ROLLUP (k, t) ORDER BY n DESC LIMIT 3", [("add", new(3)), ("add", new(3))]),
    ("a common table expression", f"WITH x AS ({SUMS}) SELECT k, total FROM x WHERE n > 1", [("add", new(3)), ("add", new(3))]),
    ("a union", "SELECT k, v FROM s UNION ALL SELECT v, k FROM s", [("add", new(6)), ("add", new(6))]),
    ("a streaming table", "SELECT k, sum(v) AS total FROM grown GROUP BY k", [("add", new(3)), ("add", new(3))]),
    ("names from beside", "SELECT name, sum(v) AS total FROM s JOIN d ON s.k = d.k GROUP BY name",
     [("add", new(3)), ("add", new(3)), ("names", new(6)), ("add", new(3))]),
    ("no names at first", "SELECT name, v FROM s LEFT JOIN d ON s.k = d.k", [("nobody", WHOLE), ("add", new(3)), ("names", new(3))]),
    ("files by path", "SELECT k, count(*) AS n FROM json.`in` GROUP BY k", [("add", new(3)), ("add", new(3))]),
    ("names of files", "SELECT input_file_name() AS f, count(*) AS n FROM s GROUP BY f", [("add", new(3)), ("add", new(3)), ("remove", new(3))]),
    ("ranks", "SELECT k, v, rank() OVER (ORDER BY v) AS r FROM s", [("add", WHOLE), ("add", WHOLE)]),
    ("with themselves", "SELECT a.k, b.v FROM s AS a JOIN s AS b ON a.k = b.k", [("add", WHOLE), ("add", WHOLE)]),
    ("a subquery", "SELECT k, v FROM s WHERE v = (SELECT max(v) FROM s)", [("add", WHOLE), ("add", WHOLE)]),
    ("groups of groups", f"SELECT n, count(*) AS m FROM ({SUMS}) GROUP BY n", [("add", WHOLE), ("add", WHOLE)]),
    ("the day", "SELECT count(*) AS n, max(current_date()) AS day FROM s", [("add", WHOLE), ("add", WHOLE)]),
    ("another text", SUMS, [("add", new(3)), ("text", new(3)), ("add", new(3))]),
    ("another zone", "SELECT CAST(CAST(t AS TIMESTAMP) AS DATE) AS day, count(*) AS n FROM s GROUP BY day",
     [("add", new(3)), ("zone", new(3)), ("add", new(3))]),
    ("a lost checkpoint", SUMS, [("add", new(3)), ("lose", new(3)), ("add", new(3))]),
    ("a broken checkpoint", SUMS, [("add", new(3)), ("break", new(3)), ("add", new(3))]),
    ("lost rows", SUMS, [("add", new(3)), ("empty", new(3)), ("add", new(3))]),
    ("dropped", "SELECT k, v FROM s", [("add", new(3)), ("drop", new(3)), ("add", new(3))]),
    ("from ranks to sums and back", SUMS, [("add", new(3)), ("rank", WHOLE), ("add", WHOLE), ("unrank", new(6)), ("add", new(3))]),
    ("too many groups for the memory", "SELECT k * 500000 + i AS id, count(*) AS n FROM s LATERAL VIEW explode(sequence(1, 400000)) AS i WHERE v + 1 > 0 GROUP BY id",
     [("add", new(3)), ("little", WHOLE), ("", WHOLE), ("text", WHOLE)]),
]  # fmt: skip


class Play:
    """A folder with a pipeline of one view."""

    def __init__(self, folder: pathlib.Path, query: str) -> None:
        self.folder, self.query, self.first, self.conf, self.n_files = folder, query, query, [], 0
        for name in ("in", "dim"):
            (folder / name).mkdir()
        (folder / "dim" / "d.csv").write_text("0,zero\n1,one\n")

    def millrace(self, *arguments: str) -> subprocess.CompletedProcess:
        """One run of the program."""
        done = subprocess.run([MILLRACE, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done

    def files(self) -> list[pathlib.Path]:
        """The input."""
        return sorted((self.folder / "in").iterdir())

    def add(self, n_rows: int = 3) -> pathlib.Path:
        """A file arrives at once."""
        i = self.n_files
        self.n_files += 1
        rows = [f'{{"k":{(i + j) % 3},"v":{10 * i + j},"t":"2024-01-01 2{j}:30:00"}}\n' for j in range(n_rows)]
        (self.folder / "new").write_text("".join(rows))
        return (self.folder / "new").rename(self.folder / "in" / f"{i}.json")

    def happen(self, what: str) -> None:
        """What comes between two runs."""
        flow = self.folder / "spark-warehouse" / "_millrace" / "flows" / "default.view"
        if what == "add":
            self.add()
        elif what == "old":  # with a time of long ago, as mv leaves it
            os.utime(self.add(), (1_000_000_000, 1_000_000_000))
        elif what == "remove":
            self.files()[0].unlink()
        elif what == "change":
            self.files()[0].write_text('{"k":7,"v":7,"t":"x"}\n' * 4)
        elif what == "append":
            with self.files()[0].open("a") as file:
                file.write('{"k":8,"v":8,"t":"y"}\n')
        elif what in ("names", "nobody"):
            (self.folder / "dim" / "d.csv").write_text("" if what == "nobody" else "0,nil\n1,uno\n2,due\n")
        elif what == "text":
            self.query = self.query.replace("sum(v)", "sum(v + 1)").replace("v + 1 > 0", "v + 2 > 0")
        elif what == "rank":
            self.query = "SELECT k, v, row_number() OVER (ORDER BY v) AS r, t AS last FROM s"
        elif what == "unrank":
            self.query = self.first
        elif what == "zone":
            self.conf = ["--conf", "spark.sql.session.timeZone=Asia/Tokyo"]
        elif what == "lose":
            shutil.rmtree(flow)
        elif what == "break":
            for path in flow.rglob("*"):
                if path.is_file():
                    path.write_bytes(path.read_bytes()[:-9][::-1])
        elif what == "empty":
            shutil.rmtree(self.folder / "spark-warehouse" / "view")
        elif what == "drop":
            self.millrace("-e", "DROP TABLE view")
        elif what == "little":
            self.conf = ["--conf", "millrace.memory.limit=48m"]
            self.add()
        else:
            assert what == "", what

    def run(self, *mode: str) -> list[str]:
        """A run; what it says of the view."""
        (self.folder / "p.sql").write_text(f"{TABLES}CREATE MATERIALIZED VIEW view AS {self.query};")
        said = self.millrace("run", "p.sql", *mode, *self.conf).stderr
        return [line.removeprefix("view: ") for line in said.splitlines() if line.startswith("view: ")]

    def check(self) -> None:
        """The view holds what its query answers."""
        columns = self.millrace(*self.conf, "-e", "DESCRIBE view").stdout.count("\n")
        order = ", ".join(str(i + 1) for i in range(columns))
        view = self.millrace(*self.conf, "-e", f"SELECT * FROM view ORDER BY {order}").stdout
        query = self.millrace(*self.conf, "-e", f"SELECT * FROM ({self.query}) ORDER BY {order}").stdout
        assert view == query, f"{view[:500]!r} instead of {query[:500]!r}"


def play_case(folder: pathlib.Path, query: str, steps: list) -> None:
    """One case."""
    play = Play(folder, query)
    for what, wanted in steps:
        play.happen(what)
        said = play.run()
        assert said == [wanted], f"after {what!r} it said {said} instead of {wanted!r}"
        play.check()


def wait_for(play: Play, wanted: str, process: subprocess.Popen) -> None:
    """Until the view holds this number."""
    for _ in range(300):
        got = subprocess.run([MILLRACE, "-e", "SELECT n FROM view"], cwd=play.folder, capture_output=True, text=True, timeout=60)
        if got.stdout.strip() == wanted:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    raise AssertionError(f"{got.stdout} {got.stderr} instead of {wanted}")


def play_continuous(folder: pathlib.Path) -> None:
    """Files come and go while it runs; it is killed, and goes on."""
    play = Play(folder, "SELECT count(*) AS n FROM s")
    play.run()
    for stop in (signal.SIGKILL, signal.SIGINT):
        with subprocess.Popen([MILLRACE, "run", "p.sql", "--continuous"], cwd=folder, stderr=subprocess.PIPE, text=True) as process:
            try:
                play.add()
                wait_for(play, str(3 * len(play.files())), process)
                play.add()
                wait_for(play, str(3 * len(play.files())), process)
                play.files()[-1].unlink()
                wait_for(play, str(3 * len(play.files())), process)
            finally:
                process.send_signal(stop)
                said = process.stderr.read()
                process.wait(timeout=30)
        assert said.count("view: refreshed with") >= 2, said
    play.run()
    play.check()


def main() -> int:
    """All cases."""
    bad = 0
    for name, test, *case in [*((name, play_case, *case) for name, *case in CASES), ("while it runs", play_continuous)]:
        with tempfile.TemporaryDirectory(dir=FAST) as folder:
            try:
                test(pathlib.Path(folder), *case)
            except AssertionError as error:
                bad += 1
                print(f"{name}: {error}")
    print(f"{len(CASES) + 1} views, {bad} surprises")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
