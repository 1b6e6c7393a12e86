"""A file of a warehouse is damaged, cut, emptied, deleted or swapped for another: the pipeline goes on exactly, or refuses
and names what it found; no table ever shows other rows.

Each case takes a warehouse in the middle of its input, damages one of its files, lets the rest of the input arrive, runs the
pipeline again and reads all tables.  MR_SEED and MR_CASES repeat a run; MR_CASES=0 plays every file and damage.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MILLRACE = os.environ.get("MILLRACE", str(Path(__file__).resolve().parents[2] / "build" / "millrace"))
SEED = int(os.environ.get("MR_SEED", random.SystemRandom().randrange(1, 2**31)))
CASES = int(os.environ.get("MR_CASES", "25"))
DAMAGES = ["flip", "flip", "flip", "cut", "empty", "delete", "grow", "swap"]
TABLES = ["plain", "counts", "parts", "chain", "filled", "view"]
PIPELINE = """
CREATE TABLE a (id BIGINT, k INT, t TIMESTAMP) USING json OPTIONS (path 'in', maxFilesPerTrigger '1');
CREATE STREAMING TABLE plain AS SELECT id, k FROM STREAM a WHERE k <> 1;
CREATE STREAMING TABLE counts USING csv AS SELECT k, window.start AS w0, count(*) AS n
FROM STREAM a WATERMARK t DELAY OF INTERVAL 10 SECONDS GROUP BY k, window(t, '10 seconds');
CREATE STREAMING TABLE parts PARTITIONED BY (k) AS SELECT DISTINCT k, id FROM STREAM a;
CREATE STREAMING TABLE chain AS SELECT id FROM STREAM plain;
CREATE STREAMING TABLE filled (id BIGINT);
CREATE FLOW fills AS INSERT INTO filled BY NAME SELECT id FROM STREAM a;
CREATE FLOW fills_more AS INSERT INTO filled BY NAME SELECT id + 1000 AS id FROM STREAM plain;
CREATE MATERIALIZED VIEW view AS SELECT k, count(*) AS n FROM a GROUP BY k;
"""


def millrace(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """One run of the program."""
    command = [MILLRACE, *arguments, "--conf", "millrace.checkpoint.snapshotBytes=3000"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, errors="replace")


def write_input(folder: Path, rng: random.Random) -> None:
    """Files that are there, and files that come later."""
    for name in ("in", "later"):
        (folder / name).mkdir()
    for i in range(12):
        rows = [{"id": i * 10 + j, "k": rng.randrange(4), "t": f"2024-01-01T00:{i * 7 // 60:02}:{i * 7 % 60:02}Z"} for j in range(8)]
        path = folder / ("in" if i < 7 else "later") / f"{i:03}.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.utime(path, (1_700_000_000 + i, 1_700_000_000 + i))


def finish(folder: Path) -> tuple[subprocess.CompletedProcess, dict[str, str | None]]:
    """The rest of the input arrives and is processed; the rows of each table, None: it cannot be read."""
    for path in sorted((folder / "later").iterdir()):
        shutil.copy2(path, folder / "in" / path.name)
    done = millrace(folder, "run", "p.sql", "--quiet")
    reads = {table: millrace(folder, "-e", f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}
    assert all(read.returncode in (0, 1) for read in reads.values()), reads
    return done, {table: read.stdout if read.returncode == 0 else None for table, read in reads.items()}


def damage(path: Path, kind: str, others: list[Path], rng: random.Random) -> str:
    """Damages the file; what was done."""
    data = bytearray(path.read_bytes())
    if kind == "flip" and data:
        at = rng.randrange(min(len(data), len(data.rstrip(b"\0")) + 64))  # segments end in zeros
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        return f"bit of byte {at} flipped"
    if kind == "cut" and data:
        at = rng.randrange(len(data))
        path.write_bytes(data[:at])
        return f"cut at {at}"
    if kind == "swap" and others:
        other = rng.choice(others)
        path.write_bytes(other.read_bytes())
        return f"replaced by {other}"
    if kind == "delete":
        path.unlink()
        return "deleted"
    path.write_bytes(bytes(data) + b"xyz" if kind == "grow" else b"")
    return "grown" if kind == "grow" else "emptied"


def judge(done: subprocess.CompletedProcess, got: dict, wanted: dict, before: dict) -> str | None:
    """What is wrong; None: nothing."""
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}"
    if done.returncode == 1 and "spark-warehouse" not in done.stderr and "`default`" not in done.stderr:
        return "a refusal that names no file"
    for table in TABLES:
        # The newest line of a manifest has nobody to vouch for it when a table is only read.
        if done.returncode == 0 and got[table] not in (None, wanted[table]):
            return f"other rows in {table}"
        if done.returncode == 1 and got[table] and not set(got[table].splitlines()) <= set(wanted[table].splitlines() + before[table].splitlines()):
            return f"rows in {table} that never were"
    return None


def main() -> int:
    """All cases in copies of one warehouse."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="mr-damage-") as name:
        base = Path(name) / "base"
        base.mkdir()
        (base / "p.sql").write_text(PIPELINE)
        write_input(base, rng)
        done = millrace(base, "run", "p.sql", "--quiet")
        assert done.returncode == 0, done.stderr
        before = {table: millrace(base, "-e", f"SELECT * FROM {table}").stdout for table in TABLES}
        shutil.copytree(base, Path(name) / "calm")
        done, wanted = finish(Path(name) / "calm")
        assert done.returncode == 0 and all(wanted.values()), done.stderr
        files = sorted(path for path in (base / "spark-warehouse").rglob("*") if path.is_file())
        cases = [(path, kind) for path in files for kind in DAMAGES]
        rng.shuffle(cases)
        cases = cases[: CASES or len(cases)]
        for path, kind in cases:
            copy = Path(name) / "copy"
            shutil.copytree(base, copy)
            others = [other for other in files if other != path and other.suffix == path.suffix]
            what = damage(copy / path.relative_to(base), kind, others, rng)
            done, got = finish(copy)
            wrong = judge(done, got, wanted, before)
            if wrong:
                print(f"FAILED MR_SEED={SEED}: {wrong}: {path.relative_to(base)} {what}\n{done.stderr}")
                return 1
            shutil.rmtree(copy)
    print(f"{len(cases)} damaged warehouses, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
