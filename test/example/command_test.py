"""The millrace command: options, forms of output, places of errors, exit codes, and the shell on a terminal."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
WIDE = "SELECT '日本' AS w, 'a\\nb' AS l, 1 AS n UNION ALL SELECT 'e\u0301', 'c\\u001b[1m', 23"
WIDE_TABLE = """\
+------+-------+----+
| w    | l     | n  |
+------+-------+----+
| 日本 | a     |  1 |
|      | b     |    |
| e\u0301    | c [1m | 23 |
+------+-------+----+
2 rows
"""

# arguments, exit code, standard output (None: any), what standard error must hold
CALLS = [
    (["-e", "SELECT 1 AS a, NULL AS b, 'x\ty'"], 0, "1\tNULL\tx\ty\n", []),
    (["--format=csv", "-e", "SELECT 1 AS a, NULL AS b, '' AS c, 'q\"' AS d"], 0, 'a,b,c,d\n1,,"","q"""\n', []),
    (["--format", "json", "-e", "SELECT 1 AS a, NULL AS b, array('x') AS c"], 0, '{"a":1,"b":null,"c":["x"]}\n', []),
    (["--format", "markdown", "-e", "SELECT 1 AS a, 'x|y' AS b"], 0, "| a | b |\n|---:|---|\n| 1 | x\\|y |\n", []),
    (["--format", "table", "-e", WIDE], 0, WIDE_TABLE, []),
    (["--format", "table", "-e", "EXPLAIN SELECT 1"], 0, None, []),
    (["-f", "two.sql"], 1, "1\n", ["DIVIDE_BY_ZERO", "two.sql, line 4, column 4:\n     1/0;\n     ^"]),
    (["-f", "bytes.sql"], 1, "", ["PARSE_SYNTAX_ERROR", "bytes.sql, line 1, column 9"]),
    (["-f", "mark.sql"], 0, "1\n", []),
    (["-f", "caf\udce9.sql"], 2, "", ["PATH_NOT_FOUND", "caf\ufffd.sql"]),
    (["--format", "caf\udce9"], 2, "", ["unknown format caf\ufffd"]),
    (["-e", "SELECT " + "1, " * 100 + "nope"], 1, "", ["column 308", "...", "^"]),
    (["-e", "CREATE TABLE strange AS SELECT 1 AS a"], 1, "", ["LOCATION_ALREADY_EXISTS", "strange"]),
    (["-f", "terms.sql"], 0, "2000\n", []),
    (["-f", "chain.sql"], 1, "", ["FAILED_TO_PARSE_TOO_COMPLEX", "54001"]),
    (["-f", "missing.sql"], 2, "", ["PATH_NOT_FOUND", "missing.sql"]),
    (["-f", "."], 2, "", ["IO_ERROR"]),
    (["--formt", "csv"], 2, "", ["did you mean --format?"]),
    (["--format", "xml"], 2, "", ["unknown format xml"]),
    (["--golden=1"], 2, "", ["takes no value"]),
    (["-e"], 2, "", ["no value for -e"]),
    (["-e", "SELECT 1", "-f", "two.sql"], 2, "", ["only one of"]),
    (["--conf", "x", "-e", "SELECT 1"], 2, "", ["KEY=VALUE"]),
    (["--conf", "millrace.memory.limt=1g", "-e", "SELECT 1"], 2, "", ["did you mean millrace.memory.limit?", "22022"]),
    (["--conf", "millrace.exec.threads=-1", "-e", "SELECT 1"], 2, "", ["INVALID_CONF_VALUE", "22022"]),
    (["--conf", "spark.sql.ansi.enabled=yes", "-e", "SELECT 1"], 2, "", ["INVALID_CONF_VALUE", "boolean"]),
    (["--conf", "spark.some.key=1", "-e", "SELECT 1"], 0, "1\n", []),
]


