"""The Yahoo streaming benchmark over a file of JSON lines: as a batch against DuckDB, and as a stream.

Filter on event_type, join with the ads, count by campaign and 10 s.  The stream is a pipeline run with --once:
availableNow, checkpointed, its result written to a table.
"""

import random
import resource
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable

from peer import ENGINE, WORK, duckdb, millrace_seconds

N_EVENTS = 5_000_000
DATA = WORK / "yahoo"
COLUMNS = "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time BIGINT, ip_address STRING"
BATCH = f"""
CREATE TEMPORARY VIEW ads (ad STRING, campaign STRING) USING csv OPTIONS (path '{DATA}/ads.csv');
CREATE TEMPORARY VIEW events ({COLUMNS}) USING json OPTIONS (path '{DATA}/events');
SELECT count(*), sum(c) FROM (SELECT campaign, event_time div 10000 AS w, count(*) AS c
FROM events JOIN ads ON ad_id = ad WHERE event_type = 'view' GROUP BY campaign, event_time div 10000)"""
THEIRS = f"""SELECT count(*), sum(c) FROM (SELECT campaign, event_time // 10000 AS w, count(*) AS c
FROM read_json('{DATA}/events/events.json', format='newline_delimited', columns={{user_id:'VARCHAR',page_id:'VARCHAR',
ad_id:'VARCHAR',ad_type:'VARCHAR',event_type:'VARCHAR',event_time:'BIGINT',ip_address:'VARCHAR'}}) e
JOIN read_csv('{DATA}/ads.csv', header=false, columns={{ad:'VARCHAR',campaign:'VARCHAR'}}) a ON e.ad_id = a.ad
WHERE event_type = 'view' GROUP BY ALL)"""
STREAM = f"""
CREATE TABLE ads (ad STRING, campaign STRING) USING csv OPTIONS (path '{DATA}/ads.csv');
CREATE TABLE events ({COLUMNS}) USING json OPTIONS (path '{DATA}/events');
CREATE TEMPORARY VIEW views AS
SELECT ad_id, timestamp_millis(event_time) AS at FROM STREAM events WHERE event_type = 'view';
CREATE STREAMING TABLE counts AS
SELECT campaign, window.start AS begin, count(*) AS c
FROM views WATERMARK at DELAY OF INTERVAL 10 SECONDS JOIN ads ON ad_id = ad
GROUP BY campaign, window(at, '10 seconds');
"""


def generate() -> None:
    """100 campaigns of 10 ads, uniform event and ad types, 10,000 events a second of event time."""
    (DATA / "events").mkdir(parents=True, exist_ok=True)
    rng = random.Random(1)
    ads = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(1000)]
    campaigns = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(100)]
    (DATA / "ads.csv").write_text("".join(f"{ad},{campaigns[i // 10]}\n" for i, ad in enumerate(ads)))
    users = [str(uuid.UUID(int=i)) for i in range(10000)]
    kinds, forms = ("view", "click", "purchase"), ("banner", "modal", "sponsored-search", "mail", "mobile")
    with open(DATA / "events.tmp", "w", buffering=1 << 20) as out:
        for i in range(N_EVENTS):
            r = rng.getrandbits(62)
            out.write(
                f'{{"user_id":"{users[r % 10000]}","page_id":"{users[(r >> 14) % 1000]}","ad_id":"{ads[(r >> 24) % 1000]}",'
                f'"ad_type":"{forms[(r >> 34) % 5]}","event_type":"{kinds[(r >> 37) % 3]}","event_time":{1767225600000 + i // 10},'
                f'"ip_address":"{1 + (r >> 40 & 127)}.{r >> 47 & 255}.{r >> 50 & 255}.{r >> 54 & 255}"}}\n'
            )
    (DATA / "events.tmp").rename(DATA / "events" / "events.json")


def stream_seconds() -> float:
    """One availableNow run from an empty warehouse."""
    folder = WORK / "yahoo-stream"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "job.sql").write_text(STREAM)
    begin = time.perf_counter()
    command = [ENGINE, "run", "job.sql", "--once", "--quiet", "--conf", "millrace.exec.threads=2"]
    subprocess.run(command, cwd=folder, check=True)
    return time.perf_counter() - begin


def with_cpu(run: Callable[[], float]) -> tuple[float, float]:
    """What run says, and the CPU time of its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Batch and stream take turns, so that noise meets both."""
    if not (DATA / "events" / "events.json").exists():
        generate()
    theirs, _ = duckdb("SELECT 1", THEIRS, 3)
    batch, stream = [], []
    for _ in range(5):
        batch.append(with_cpu(lambda: millrace_seconds(BATCH, 1)))
        stream.append(with_cpu(stream_seconds))
    (ours, ours_cpu), (mine, mine_cpu) = (tuple(map(min, zip(*runs))) for runs in (batch, stream))
    print(f"yahoo batch: {N_EVENTS / ours / 1e6:.2f} M events/s   DuckDB {N_EVENTS / theirs / 1e6:.2f}   {theirs / ours:.2f} x as fast")
    print(f"yahoo stream: {N_EVENTS / mine / 1e6:.2f} M events/s   {ours / mine:.2f} x its own batch rate")
    print(f"yahoo stream, CPU time: {mine_cpu:.3f} s   {ours_cpu / mine_cpu:.2f} x its own batch rate")


main()
