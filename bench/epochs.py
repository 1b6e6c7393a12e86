"""What a durable micro-batch costs, and whether the last cost what the first did.

Small epochs of a windowed aggregate, checkpointed, 10 rows each.  Two processes take turns, 100 epochs each, the other one
stopped meanwhile: one in its first 1,100 epochs, one that has 9,100 behind it.  So the machine's noise meets both alike.
Each block gives time, CPU time (of the scheduler, in nanoseconds) and, where the machine counts them, instructions; medians
of ten blocks are compared.
"""

import ctypes
import os
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path

from peer import ENGINE, WORK

BLOCK, SETTLE, N_BLOCKS, LATE = 100, 10, 10, 9_100
PERF_EVENT_OPEN = 298  # x86-64
JOB = """
CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch '10');
CREATE TABLE counts (at TIMESTAMP, k BIGINT, n BIGINT) USING noop;
CREATE FLOW count AS INSERT INTO counts BY NAME
SELECT window.start AS at, value % 10 AS k, count(*) AS n
FROM STREAM ticks WATERMARK timestamp DELAY OF INTERVAL 5 SECONDS GROUP BY window(timestamp, '10 seconds'), value % 10;
"""


class PerfEvent(ctypes.Structure):
    """The head of perf_event_attr: instructions in user space."""

    _fields_ = [("type", ctypes.c_uint32), ("size", ctypes.c_uint32), ("config", ctypes.c_uint64)]
    _fields_ += [(name, ctypes.c_uint64) for name in ("period", "sample_type", "read_format", "flags")]
    _fields_ += [("rest", ctypes.c_uint8 * 64)]


class Job:
    """A pipeline that runs only while its epochs are asked for."""

    def __init__(self, name: str) -> None:
        folder = WORK / "epochs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "job.sql").write_text(JOB)
        command = [ENGINE, "run", "job.sql", "--continuous", "--quiet", "--progress"]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
        self.counters: dict[int, int] = {}

    def epochs(self, n: int) -> None:
        """Waits for the end of n epochs."""
        assert self.process.stdout is not None
        for _ in range(n):
            if not self.process.stdout.readline():
                raise SystemExit("the pipeline has ended")

    def cost(self) -> tuple[float, float, float]:
        """Seconds, CPU seconds and instructions (0: not counted) so far."""
        cpu = instructions = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            cpu += int((task / "schedstat").read_text().split()[0])
            tid = int(task.name)
            if tid not in self.counters:
                event = PerfEvent(0, ctypes.sizeof(PerfEvent), 1, 0, 0, 0, 1 << 5 | 1 << 6)
                self.counters[tid] = ctypes.CDLL(None).syscall(PERF_EVENT_OPEN, ctypes.byref(event), tid, -1, -1, 0)
        for counter in self.counters.values():
            if counter >= 0:
                instructions += int.from_bytes(os.read(counter, 8), "little")
        return time.perf_counter(), cpu / 1e9, instructions

    def block(self) -> tuple[float, ...]:
        """What an epoch of the next block costs.  Its first epochs may have ended before: they only settle it."""
        self.process.send_signal(signal.SIGCONT)
        self.epochs(SETTLE)
        before = self.cost()
        self.epochs(BLOCK - SETTLE)
        after = self.cost()
        self.process.send_signal(signal.SIGSTOP)
        return tuple((b - a) / (BLOCK - SETTLE) for a, b in zip(before, after))

    def end(self) -> None:
        """Ctrl-C."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGINT)
        self.process.send_signal(signal.SIGCONT)
        self.process.stdout.close()
        self.process.wait()


def main() -> None:
    """Brings both to their places, then lets them take turns."""
    late, early = Job("late"), Job("early")
    try:
        early.epochs(100)
        early.process.send_signal(signal.SIGSTOP)
        late.epochs(LATE)
        late.process.send_signal(signal.SIGSTOP)
        blocks = [(early.block(), late.block()) for _ in range(N_BLOCKS)]
    finally:
        early.end()
        late.end()
    first, last = ([statistics.median(b[side][i] for b in blocks) for i in range(3)] for side in (0, 1))
    print(f"durable epoch, median: {first[0] * 1e3:.3f} ms")
    print(f"durable epoch, median of CPU time: {first[1] * 1e3:.3f} ms")
    print(f"epochs 9,100 to 10,100 against 100 to 1,100: {last[0] / first[0]:.2f} x")
    print(f"epochs 9,100 to 10,100 against 100 to 1,100, CPU time: {last[1] / first[1]:.2f} x")
    if first[2] > 0:
        print(f"epochs 9,100 to 10,100 against 100 to 1,100, instructions: {last[2] / first[2]:.3f} x")


main()