def call_fails(folder: str, args: list[str], code: int, out: str | None, err: list[str]) -> str:
    """Why a call is not as it should be; empty: it is."""
    done = subprocess.run([MILLRACE, *args], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    missing = [text for text in err if text not in done.stderr]
    if done.returncode == code and out in (None, done.stdout) and not missing and bool(done.stderr) == bool(err):
        return ""
    return f"{args}: exit {done.returncode}, out {done.stdout!r}, err {done.stderr!r}"


class Shell:
    """The program on a terminal of its own."""

    def __init__(self, folder: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update({"HOME": folder, "TERM": "xterm"})
            os.execv(MILLRACE, ["millrace"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))

    def until(self, text: str, seconds: float = 20) -> str:
        """What comes up to this text; raises when it does not come."""
        out, end = b"", time.monotonic() + seconds
        while text.encode() not in out:
            ready = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))[0]
            try:
                got = os.read(self.fd, 65536) if ready else b""
            except OSError:
                got = b""
            if not got:
                raise AssertionError(f"no {text!r} in {out.decode(errors='replace')!r}")
            out += got
        return out.decode(errors="replace")

    def say(self, text: str, want: str) -> str:
        """Types something and waits for an answer."""
        os.write(self.fd, text.encode())
        return self.until(want)


    def end(self, keys: str = "\x04") -> int:
        """Types Ctrl-D, or something else, at a prompt; the exit code."""
        os.write(self.fd, keys.encode())
        for _ in range(200):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        raise AssertionError("the shell did not end")

    def close(self) -> None:
        """Stops it if it still runs; its terminal goes."""
        os.close(self.fd)
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def shell_works(folder: str) -> None:
    """Lines of one statement, wide text, errors, Ctrl-C at work and at the prompt, history, Ctrl-D."""
    try:
        shell = Shell(folder)
    except OSError as error:
        print(f"skipped the shell: no terminal to be had ({error})")
        return
    try:
        talk(shell)
    finally:
        shell.close()
    if "again" not in pathlib.Path(folder, ".millrace_history").read_text():
        raise AssertionError("no history was kept")


def talk(shell: Shell) -> None:
    """A session at the keyboard, up to its end."""
    shell.until("millrace> ")
    shell.say("SELECT\n", "-> ")
    shell.say("41 + 1 AS n;\n", "| 42 |")
    shell.say("SELECT '日本' AS w;\n", "| 日本 |")
    shell.say("SELECT 1 / 0;\n", "DIVIDE_BY_ZERO")
    shell.say("SELECT count(*) FROM range(1000000000000);\n", "\n")
    time.sleep(0.3)  # the query is to be at work when the key comes
    shell.say("\x03", "OPERATION_CANCELED")
    for _ in range(200):  # the key comes between the prompt and its read now and then
        shell.say("SELECT 'never ended\n", "-> ")
        shell.say("\x03", "millrace> ")
    shell.say("SELECT 7 AS again;\n", "|     7 |")
    if not shell.say("\x1b[A\n", "|     7 |").endswith("millrace> "):
        shell.until("millrace> ")  # before it, the key would be the terminal's
    shell.say("SELECT 1 AS `exit`, '\n", "-> ")
    shell.say("exit\n", "-> ")  # in the middle of a statement it is text
    shell.say("quit' AS t;\n", "| quit |")
    if not shell.say("exits;\n", "PARSE_SYNTAX_ERROR").endswith("millrace> "):
        shell.until("millrace> ")
    if shell.end() != 0:
        raise AssertionError("the shell did not end well")


def words_end_the_shell(folder: str) -> None:
    """As spark-sql's: exit and quit, with a semicolon or without."""
    for line in ("exit", "quit;", "  EXIT ;", ".exit"):
        try:
            shell = Shell(folder)
        except OSError:
            return
        try:
            shell.until("millrace> ")
            if shell.end(line + "\n") != 0:
                raise AssertionError(f"{line} did not end the shell")
        finally:
            shell.close()


