"""Ctrl-C: a query ends soon wherever it is, says so, and leaves nothing half written behind."""

import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
BIG = "repeat('abc', 60000000)"  # 180 MB
LIST = "sequence(1, 20000000)"
AT_WORK = 0.6  # seconds until the key comes
SOON = 1.5  # seconds until the query must be over: 0.2, on a machine that does nothing else

# Each takes many seconds when nobody stops it, most of them inside one value.
QUERIES = [
    "SELECT length(repeat(a, 600)) FROM (SELECT repeat('abc', 1000000 + id) AS a FROM range(100))",
    f"SELECT sum(length(translate({BIG}, 'abc', concat('xy', id)))) FROM range(50)",
    f"SELECT sum(length(upper(concat({BIG}, id)))) FROM range(50)",
    f"SELECT sum(length(lower(concat('Ä', {BIG}, id)))) FROM range(50)",
    f"SELECT sum(length(lpad(id, 300000000, 'xyz'))) FROM range(50)",
    f"SELECT sum(size(split(concat({BIG}, id), 'b'))) FROM range(50)",
    f"SELECT sum(length(regexp_replace(concat({BIG}, id), '[a-c]+?', 'y'))) FROM range(50)",
    f"SELECT count(sha2(concat({BIG}, id), 256)) FROM range(50)",
    "SELECT max(levenshtein(repeat('ab', 100000), repeat('ba', 100000)))",
    f"SELECT size(transform({LIST}, x -> concat(x, sha2(string(x), 256))))",
    "SELECT aggregate(sequence(1, 100000000), 0D, (a, x) -> a + sqrt(x + a))",
    "SELECT size(transform(sequence(1, 20000), x -> aggregate(sequence(1, 20000), 0L, (a, y) -> a + x * y)))",
    f"SELECT size(array_sort(transform({LIST}, x -> sha2(string(x), 256))))",
    "SELECT count(*) FROM range(1000000) a JOIN range(1000000) b ON a.id * b.id % 7 = 9",
    "SELECT id FROM range(200000000) ORDER BY hash(id) LIMIT 1000000000",
    "SELECT size(collect_list(concat('some text of a value ', id))) FROM range(40000000)",
]
SHOWN = [("table", f"SELECT {BIG}, {LIST}"), ("csv", f"SELECT {LIST}, concat('\"', {BIG}) FROM range(9)"),
         ("json", f"SELECT concat({BIG}, id) FROM range(9)"), ("markdown", f"SELECT concat({BIG}, id) FROM range(20)"),
         ("tsv", "SELECT * FROM range(1000000000)"), ("arrow", "SELECT * FROM range(100000000000)")]


def end_of(process: subprocess.Popen, name: str, twice: bool = False, code: int = 130, said: str = "OPERATION_CANCELED") -> None:
    """Presses Ctrl-C when it is at work; it must end soon."""
    time.sleep(AT_WORK)
    if process.poll() is not None:
        raise AssertionError(f"{name}: ended before Ctrl-C: {process.stderr.read()}")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    if twice:
        time.sleep(0.2)  # or both would be one: signals are not counted
        process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
    took, err = time.monotonic() - begin, process.stderr.read()
    process.stderr.close()
    if took > SOON or process.returncode != code or said not in err:
        raise AssertionError(f"{name}: exit {process.returncode} after {took:.1f} s: {err}")


def start(folder: str, *args: str, out: int = subprocess.DEVNULL) -> subprocess.Popen:
    """The program with its messages in a pipe."""
    return subprocess.Popen([MILLRACE, *args], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True)


