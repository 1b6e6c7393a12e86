"""Runs SQL files against the engine and writes their answers in the layout of Spark's result files.

One process of `millrace --golden` per file: a JSON object a line in, one a line out, in order.
In a file, `-- conf KEY=VALUE` sets an option before the first statement, and ${TEST} stands for
the folder test/ in statements and answers.  Rows without an order of their own are sorted.
"""

import json
import subprocess
import tempfile
from pathlib import Path

STATEMENT_SECONDS = 60


def statements(text: str) -> list[str]:
    """Splits at semicolons outside quotes and comments; drops comment lines between statements."""
    out, start, at = [], 0, 0
    while at < len(text):
        c = text[at]
        if c in "'\"`":
            at += 1
            while at < len(text) and text[at] != c:
                at += 2 if text[at] == "\\" and c != "`" else 1
        elif text.startswith("--", at):
            at = text.find("\n", at)
            at = len(text) if at < 0 else at
        elif text.startswith("/*", at):
            at = text.find("*/", at)
            at = len(text) if at < 0 else at + 1
        elif c == ";":
            out.append(text[start:at])
            start = at + 1
        at += 1
    out.append(text[start:])
    cleaned = []
    for statement in out:
        lines = statement.strip("\n").split("\n")
        while lines and (not lines[0].strip() or lines[0].lstrip().startswith("--")):
            lines.pop(0)
        if lines:
            cleaned.append("\n".join(lines).strip())
    return [s for s in cleaned if s]


def confs(text: str) -> list[str]:
    """The options that a file asks for."""
    lines = (line.strip() for line in text.splitlines())
    return [line[len("-- conf ") :].strip() for line in lines if line.startswith("-- conf ")]


def block(sql: str, answer: dict) -> str:
    """One statement with its answer."""
    if "error" in answer:
        message = answer["message"]
        if not isinstance(message, str):
            message = json.dumps(message, indent=2, separators=(",", " : "), ensure_ascii=False)
        schema, output = "struct<>", answer["error"] + "\n" + message
    else:
        rows = answer["rows"] if answer.get("ordered") else sorted(answer["rows"])
        schema, output = answer["schema"], "\n".join(rows)
    return f"-- !query\n{sql}\n-- !query schema\n{schema}\n-- !query output\n{output}\n"


def run_file(engine: Path, path: Path, test_folder: Path, extra: list[str] | None = None) -> str:
    """All answers of one file.  Raises RuntimeError when the engine ends or hangs."""
    text = path.read_text()
    args = [str(engine), "--golden"]
    for conf in confs(text) + (extra or []):
        args += ["--conf", conf]
    out = []
    with tempfile.TemporaryDirectory(prefix="mr-sql-") as scratch, open(
        Path(scratch) / "stderr", "w+b"
    ) as errors:
        args += ["--conf", f"spark.sql.warehouse.dir={scratch}/warehouse"]
        requests = statements(text)
        lines = [json.dumps({"sql": s.replace("${TEST}", str(test_folder))}) for s in requests]
        process = subprocess.Popen(
            args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=scratch
        )
        try:
            given, _ = process.communicate(
                ("\n".join(lines) + "\n").encode(), timeout=STATEMENT_SECONDS * 2
            )
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.communicate()
            raise RuntimeError(f"no end after {STATEMENT_SECONDS * 2} s") from late
        answers = given.decode(errors="replace").splitlines()
        for sql, answer in zip(requests, answers):
            out.append(block(sql, json.loads(answer)))
        if process.returncode != 0 or len(answers) != len(requests):
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-3000:]
            raise RuntimeError(
                f"exit {process.returncode} after {len(answers)} of {len(requests)} answers\n{tail}"
            )
        text_out = "\n".join(out).replace(str(test_folder), "${TEST}").replace(scratch, "${SCRATCH}")
    return text_out