def on_terminal(folder: str, columns: int, sql: str) -> str:
    """What -e shows on a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([MILLRACE, "-e", sql], cwd=folder, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        out = b""
        while True:
            try:
                got = os.read(master, 65536)
            except OSError:
                break
            if not got:
                break
            out += got
    os.close(master)
    return out.decode().replace("\r\n", "\n")


NARROW = """\
+------+-----------+
| id   | t         |
+------+-----------+
| 1000 | abcdefghi |
|      | j         |
|    2 | k         |
+------+-----------+
2 rows
"""
RECORDS = """\
-[ row 1 ]----------
id       | 1000
the_long | 日本日本
_name    | 日
x        | 1.5
-[ row 2 ]----------
id       | 2
the_long | a
_name    | b
x        | NULL
2 rows
"""


def tables_fit_the_terminal(folder: str) -> None:
    """Cells go on in the next line; what cannot stand side by side stands one below the other."""
    try:
        out = on_terminal(folder, 20, "SELECT * FROM VALUES (1000, 'abcdefghij'), (2, 'k') AS v(id, t)")
    except OSError as error:
        print(f"skipped the widths: no terminal to be had ({error})")
        return
    if out != NARROW:
        raise AssertionError(out)
    sql = "SELECT * FROM VALUES (1000, '日本日本日', 1.5), (2, 'a\\nb', NULL) AS v(id, the_long_name, x)"
    out = on_terminal(folder, 20, sql)
    if out != RECORDS:
        raise AssertionError(out)
    for columns in (1, 5, 12, 40, 79):
        for sql in ("EXPLAIN SELECT id, count(*) FROM range(10) GROUP BY id", "SHOW FUNCTIONS", "DESCRIBE FUNCTION EXTENDED substring",
                    "SELECT " + ", ".join(f"{n} AS column_{n}" for n in range(30)), "SELECT repeat('日', 3000)"):
            wide = [line for line in on_terminal(folder, columns, sql).split("\n") if line_width(line) > max(columns, 6)]
            if [line for line in wide if not line.endswith((" row", " rows"))]:
                raise AssertionError(f"{columns} columns: {sql}: {wide[:3]}")
    out = on_terminal(folder, 40, "SELECT " + "1, " * 100 + "nope" + ", 1" * 100)
    shown = out[out.index("line 1, column") :]
    if any(line_width(line) > 40 for line in shown.split("\n")) or "nope" not in shown:
        raise AssertionError(out)


def line_width(line: str) -> int:
    """Columns that it takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def ends_by_signals(folder: str) -> None:
    """Ctrl-C ends a script with 130; a reader that leaves is no error; a full disk is."""
    args = [MILLRACE, "-e", "SELECT count(*) FROM range(1000000000000)"]
    with subprocess.Popen(args, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(0.5)  # until it is at work
        process.send_signal(signal.SIGINT)
        if "OPERATION_CANCELED" not in process.communicate(timeout=20)[1] or process.returncode != 130:
            raise AssertionError(f"SIGINT: exit {process.returncode}")
    command = f"'{MILLRACE}' -e 'SELECT * FROM range(3000000)' | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)
    if (done.stdout, done.stderr) != ("0\n1\n", ""):
        raise AssertionError(f"closed pipe: {done}")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([MILLRACE, "-e", "SELECT 1"], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    if done.returncode != 1 or "IO_ERROR" not in done.stderr:
        raise AssertionError(f"full disk: {done}")


def main() -> int:
    """All of it in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "two.sql").write_text("SELECT 1;\n-- more\nSELECT\n   1/0;\n")
        chain = "".join(f", a{i} AS (SELECT x + 1 AS x FROM a{i - 1})" for i in range(1, 8000))
        pathlib.Path(folder, "chain.sql").write_text(f"WITH a0 AS (SELECT 1 AS x){chain} SELECT * FROM a7999")
        pathlib.Path(folder, "terms.sql").write_text("SELECT " + "+".join(["1"] * 2000))
        pathlib.Path(folder, "mark.sql").write_bytes(b"\xef\xbb\xbfSELECT 1;\n")
        pathlib.Path(folder, "bytes.sql").write_bytes(b"SELECT '\xff'")
        pathlib.Path(folder, "spark-warehouse", "strange").mkdir(parents=True)
        pathlib.Path(folder, "spark-warehouse", "strange", "1.csv").write_text("not ours\n")
        bad = [why for call in CALLS if (why := call_fails(folder, *call))]
        for why in bad:
            print(why)
        ends_by_signals(folder)
        shell_works(folder)
        words_end_the_shell(folder)
        tables_fit_the_terminal(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
