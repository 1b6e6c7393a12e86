"""What is refused of a damaged warehouse, by which name; and that what the message advises then works.

Each case takes a copy of a warehouse in the middle of its work, changes files of it, and runs the program.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable

MILLRACE = os.environ.get("MILLRACE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "millrace"))
FAST = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None  # syncs are not what is tested
PIPELINE = """
CREATE TABLE s (id BIGINT) USING json OPTIONS (path 'in', maxFilesPerTrigger '1');
CREATE STREAMING TABLE u (id BIGINT);
CREATE FLOW fa AS INSERT INTO u BY NAME SELECT id FROM STREAM s;
CREATE STREAMING TABLE w AS SELECT id FROM STREAM u;
CREATE TABLE IF NOT EXISTS b AS SELECT 1 AS id;
CREATE TABLE IF NOT EXISTS c AS SELECT 1 AS id;
"""
FLOWS = "spark-warehouse/_millrace/flows/default."
Change = Callable[[pathlib.Path], None]


def millrace(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess:
    """One run of the program."""
    return subprocess.run([MILLRACE, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def rewrite(path: str, change: Callable[[bytes], bytes]) -> Change:
    """A file's bytes, changed."""
    return lambda folder: (folder / path).write_bytes(change((folder / path).read_bytes())) and None


def every_byte(path: str) -> list[tuple[str, Change]]:
    """Each byte changed, and each place to cut: a few of them."""
    places = [0, 1, 0.2, 0.5, 0.9, -1, -2, -5]

    def at(data: bytes, place: float) -> int:
        return int(place * len(data)) if 0 < place < 1 else int(place) % len(data)

    changes = [(f"byte {p}", rewrite(path, lambda d, p=p: d[: at(d, p)] + bytes([d[at(d, p)] ^ 2]) + d[at(d, p) + 1 :])) for p in places]
    return changes + [(f"cut at {p}", rewrite(path, lambda d, p=p: d[: at(d, p)])) for p in places]


def newest(folder: pathlib.Path, table: str) -> pathlib.Path:
    """The manifest that counts."""
    return max((folder / "spark-warehouse" / table / "_millrace" / "manifest").iterdir())


def on_manifest(table: str, change: Callable[[bytes], bytes]) -> Change:
    """The newest manifest of a table, changed."""
    return lambda folder: newest(folder, table).write_bytes(change(newest(folder, table).read_bytes())) and None


def manifests() -> list[tuple[str, Change, list[str], str]]:
    """Manifests that readers and writers refuse."""
    read, write = ["-e", "SELECT count(*) FROM c"], ["-e", "INSERT INTO c VALUES (7)"]
    lines = lambda data: data.split(b"\n")  # noqa: E731
    damages: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("emptied", lambda d: b""),
        ("cut in line 1", lambda d: d[:20]),
        ("only line 1", lambda d: lines(d)[0] + b"\n"),
        ("cut in line 2", lambda d: d[: len(lines(d)[0]) + 20]),
        ("line 2 lacks its end", lambda d: d[: len(lines(d)[0]) + 1 + len(lines(d)[1])]),
        ("a byte of line 1", lambda d: d[:20] + b"~" + d[21:]),
        ("a byte of line 2", lambda d: d[: len(lines(d)[0]) + 20] + b"~" + d[len(lines(d)[0]) + 21 :]),
        ("a byte of the last line", lambda d: d[:-20] + b"~" + d[-19:]),
        ("the last line's end", lambda d: d[:-1] + b"~"),
    ]
    changes = [(what, on_manifest("c", change), "c/_millrace/manifest/0000000001") for what, change in damages]
    changes += [("of another table", lambda f: shutil.copy(newest(f, "b"), newest(f, "c")) and None, "c/_millrace/manifest/0000000001")]
    changes += [("under another number", lambda f: newest(f, "c").rename(newest(f, "c").with_name("0000000007")) and None, "manifest/0000000007")]
    changes += [("gone", lambda f: newest(f, "c").unlink(), "c/_millrace/manifest"), ("no id", lambda f: (f / "spark-warehouse/c/_millrace/id").unlink(), "_millrace/id")]
    changes += [("another id", lambda f: shutil.copy(f / "spark-warehouse/b/_millrace/id", f / "spark-warehouse/c/_millrace/id") and None, "c/_millrace/manifest")]
    changes += [(f"id {what}", change, "c/_millrace/id") for what, change in every_byte("spark-warehouse/c/_millrace/id")]
    return [(f"manifest {what}", change, arguments, wanted) for what, change, wanted in changes for arguments in (read, write)]


