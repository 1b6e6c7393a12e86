"""What a durable micro-batch costs: 10,000 small epochs of a windowed aggregate, checkpointed, 10 rows each.

Times are of blocks of 100 epochs, from the timestamps of the progress events; the median block and the first thousand
against the last are printed.
"""

import json
import shutil
import signal
import statistics
import subprocess
from datetime import datetime

from peer import ENGINE, WORK

N_EPOCHS = 10_200
JOB = """
CREATE TABLE ticks USING `rate-micro-batch` OPTIONS (rowsPerBatch '10');
CREATE TABLE counts (at TIMESTAMP, k BIGINT, n BIGINT) USING noop;
CREATE FLOW count AS INSERT INTO counts BY NAME
SELECT window.start AS at, value % 10 AS k, count(*) AS n
FROM STREAM ticks WATERMARK timestamp DELAY OF INTERVAL 5 SECONDS GROUP BY window(timestamp, '10 seconds'), value % 10;
"""


def main() -> None:
    """Runs until there are enough epochs."""
    folder = WORK / "epochs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "job.sql").write_text(JOB)
    command = [ENGINE, "run", "job.sql", "--continuous", "--quiet", "--progress"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    times = []
    try:
        for line in process.stdout:
            times.append(datetime.fromisoformat(json.loads(line)["timestamp"].replace("Z", "+00:00")).timestamp() * 1000)
            if len(times) == N_EPOCHS:
                break
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        process.wait()
    blocks = [(b - a) / 100 for a, b in zip(times[100::100], times[200::100])]
    early, late = statistics.median(blocks[:10]), statistics.median(blocks[-10:])
    print(f"durable epoch, median: {statistics.median(blocks):.3f} ms")
    print(f"epochs 9,100 to 10,100 against 100 to 1,100: {late / early:.2f} x")


main()
