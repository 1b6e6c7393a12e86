"""Progress events of a pipeline: the fields that PySpark's StreamingQueryProgress.fromJson asks for, and true numbers."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
PIPELINE = """
SET TIME ZONE 'UTC';
CREATE TABLE a (id BIGINT, k INT, t TIMESTAMP) USING json OPTIONS (path 'a', maxFilesPerTrigger '1');
CREATE TABLE b (id BIGINT, k INT, t TIMESTAMP) USING json OPTIONS (path 'b', maxFilesPerTrigger '1');
CREATE STREAMING TABLE w AS SELECT k, window.start AS w0, count(*) AS n
FROM STREAM a WATERMARK t DELAY OF INTERVAL 5 SECONDS GROUP BY k, window(t, '10 seconds');
CREATE STREAMING TABLE j AS SELECT x.id FROM STREAM a WATERMARK t DELAY OF INTERVAL 5 SECONDS AS x
JOIN STREAM b WATERMARK t DELAY OF INTERVAL 5 SECONDS AS y ON x.k = y.k AND y.t BETWEEN x.t AND x.t + INTERVAL 3 SECONDS;
"""
WHOLE = "id runId name timestamp batchId batchDuration numInputRows inputRowsPerSecond processedRowsPerSecond durationMs eventTime stateOperators sources sink"
STATE = (
    "operatorName numRowsTotal numRowsUpdated allUpdatesTimeMs numRowsRemoved allRemovalsTimeMs commitTimeMs memoryUsedBytes "
    "numRowsDroppedByWatermark numShufflePartitions numStateStoreInstances customMetrics"
)
SOURCE = "description startOffset endOffset latestOffset numInputRows inputRowsPerSecond processedRowsPerSecond"
# flow, then by epoch: rows in, watermark, state (total, updated, removed, late), rows out
WANTED = {
    "w": [(4, None, (2, 2, 0, 0), 0), (4, "00:08", (4, 2, 0, 0), 0), (4, "00:28", (4, 2, 2, 0), 2), (1, "00:48", (2, 0, 2, 1), 2)],
    "j": [(8, None, (8, 8, 0, 0), 6), (8, "00:08", (16, 8, 0, 0), 6), (8, "00:28", (16, 8, 8, 0), 6), (1, "00:48", (8, 0, 8, 1), 0)],
}  # fmt: skip


def rows(second: int) -> str:
    """Four rows of a file."""
    return "".join(json.dumps({"id": j, "k": j % 2, "t": f"2024-01-01T00:00:{second + j:02}Z"}) + "\n" for j in range(4))


def among_rows_events_are_lines() -> None:
    """What the console prints stands on lines of its own, and no such line begins with a brace."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for i in range(3):
            (folder / "in" / f"{i}.json").write_text('{"id":1}\n')
        source = "CREATE TABLE s (id BIGINT) USING json OPTIONS (path 'in', maxFilesPerTrigger '1');"
        (folder / "p.sql").write_text(f"{source}\nCREATE STREAMING TABLE t USING console AS SELECT id, '{{' AS x FROM STREAM s;")
        done = subprocess.run([MILLRACE, "run", "p.sql", "--quiet", "--progress"], cwd=folder, capture_output=True, text=True, timeout=60)
        lines = done.stdout.splitlines()
        assert [json.loads(line)["batchId"] for line in lines if line.startswith("{")] == [0, 1, 2], done.stdout
        assert lines.count("|  1|  {|") == 3, done.stdout


def main() -> int:
    """Three files for each source, then a late row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "p.sql").write_text(PIPELINE)
        for source in "ab":
            (folder / source).mkdir()
            for i in range(3):
                path = folder / source / f"{i}.json"
                path.write_text(rows(10 + i * 20))
                os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))
        (folder / "a" / "late.json").write_text('{"id":9,"k":0,"t":"2024-01-01T00:00:11Z"}\n')
        done = subprocess.run([MILLRACE, "run", "p.sql", "--quiet", "--progress"], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        uuid.UUID(event["id"]), uuid.UUID(event["runId"])
        for what, keys in (
            (event, WHOLE),
            (event["stateOperators"][0], STATE),
            (event["sources"][0], SOURCE),
            (event["sink"], "description numOutputRows"),
        ):
            missing = set(keys.split()) - set(what)
            assert not missing, f"{event['name']} {event['batchId']}: {missing}"
    for flow, epochs in WANTED.items():
        got = []
        for event in (event for event in events if event["name"] == flow):
            state = event["stateOperators"][0]
            counts = tuple(state[f"numRows{what}"] for what in ("Total", "Updated", "Removed", "DroppedByWatermark"))
            watermark = event["eventTime"].get("watermark")
            got.append((event["numInputRows"], watermark and watermark[14:19], counts, event["sink"]["numOutputRows"]))
            assert event["numInputRows"] == sum(source["numInputRows"] for source in event["sources"])
        assert got == epochs, f"{flow}: {got}"
    among_rows_events_are_lines()
    print(f"{len(events)} events, as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