def answer(folder: str, sql: str) -> str:
    """What a query gives."""
    return subprocess.run([MILLRACE, "-e", sql], cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout


def queries_end(folder: str) -> None:
    """While they compute, while their result is shown, and while nobody reads it."""
    for sql in QUERIES:
        end_of(start(folder, "-e", sql), sql)
    for form, sql in SHOWN:
        end_of(start(folder, "--format", form, "-e", sql), f"{form}: {sql}")
    end_of(start(folder, "-e", QUERIES[0]), "twice", twice=True)
    read, write = os.pipe()
    end_of(start(folder, "-e", "SELECT * FROM range(1000000000)", out=write), "a reader that waits")
    os.close(read)
    os.close(write)


def scripts_end(folder: str) -> None:
    """Not only the statement at hand."""
    script = pathlib.Path(folder, "many.sql")
    script.write_text("SELECT sum(hash(id)) FROM range(1000000);\n" * 100000)
    end_of(start(folder, "-f", str(script)), "a script of short statements")


def nothing_is_half_written(folder: str) -> None:
    """INSERT adds nothing, OVERWRITE removes nothing, CREATE TABLE AS can be said again."""
    answer(folder, "CREATE TABLE kept USING parquet AS SELECT id, 'x' AS s FROM range(10)")
    for sql in ("INSERT INTO kept SELECT id, concat('x', id) FROM range(1000000000)",
                f"INSERT INTO kept SELECT id, concat({BIG}, id) FROM range(100)",
                "INSERT OVERWRITE kept SELECT id, concat('x', id) FROM range(1000000000)",
                "CREATE TABLE made USING csv AS SELECT id, concat('x', id) AS s FROM range(1000000000)"):
        end_of(start(folder, "-e", sql), sql)
        if answer(folder, "SELECT count(*) FROM kept; SHOW TABLES") != "10\ndefault\tkept\tfalse\n":
            raise AssertionError(f"half written: {sql}")
    if answer(folder, "CREATE TABLE made USING csv AS SELECT 1 AS a; SELECT * FROM made") != "1\n":
        raise AssertionError("CREATE TABLE AS cannot be repeated")
    left = [p for p in pathlib.Path(folder, "spark-warehouse").rglob("*") if p.is_file() and "staging" in p.parts]
    if left:
        raise AssertionError(f"left behind: {left}")


def pipelines_end(folder: str) -> None:
    """One Ctrl-C: in order, within the seconds that an epoch is given. A second one: at once."""
    slow = pathlib.Path(folder, "slow.sql")
    slow.write_text("CREATE MATERIALIZED VIEW slow AS SELECT count(*) AS n FROM range(1000000) a JOIN range(1000000) b "
                    "ON a.id * b.id % 7 = 9;\n")
    for mode in ("--once", "--continuous"):
        end_of(start(folder, "run", str(slow), mode), f"run {mode}, twice", twice=True, said="")
    process = start(folder, "run", str(slow), "--once")
    time.sleep(AT_WORK)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(5 + SOON)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    finally:
        process.stderr.close()


def the_shell_goes_on(folder: str) -> None:
    """A value that is being shown on a terminal; the prompt comes back and the next statement is right."""
    try:
        pid, fd = pty.fork()
    except OSError as error:
        print(f"skipped the shell: no terminal to be had ({error})")
        return
    if pid == 0:
        os.chdir(folder)
        os.environ.update({"HOME": folder, "TERM": "xterm"})
        os.execv(MILLRACE, ["millrace"])

    seen = b""

    def until(text: bytes, seconds: float) -> None:
        nonlocal seen
        end = time.monotonic() + seconds
        while text not in seen:
            if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} in {seen[-500:]!r}")
            seen = seen[-1000:] + os.read(fd, 65536)
        seen = seen[seen.index(text) + len(text):]

    try:
        until(b"millrace> ", 20)
        os.write(fd, b".format csv\n")
        until(b"millrace> ", 20)
        for sql in (f"SELECT concat({BIG}, id) FROM range(20);\n", "SELECT * FROM range(1000000000);\n", QUERIES[0] + ";\n"):
            os.write(fd, sql.encode())
            time.sleep(AT_WORK)
            os.write(fd, b"\x03")
            until(b"OPERATION_CANCELED", 10)
            until(b"millrace> ", SOON)
            os.write(fd, b"SELECT 40 + 2 AS n;\n")
            until(b"\r\n42\r\n", 10)
            until(b"millrace> ", 10)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(fd)
        os.waitpid(pid, 0)


def main() -> int:
    """All of it in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for test in (the_shell_goes_on, queries_end, scripts_end, nothing_is_half_written, pipelines_end):
            test(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
