"""Runs the pipelines of example/sql over small made inputs, twice with more input in between, and compares what
their tables hold with numbers computed here.

MR_SEED: repeats a run.
"""

import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MILLRACE = Path(os.environ.get("MILLRACE", str(ROOT / "build" / "millrace"))).resolve()
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
START = datetime(2024, 5, 1, 10, tzinfo=timezone.utc)


def millrace(scratch: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in the folder of the input."""
    done = subprocess.run(
        [str(MILLRACE), "--warehouse", "warehouse", "--conf", "spark.sql.session.timeZone=UTC", *args],
        cwd=scratch, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, f"seed {SEED}: {args}: {done.stderr}"
    return done


def run(scratch: Path, name: str) -> str:
    """One run over what is there; its news."""
    done = subprocess.run(
        [str(MILLRACE), "run", str(ROOT / f"example/sql/{name}.sql"), "--once", "--warehouse", "warehouse",
         "--conf", "spark.sql.session.timeZone=UTC"],
        cwd=scratch, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, f"seed {SEED}: {name}: {done.stderr}"
    return done.stderr


def rows(scratch: Path, *args: str) -> list[tuple[str, ...]]:
    """The rows of a query or of a file of SQL, without their header."""
    text = millrace(scratch, "--format", "csv", *args).stdout
    return [tuple(row) for row in csv.reader(io.StringIO(text))][1:]


def same(what: str, given: list[tuple[str, ...]], wanted: list[tuple[str, ...]]) -> None:
    """Says how two lists differ."""
    assert given == wanted, f"seed {SEED}: {what}\n given  {given}\n wanted {wanted}"


def write(scratch: Path, folder: str, lines: list[str]) -> None:
    """One more file, seen whole or not at all."""
    (scratch / folder).mkdir(exist_ok=True)
    n = len(list((scratch / folder).iterdir()))
    (scratch / f"{folder}.tmp").write_text("\n".join(lines) + "\n")
    (scratch / f"{folder}.tmp").rename(scratch / folder / f"part-{n:03d}.txt")


def stamp(at: datetime) -> str:
    """As the program prints it."""
    return at.strftime("%Y-%m-%d %H:%M:%S")


def minute(at: datetime) -> datetime:
    """The minute's start."""
    return at.replace(second=0)


def fraud(scratch: Path, rng: random.Random) -> None:
    """Alerts by number and by amount; payments that come too late are dropped and counted."""
    groups: dict[tuple[str, datetime], list[Decimal]] = defaultdict(list)
    watermark = datetime.min.replace(tzinfo=timezone.utc)
    n_late = 0
    news = ""
    for batch in range(2):
        payments = []
        for i in range(150):
            late_s = rng.randrange(180, 240) if batch and i % 40 == 0 else rng.randrange(8)
            at = START + timedelta(seconds=(batch * 150 + i) * 2 - late_s)
            amount = Decimal(rng.randrange(1, 45000)).scaleb(-2)
            payments.append((f"card{rng.randrange(9)}", amount, at))
        write(scratch, "payments", [
            json.dumps({"id": i, "card": card, "amount": float(amount), "country": "DE", "at": at.isoformat()})
            for i, (card, amount, at) in enumerate(payments)
        ])
        news = run(scratch, "fraud")
        n_late = 0
        for card, amount, at in payments:
            if minute(at) + timedelta(minutes=1) <= watermark:
                n_late += 1
            else:
                groups[card, minute(at)].append(amount)
        watermark = max(watermark, max(at for _, _, at in payments) - timedelta(seconds=10))
        wanted = [
            (card, stamp(start), str(len(amounts)), str(sum(amounts)), "amount" if sum(amounts) > 1000 else "count")
            for (card, start), amounts in sorted(groups.items())
            if start + timedelta(minutes=1) <= watermark and (len(amounts) > 3 or sum(amounts) > 1000)
        ]
        assert len(wanted) >= 3 * (batch + 1), f"seed {SEED}: too few alerts to show anything"
        sql = "SELECT card, date_format(minute, 'yyyy-MM-dd HH:mm:ss'), payments, total, reason FROM alerts ORDER BY card, minute"
        same("alerts", rows(scratch, "-e", sql), wanted)
    assert n_late > 0, f"seed {SEED}: nothing was late"
    assert f"{n_late} late" in news, f"seed {SEED}: {n_late} late, but: {news}"


def log_analytics(scratch: Path, rng: random.Random) -> None:
    """Requests, unreadable lines, errors per minute, top URLs."""
    requests: list[tuple[datetime, str, int]] = []
    unreadable: list[str] = []
    for batch in range(2):
        lines = []
        for i in range(200):
            at = START + timedelta(seconds=(batch * 200 + i) * 3)
            if i % 40 == 7:
                bad = rng.choice(["", "not a log line", '1.2.3.4 - - [99/May/2024:10:00:00 +0000] "GET /a HTTP/1.1" 200 1',
                                  '1.2.3.4 - - [01/May/2024:10:00:00 +0000] "-" 400 0'])
                unreadable.append(bad)
                lines.append(bad)
                continue
            url, status = f"/page{min(rng.randrange(9), rng.randrange(9))}", rng.choice([200, 200, 200, 404, 500, 503])
            requests.append((at, url, status))
            written = at.astimezone(timezone(timedelta(hours=2))).strftime("%d/%b/%Y:%H:%M:%S %z")
            lines.append(f'10.0.0.{rng.randrange(9)} - - [{written}] "GET {url} HTTP/1.1" {status} {rng.randrange(9000)}')
        write(scratch, "logs", lines)
        run(scratch, "log_analytics")

        same("unreadable", rows(scratch, "-e", "SELECT '<' || value || '>' FROM unreadable ORDER BY value"),
             [(f"<{line}>",) for line in sorted(unreadable)])
        final = max(at for at, _, _ in requests) - timedelta(minutes=1)
        errors: Counter[datetime] = Counter()
        for at, _, status in requests:
            errors[minute(at)] += status >= 500
        per_minute = Counter(minute(at) for at, _, _ in requests)
        wanted = [(stamp(m), str(errors[m]), str(n)) for m, n in sorted(per_minute.items()) if m + timedelta(minutes=1) <= final]
        sql = "SELECT date_format(minute, 'yyyy-MM-dd HH:mm:ss'), errors, requests FROM errors_per_minute ORDER BY minute"
        same("errors_per_minute", rows(scratch, "-e", sql), wanted)
        hits = Counter(url for _, url, _ in requests)
        bad_hits = Counter(url for _, url, status in requests if status >= 500)
        top = sorted(hits, key=lambda url: (-hits[url], url))[:3]
        same("top_urls", rows(scratch, "-e", "SELECT url, hits, errors FROM top_urls ORDER BY hits DESC, url"),
             [(url, str(hits[url]), str(bad_hits[url])) for url in top])


def kappa(scratch: Path, rng: random.Random) -> None:
    """Stream and batch agree; after an order that came too late they do not, and a replay mends that."""
    check = str(ROOT / "example/sql/kappa_check.sql")
    hourly = "SELECT region, date_format(hour, 'yyyy-MM-dd HH:mm:ss'), orders, revenue FROM {} ORDER BY region, hour"
    orders: list[tuple[str, Decimal, datetime]] = []

    def numbers(until: datetime) -> list[tuple[str, ...]]:
        groups: dict[tuple[str, datetime], list[Decimal]] = defaultdict(list)
        for region, amount, at in orders:
            if amount > 0:
                groups[region.strip().upper(), at.replace(minute=0, second=0)].append(amount)
        return [(region, stamp(hour), str(len(amounts)), str(sum(amounts)))
                for (region, hour), amounts in sorted(groups.items()) if hour + timedelta(hours=1) <= until]

    def more(new: list[tuple[str, Decimal, datetime]]) -> datetime:
        write(scratch, "orders", [
            json.dumps({"id": i, "region": region, "amount": float(amount), "at": at.isoformat()})
            for i, (region, amount, at) in enumerate(new)
        ])
        orders.extend(new)
        run(scratch, "kappa")
        return max(at for _, amount, at in orders if amount > 0) - timedelta(minutes=10)

    for batch in range(2):
        final = more([
            (["eu", " us", "Asia "][i % 3], Decimal(rng.randrange(-500, 90000)).scaleb(-2),
             START + timedelta(minutes=(batch * 100 + i) * 5, seconds=-rng.randrange(500)))
            for i in range(100)
        ])
        same("hourly_stream", rows(scratch, "-e", hourly.format("hourly_stream")), numbers(final))
        same("hourly_batch", rows(scratch, "-e", hourly.format("hourly_batch")), numbers(final + timedelta(days=1)))
        same("kappa_check", rows(scratch, "-f", check), [])
    final = more([("eu", Decimal("12.50"), START + timedelta(minutes=30))])
    assert len(rows(scratch, "-f", check)) == 1, f"seed {SEED}: the late order's hour should differ"
    (scratch / "warehouse").rename(scratch / "before")
    run(scratch, "kappa")
    same("replayed", rows(scratch, "-e", hourly.format("hourly_stream")), numbers(final))
    same("kappa_check after the replay", rows(scratch, "-f", check), [])


def clickstream(scratch: Path, rng: random.Random) -> None:
    """Visits, which a click that comes late may join, and conversion per page."""
    visit = timedelta(minutes=30)
    pages = ["/", "/shoes", "/hats", "/cart"]
    clicks: list[tuple[str, str, str, datetime]] = []
    watermark = datetime.min.replace(tzinfo=timezone.utc)
    n_late = n_final = 0

    def visits() -> list[tuple[str, datetime, datetime, list[tuple[str, str, str, datetime]]]]:
        found = []
        for user in sorted({click[0] for click in clicks}):
            mine = sorted((click for click in clicks if click[0] == user), key=lambda click: click[3])
            group: list[tuple[str, str, str, datetime]] = []
            for click in mine:
                if group and click[3] > group[-1][3] + visit:
                    found.append((user, group[0][3], group[-1][3] + visit, group))
                    group = []
                group.append(click)
            found.append((user, group[0][3], group[-1][3] + visit, group))
        return found

    news = ""
    for batch in range(3):
        new = []
        for i in range(120):
            at = START + timedelta(seconds=(batch * 120 + i) * 200 - rng.randrange(280))
            if batch and i % 30 == 0:  # too late by some minutes
                at = watermark - visit - timedelta(seconds=rng.randrange(1, 600))
            new.append((f"user{rng.randrange(6)}", rng.choice(pages), rng.choice(["view"] * 5 + ["buy"]), at))
        write(scratch, "clicks", [
            json.dumps({"user": user, "page": page, "action": action, "at": at.isoformat()}) for user, page, action, at in new
        ])
        news = run(scratch, "clickstream")
        n_late = sum(click[3] + visit <= watermark for click in new)
        clicks += [click for click in new if click[3] + visit > watermark]
        watermark = max(watermark, max(click[3] for click in new) - timedelta(minutes=5))
        closed = [found for found in visits() if found[2] <= watermark]
        n_final = len(closed)
        wanted = [
            (user, stamp(began), stamp(ended), str(len(group)), group[0][1],
             ",".join(sorted({click[1] for click in group})), str(sum(click[2] == "buy" for click in group)))
            for user, began, ended, group in closed
        ]
        sql = ("SELECT user, date_format(began, 'yyyy-MM-dd HH:mm:ss'), date_format(ended, 'yyyy-MM-dd HH:mm:ss'), clicks, "
               "first_page, array_join(array_sort(pages), ','), purchases FROM visits ORDER BY user, began")
        same("visits", rows(scratch, "-e", sql), wanted)
        seen: Counter[str] = Counter()
        bought: Counter[str] = Counter()
        for _, _, _, group in closed:
            for page in {click[1] for click in group}:
                seen[page] += 1
                bought[page] += any(click[2] == "buy" for click in group)
        same("conversion", rows(scratch, "-e", "SELECT page, visits, bought, percent FROM conversion ORDER BY page"), [
            (page, str(n), str(bought[page]), str((Decimal(100 * bought[page]) / n).quantize(Decimal("0.1"), ROUND_HALF_UP)))
            for page, n in sorted(seen.items())
        ])
    assert n_final > 20, f"seed {SEED}: too few visits to show anything"
    assert n_late > 0, f"seed {SEED}: nothing was late"
    assert f"{n_late} late" in news, f"seed {SEED}: {n_late} late, but: {news}"


def main() -> int:
    """Each in a folder of its own."""
    print(f"seed {SEED}")
    for example in (fraud, log_analytics, kappa, clickstream):
        with tempfile.TemporaryDirectory(prefix="mr-example-") as scratch:
            example(Path(scratch), random.Random(SEED))
    return 0


if __name__ == "__main__":
    sys.exit(main())