def torn(base: pathlib.Path) -> str | None:
    """A last line that a crash has cut off does not count, and the next writer goes on."""
    with tempfile.TemporaryDirectory(dir=FAST) as place:
        folder = pathlib.Path(place) / "copy"
        shutil.copytree(base, folder)
        for tail in (lambda d: d[:-9], lambda d: d + b"0000 {", lambda d: d[:-30] + bytes(29) + b"\n"):
            on_manifest("c", tail)(folder)
            said = millrace(folder, "-e", "INSERT INTO c VALUES (7); SELECT count(*) FROM c WHERE id = 7")
            if (said.returncode, said.stdout) not in ((0, "1\n"), (0, "2\n")):
                return f"a torn line: {said.stdout}{said.stderr}"
    return None


def refusals() -> list[tuple[str, Change, list[str], str]]:
    """Name, damage, arguments, what the refusal names."""
    run, table, metadata = ["run", "p.sql", "--quiet"], f"{FLOWS}fa.table", f"{FLOWS}fa/metadata.json"
    cases = [(f"{table}: {what}", change, run, "default.fa.table") for what, change in every_byte(table)]
    cases += [(f"{metadata}: {what}", change, run, "default.fa/metadata.json") for what, change in every_byte(metadata)]
    cases += [("verify", rewrite(metadata, lambda d: d.replace(b"SELECT", b"select").replace(b"id", b"ie", 1)), ["checkpoint", "verify", f"{FLOWS}fa"], "metadata.json")]
    cases += [("another flow's file", lambda f: shutil.copy(f / f"{FLOWS}w.table", f / table) and None, run, "default.fa.table")]
    cases += [(f"no checkpoint of {flow}", lambda f, flow=flow: shutil.rmtree(f / f"{FLOWS}{flow}"), run, f"default.{flow}/metadata.json") for flow in ("fa", "w")]
    return cases


def play(base: pathlib.Path, case: tuple[str, Change, list[str], str]) -> str | None:
    """What is wrong with the case; None: nothing."""
    name, change, arguments, wanted = case
    with tempfile.TemporaryDirectory(dir=FAST) as place:
        folder = pathlib.Path(place) / "copy"
        shutil.copytree(base, folder)
        change(folder)
        done = millrace(folder, *arguments)
        if done.returncode != 1 or wanted not in done.stderr:
            return f"{name}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return None


def advice(base: pathlib.Path) -> str | None:
    """DROP TABLE begins a table and its checkpoint anew."""
    with tempfile.TemporaryDirectory(dir=FAST) as place:
        folder = pathlib.Path(place) / "copy"
        shutil.copytree(base, folder)
        shutil.rmtree(folder / f"{FLOWS}w")
        said = millrace(folder, "run", "p.sql", "--quiet").stderr
        millrace(folder, "-e", said[said.index("DROP TABLE") : said.index(": then")])
        again = millrace(folder, "run", "p.sql", "--quiet")
        rows = millrace(folder, "-e", "SELECT count(*) FROM w").stdout
        return None if (again.returncode, rows) == (0, "3\n") else f"the advice: {said}{again.stderr}{rows}"


def main() -> int:
    """All cases."""
    with tempfile.TemporaryDirectory(dir=FAST) as place:
        base = pathlib.Path(place)
        (base / "in").mkdir()
        for i in range(3):
            (base / "in" / f"{i}.json").write_text(f'{{"id":{i}}}\n')
        (base / "p.sql").write_text(PIPELINE)
        first = millrace(base, "run", "p.sql", "--quiet")
        assert first.returncode == 0, first.stderr
        cases = refusals() + manifests()
        wrong = [what for what in [*(play(base, case) for case in cases), advice(base), torn(base)] if what]
        for what in wrong:
            print(f"FAILED {what}")
    print(f"{len(cases) + 2} cases, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
