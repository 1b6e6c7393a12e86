"""Kills a program that takes a stream with foreachBatch (example/foreach_batch) with SIGKILL at random instants and
starts it again, while files come.  In the end each row was taken once, by one epoch; an epoch that came again after a
kill had the same number of rows.

MR_KILLS: how many kills (default 24).  MR_SEED: repeats the instants.
"""

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MILLRACE = Path(os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))).resolve()
PROGRAM = MILLRACE.parent / "example" / "foreach_batch"
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
KILLS = int(os.environ.get("MR_KILLS", "24"))


class Feeder:
    """Moves files of numbered rows into a folder until it is told to stop."""

    def __init__(self, scratch: Path) -> None:
        self.scratch, self.folder = scratch, scratch / "in"
        self.folder.mkdir()
        self.n_rows = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.feed, daemon=True)

    def feed(self) -> None:
        """A file every few milliseconds."""
        rng = random.Random(5)
        while not self.stop.is_set():
            n = rng.randrange(1, 3000)
            made = self.scratch / f"file-{self.n_rows:010d}.json"
            made.write_text("".join(f'{{"id":{self.n_rows + i}}}\n' for i in range(n)))
            made.rename(self.folder / made.name)
            self.n_rows += n
            time.sleep(0.01)


def run(scratch: Path, seconds: str, kill_after_s: float | None) -> list[str]:
    """One life of the program; the epochs that it took."""
    command = [PROGRAM, scratch / "checkpoint", scratch / "in", scratch / "out", seconds]
    with open(scratch / "log", "wb") as out, open(scratch / "errors", "ab") as errors:
        process = subprocess.Popen(command, cwd=scratch, stdout=out, stderr=errors)
        try:
            code = process.wait(timeout=kill_after_s if kill_after_s is not None else 120)
            assert code == 0, f"seed {SEED}: exit {code}: " + (scratch / "errors").read_text()[-2000:]
            assert kill_after_s is None, f"seed {SEED}: it ended by itself"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            assert kill_after_s is not None, f"seed {SEED}: it does not come to an end"
    return (scratch / "log").read_text().split("\n")[:-1]


def kill_in_call(scratch: Path, n_epochs: int) -> list[str]:
    """A life that ends as soon as the function has told of so many epochs: the last of them is not committed yet, or
    just now."""
    command = [PROGRAM, scratch / "checkpoint", scratch / "in", scratch / "out"]
    with open(scratch / "errors", "ab") as errors:
        with subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            seen = [process.stdout.readline().strip() for _ in range(n_epochs)]
            process.kill()
            assert all(seen), f"seed {SEED}: it ended by itself: " + (scratch / "errors").read_text()[-2000:]
            return seen + process.stdout.read().split("\n")[:-1]


def main() -> int:
    """Kills, a calm end, and the books."""
    if not PROGRAM.exists():
        print(f"skipped: there is no {PROGRAM}")
        return 0
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="mr-kill-") as name:
        scratch = Path(name)
        (scratch / "out").mkdir()
        feeder = Feeder(scratch)
        feeder.thread.start()
        lives = [
            kill_in_call(scratch, rng.randrange(1, 5)) if i % 2 else run(scratch, "0", 0.05 + 0.5 * rng.random())
            for i in range(KILLS)
        ]
        feeder.stop.set()
        feeder.thread.join()
        lives.append(run(scratch, "0.2", None))
        shown: dict[str, str] = {}
        for life in lives:
            for line in life:
                epoch, rows = line.split(": ")
                assert shown.setdefault(epoch, rows) == rows, f"seed {SEED}: {epoch} had {shown[epoch]}, then {rows}"
        files = {int(path.name.split("-")[1]): path.read_text().split() for path in (scratch / "out").glob("epoch-*")}
        assert sorted(files) == list(range(len(files))), f"seed {SEED}: epochs are missing"
        ids = [int(line) for epoch in sorted(files) for line in files[epoch]]
        assert sorted(ids) == list(range(feeder.n_rows)), f"seed {SEED}: {len(ids)} rows, {len(set(ids))} different, of {feeder.n_rows}"
        n_taken = sum(len(life) for life in lives)
        print(f"{KILLS} kills, {len(files)} epochs, {n_taken - len(shown)} of them twice: each of {len(ids)} rows once")
    return 0


if __name__ == "__main__":
    sys.exit(main())
