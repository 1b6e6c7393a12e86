"""Kills a checkpointed DStream program (example/checkpointed_counts) with SIGKILL at random instants and starts it
again, while lines come as new files of a folder, and over a connection.

Folder: in the end each word was counted exactly as often as it was written.  Connection: what was read and not yet
planned is gone with a kill, but of each connection the lines that count are the first ones, each once; and a line that
was seen in an output counts for ever.  In both: a batch that ran again has the same counts.

MR_KILLS: how many kills of each (default 24).  MR_SEED: repeats the instants.
"""

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MILLRACE = Path(os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))).resolve()
PROGRAM = MILLRACE.parent / "example" / "checkpointed_counts"
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
KILLS = int(os.environ.get("MR_KILLS", "24"))
INTERVAL_MS = 20
N_WORDS = 7


class Folder:
    """Moves small files into a folder until it is told to stop."""

    def __init__(self, scratch: Path) -> None:
        self.folder, self.scratch = scratch / "in", scratch
        self.folder.mkdir()
        self.source = str(self.folder)
        self.written = {f"w{w}": 0 for w in range(N_WORDS)}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.feed, daemon=True)

    def feed(self) -> None:
        """A file every few milliseconds."""
        rng = random.Random(3)
        n = 0
        while not self.stop.is_set():
            words = [f"w{rng.randrange(N_WORDS)}" for _ in range(rng.randrange(1, 20))]
            made = self.scratch / f"file-{n:08d}"
            made.write_text(" ".join(words) + "\n")
            made.rename(self.folder / made.name)
            for word in words:
                self.written[word] += 1
            n += 1
            time.sleep(0.01)

    def check(self, last: dict[str, int], seen: set[str]) -> None:
        """All that was written has been counted, once."""
        assert last == {word: n for word, n in self.written.items() if n}, f"seed {SEED}: {last} is not {self.written}"


class Connection:
    """Sends numbered lines to whoever connects; each connection has lines of its own."""

    def __init__(self, scratch: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.source = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.feed, daemon=True)

    def feed(self) -> None:
        """One connection after the other."""
        n_connections = 0
        while True:
            connection, _ = self.listener.accept()
            n_lines = 0
            try:
                while not self.stop.is_set():
                    connection.sendall(f"c{n_connections}-{n_lines}\n".encode())
                    n_lines += 1
                    time.sleep(0.002)
                time.sleep(2)
            except OSError:
                pass
            connection.close()
            n_connections += 1

    def check(self, last: dict[str, int], seen: set[str]) -> None:
        """Nothing twice, no gap, and nothing that was seen is missing."""
        assert all(n == 1 for n in last.values()), f"seed {SEED}: doubled: {[w for w, n in last.items() if n > 1][:5]}"
        assert seen <= set(last), f"seed {SEED}: lost: {sorted(seen - set(last))[:5]}"
        lines: dict[str, list[int]] = {}
        for word in last:
            connection, line = word.split("-")
            lines.setdefault(connection, []).append(int(line))
        for connection, numbers in lines.items():
            assert sorted(numbers) == list(range(len(numbers))), f"seed {SEED}: a gap in {connection}"
        assert len(last) > 100, f"only {len(last)} lines came"


def batches(log: Path) -> list[tuple[int, dict[str, int]]]:
    """Time and counts of each batch that a run has shown; a line that a kill has cut is none."""
    found = []
    for line in log.read_text().split("\n")[:-1]:
        time_ms, *counts = line.split(" ")
        found.append((int(time_ms), {word: int(n) for word, n in (count.split("=") for count in counts)}))
    return found


def run(scratch: Path, source: str, number: int, seconds: str, kill_after_s: float | None) -> bool:
    """One life of the program; whether it was killed."""
    command = [PROGRAM, scratch / "checkpoint", str(INTERVAL_MS), source, seconds]
    with open(scratch / f"log-{number:04d}", "wb") as out, open(scratch / "errors", "ab") as errors:
        process = subprocess.Popen(command, cwd=scratch, stdout=out, stderr=errors)
        try:
            code = process.wait(timeout=kill_after_s if kill_after_s is not None else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
    assert code == 0, f"seed {SEED}: exit {code}: " + (scratch / "errors").read_text()[-2000:]
    return False


def kill_often(scratch: Path, feeder: Folder | Connection) -> int:
    """Returns how many batches ran again."""
    rng = random.Random(SEED)
    feeder_started = False
    for number in range(KILLS):
        if not feeder_started:  # what is in the folder before the first start is not read
            threading.Timer(0.3, feeder.thread.start).start()
            feeder_started = True
            assert run(scratch, feeder.source, number, "0", 0.6)
        else:
            assert run(scratch, feeder.source, number, "0", 0.02 + 0.5 * rng.random())
    feeder.stop.set()
    feeder.thread.join(timeout=1)
    time.sleep(0.05)
    assert not run(scratch, feeder.source, KILLS, "1", None)
    shown: dict[int, dict[str, int]] = {}
    n_again, last_ms, last = 0, 0, {}
    for number in range(KILLS + 1):
        for time_ms, counts in batches(scratch / f"log-{number:04d}"):
            assert time_ms % INTERVAL_MS == 0
            if time_ms in shown:
                assert shown[time_ms] == counts, f"seed {SEED}: the batch of {time_ms} ran again with other counts"
                n_again += 1
                continue
            assert time_ms > last_ms, f"seed {SEED}: {time_ms} comes after {last_ms}"
            assert all(counts.get(word, 0) >= n for word, n in last.items()), f"seed {SEED}: counts went back"
            shown[time_ms], last_ms, last = counts, time_ms, counts
    feeder.check(last, {word for counts in shown.values() for word in counts})
    print(f"{type(feeder).__name__}: {KILLS} kills, {len(shown)} batches, {n_again} of them twice: 0 differences")
    return n_again


def main() -> int:
    """Both kinds of source."""
    if not PROGRAM.exists():
        print(f"skipped: there is no {PROGRAM}")
        return 0
    print(f"seed {SEED}")
    for kind in (Folder, Connection):
        with tempfile.TemporaryDirectory(prefix="mr-kill-") as name:
            kill_often(Path(name), kind(Path(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
