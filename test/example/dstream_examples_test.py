"""Runs the DStream examples against a server and a folder of its own and checks what they print."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MILLRACE = Path(os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))).resolve()
EXAMPLES = MILLRACE.parent / "example"
INTERVAL_MS = 200


class Lines:
    """A server that sends pieces of text to whoever connects, one after a pause."""

    def __init__(self, pieces: list[str], pause_s: float) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pieces, self.pause_s = pieces, pause_s
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """One connection, which stays open."""
        connection, _ = self.listener.accept()
        for piece in self.pieces:
            connection.sendall(piece.encode())
            time.sleep(self.pause_s)
        time.sleep(60)
        connection.close()


def run_on_socket(name: str, pieces: list[str], seconds: float, pause_s: float = 0.5) -> str:
    """What the example prints when it is fed the pieces."""
    server = Lines(pieces, pause_s)
    command = [EXAMPLES / name, "127.0.0.1", str(server.port), str(INTERVAL_MS), str(seconds)]
    with tempfile.TemporaryDirectory(prefix="mr-example-") as scratch:
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def batches(printed: str) -> list[tuple[int, list[str]]]:
    """Time and rows of each batch that print() shows."""
    found = re.findall(r"-{43}\nTime: (\d+) ms\n-{43}\n((?:.+\n)*)\n", printed)
    return [(int(time_ms), rows.splitlines()) for time_ms, rows in found]


def rows_of(printed: str, label: str) -> list[dict[str, int]]:
    """Per batch that has such rows: word to count."""
    found = []
    for _, rows in batches(printed):
        counts = {m[1]: int(m[2]) for row in rows if (m := re.fullmatch(rf"\((\S+) {label},(\d+)\)", row))}
        if counts:
            found.append(counts)
    return found


def word_count() -> None:
    """Counts per batch, so far, and of three batches."""
    printed = run_on_socket("network_word_count", ["the mill\nthe wheel\n", "the water\n"], 3)
    times = [time_ms for time_ms, _ in batches(printed)]
    assert times and all(time_ms % INTERVAL_MS == 0 for time_ms in times), times
    assert sum(one.get("the", 0) for one in rows_of(printed, "in this batch")) == 3, printed
    assert rows_of(printed, "so far")[-1] == {"the": 3, "mill": 1, "wheel": 1, "water": 1}, printed
    recent = rows_of(printed, "lately")
    assert max(one.get("mill", 0) for one in recent) == 1, printed
    assert 1 <= sum("mill" in one for one in recent) <= 3, printed  # then it has left the window
    assert not any(0 in one.values() for one in recent), printed


def celsius() -> None:
    """Good lines are converted although bad ones come between them."""
    printed = run_on_socket("celsius", ["0\nmild\n100\n", "-40\n\n"], 2)
    rows = [row for _, rows in batches(printed) for row in rows]
    assert rows == ["0.0 C = 32.0 F", "100.0 C = 212.0 F", "-40.0 C = -40.0 F"], printed
    bad = [int(n) for n in re.findall(r"^\d+: (\d+) lines are no numbers", printed, re.M)]
    assert sum(bad) == 2, printed
    assert "such as 'mild'" in printed, printed


def stock_alerts() -> None:
    """A price above 1000, and changes of more than 5 % also from batch to batch."""
    pieces = ["AAA,100\nBBB,999\nnonsense\n", "AAA,104\nBBB,1100\n", "AAA,98\nCCC,2000\n"]
    printed = run_on_socket("stock_alerts", pieces, 3)
    assert sorted(printed.splitlines()) == [
        "ALERT AAA -5.8 %: 104.00 to 98.00",
        "ALERT BBB +10.1 %: 999.00 to 1100.00",
        "ALERT BBB is above 1000: 1100",
        "ALERT CCC is above 1000: 2000",
    ], printed


def log_filter() -> None:
    """Files that were there before are not read, new ones once."""
    with tempfile.TemporaryDirectory(prefix="mr-example-") as scratch:
        folder = Path(scratch) / "logs"
        folder.mkdir()
        (folder / "old.log").write_text("ERROR of yesterday\n")
        command = [EXAMPLES / "log_filter", folder, str(INTERVAL_MS), "4"]
        with subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, text=True) as program:
            time.sleep(0.8)
            for n in range(3):
                made = Path(scratch) / f"new{n}.log"
                made.write_text(f"INFO fine {n}\nERROR broken {n}\nWARN odd\n")
                made.rename(folder / made.name)
                time.sleep(0.4)
            printed = program.communicate(timeout=60)[0]
        assert program.returncode == 0
    rows = [row for _, rows in batches(printed) for row in rows]
    assert rows == [f"ERROR broken {n}" for n in range(3)], printed


def main() -> int:
    """Each example in turn."""
    if not (EXAMPLES / "network_word_count").exists():
        print(f"skipped: there are no examples in {EXAMPLES}")
        return 0
    for check in (word_count, celsius, stock_alerts, log_filter):
        check()
    return 0


if __name__ == "__main__":
    sys.exit(main())
