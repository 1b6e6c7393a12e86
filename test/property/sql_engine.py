"""The engine as a process that answers queries; rows of it and of DuckDB in one form."""

import datetime
import json
import math
import os
import re
import select
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))


class Refused(Exception):
    """An error instead of rows."""


class Engine:
    """A process that answers queries."""

    def __init__(self, folder: Path, confs: list[str]) -> None:
        self.folder, self.confs = folder, confs
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        args = [MILLRACE, "--golden", *(a for c in ["spark.sql.session.timeZone=UTC", *self.confs] for a in ("--conf", c))]
        with open(self.folder / "stderr", "wb") as errors:
            self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=self.folder)
        self.rest = b""

    def ask(self, sql: str, seconds: float = 20) -> tuple[list[str], list[str]]:
        """Types and rows."""
        self.process.stdin.write(json.dumps({"sql": sql}).encode() + b"\n")
        self.process.stdin.flush()
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.stop()
                self.start()
                raise Refused("TOO_SLOW")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                died = self.process.wait(), (self.folder / "stderr").read_text(errors="replace")[-2000:]
                self.start()
                raise AssertionError(f"the program ended: {died}")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            message = answer["message"]
            name = message["errorClass"] if isinstance(message, dict) else str(message)
            assert "INTERNAL" not in name, answer
            raise Refused(name)
        return types_of(answer["schema"]), answer["rows"]

    def in_order(self, sql: str) -> list[tuple]:
        """Rows in their order."""
        types, rows = self.ask(sql)
        return [tuple(cell(text, kind) for text, kind in zip(row.split("\t"), types)) for row in rows]

    def rows(self, sql: str) -> Counter:
        return Counter(self.in_order(sql))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def types_of(schema: str) -> list[str]:
    """The types of struct<a:int,b:decimal(1,2)>."""
    return re.findall(r"c\w*?:(\w+)", schema)


def cell(text: str, kind: str) -> str:
    """A value as both write it."""
    if text == "NULL":
        return text
    if kind == "double":
        if not math.isfinite(float(text)):
            return str(float(text))
        return number(Decimal(repr(float(f"{float(text):.12g}"))))
    if kind in ("decimal", "int", "bigint", "smallint", "tinyint"):
        return number(Decimal(text))
    return text


def number(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def peer_cell(value: object) -> str:
    """A value of DuckDB's."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return number(Decimal(repr(float(f"{value:.12g}"))))
    if isinstance(value, (int, Decimal)):
        return number(Decimal(value))
    if isinstance(value, datetime.datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
        return text.rstrip("0").rstrip(".")
    return str(value)


def play_cases(name: str, make_case: Callable[[int, Path], object], seed: int, n_most: int, seconds: float) -> list | None:
    """Plays cases, each in a folder of its own, until the time is over: those played; None: one failed, and was told."""
    print(f"seed {seed}", flush=True)
    end, played = time.monotonic() + seconds, []
    while len(played) < n_most and time.monotonic() < end:
        with tempfile.TemporaryDirectory(prefix=f"mr-{name}-") as folder:
            case = make_case(seed + len(played), Path(folder))
            try:
                wrong = case.play()
            except (Refused, AssertionError) as error:
                wrong = repr(error)
            case.stop()
            if wrong:
                print(f"FAILED MR_SEED={seed + len(played)} MR_CASES=1: {wrong}\n{case.told()}")
                return None
        played.append(case)
    return played


def difference(got: Counter, wanted: Counter) -> str | None:
    if got == wanted:
        return None
    return f"missing {list((wanted - got).items())[:4]}, too much {list((got - wanted).items())[:4]}"
