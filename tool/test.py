"""Runs the tests and prints `N passed, N failed, N skipped` as its last line.

usage: test.py [NAME] [--check] [--accept NAME] [--seed SEED] [--only KIND]

Kinds, in order: build, unit, sql, example, property, sim, kill, asan, tsan, fuzz.
  unit      the cmocka programs built from src/*/*_test.c
  sql       test/sql/*.sql against their *.sql.out, plain and in the variants of SQL_VARIANTS
  property, sim, kill, example
            cmocka programs and Python scripts (NAME_test.py) in test/KIND/
  asan      the same unit and SQL tests under AddressSanitizer and UBSan
  tsan      the SQL tests, and unit tests with threads of their own, under ThreadSanitizer
  fuzz      the corpus of every fuzz target and some seconds more
--check runs unit and sql on the dev build only.
"""

import argparse
import difflib
import os
import random
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sql_test

ROOT = Path(__file__).resolve().parent.parent
TEST = ROOT / "test"
KINDS = "build unit sql example property sim kill asan tsan fuzz".split()
PROGRAM_SECONDS = 600

# Every SQL file gives the same answers under each of these: name -> options of the session.
SQL_VARIANTS: dict[str, list[str]] = {
    "one row a batch": ["millrace.exec.batchRows=1"],
    "four threads": ["millrace.exec.threads=4"],
}

# Unit tests with threads that the SQL files do not start.
TSAN_PROGRAMS = ["run_stream_test", "dstream_test", "streaming_query_test", "rdd_test"]

FOLDERS = {"release": "build", "dev": "build-dev", "debug": "build-debug", "tsan": "build-tsan", "fuzz": "build-fuzz"}


class Tally:
    """Counts, and tells of failures as they come."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def add(self, passed: int, failed: int, what: str, text: str = "") -> None:
        """Notes one program or file."""
        self.passed += passed
        self.failed += failed
        if failed:
            print(f"FAILED {what}\n{text.rstrip()}", flush=True)

    def skip(self, what: str, why: str) -> None:
        """Notes what could not run."""
        self.skipped += 1
        print(f"skipped {what}: {why}", flush=True)


def build(tally: Tally, preset: str, targets: list[str] | None = None) -> bool:
    """Builds a preset; a failure counts as one failed test."""
    folder = ROOT / FOLDERS[preset]
    folder.mkdir(exist_ok=True)
    log = folder / "mill.log"
    with open(log, "wb") as out:
        for args in (["cmake", "--preset", preset], ["ninja", "-C", str(folder), *(targets or [])]):
            if subprocess.run(args, cwd=ROOT, stdout=out, stderr=out).returncode != 0:
                lines = log.read_text(errors="replace").splitlines()
                marked = [line for line in lines if re.search(r"error|FAILED", line)][:30]
                tally.add(0, 1, f"the {preset} build", "\n".join(marked or lines[-30:]))
                return False
    tally.add(1, 0, preset)
    return True


def run_program(tally: Tally, args: list[str], env: dict[str, str]) -> None:
    """Runs one test program; cmocka says how many tests it held, others count as one."""
    name = Path(args[-1]).name
    try:
        done = subprocess.run(
            args, cwd=ROOT, env=env, timeout=PROGRAM_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except subprocess.TimeoutExpired as late:
        tally.add(0, 1, name, f"no end after {PROGRAM_SECONDS} s\n" + (late.stdout or b"").decode(errors="replace")[-3000:])
        return
    text = done.stdout.decode(errors="replace")
    ran = sum(int(n) for n in re.findall(r"(\d+) test\(s\) run", text))
    bad = len(re.findall(r"\[  FAILED  \] \w", text)) if ran else 0
    if done.returncode == 0:
        tally.add(max(ran, 1), 0, name)
    else:
        tally.add(max(ran - max(bad, 1), 0), max(bad, 1), name, text[-4000:])


def programs(folder: Path, kind: str, name: str | None) -> list[list[str]]:
    """The commands of one kind."""
    sources = ROOT.glob("src/*/*_test.c") if kind == "unit" else TEST.glob(f"{kind}/*_test.c")
    found = [[str(folder / "test" / source.stem)] for source in sorted(sources)]
    if kind != "unit":
        found += [[sys.executable, str(script)] for script in sorted(TEST.glob(f"{kind}/*_test.py"))]
    return [args for args in found if not name or name in Path(args[-1]).name]


def run_kind(tally: Tally, folder: Path, kind: str, options: argparse.Namespace, env: dict[str, str]) -> None:
    """Runs the programs of one kind, two at a time."""
    env = dict(env, MILLRACE=str(folder / "millrace"), MR_SEED=str(options.seed))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda args: run_program(tally, args, env), programs(folder, kind, options.name)))


def sql_one(tally: Tally, engine: Path, path: Path, variant: str, extra: list[str]) -> None:
    """Compares one SQL file with its expected output."""
    what = f"{path.relative_to(ROOT)}" + (f" ({variant})" if variant else "")
    wanted_path = path.with_suffix(".sql.out")
    if not wanted_path.exists():
        tally.add(0, 1, what, f"no {wanted_path.name}: ./mill test --accept {path.stem}")
        return
    try:
        given = sql_test.run_file(engine, path, TEST, extra)
    except (RuntimeError, ValueError) as error:
        tally.add(0, 1, what, str(error))
        return
    wanted = wanted_path.read_text()
    difference = difflib.unified_diff(wanted.splitlines(), given.splitlines(), "expected", "given", lineterm="", n=3)
    n_statements = max(wanted.count("-- !query\n"), 1)
    if given == wanted:
        tally.add(n_statements, 0, what)
    else:
        tally.add(0, 1, what, "\n".join(list(difference)[:60]))


def sql_files(name: str | None) -> list[Path]:
    """The SQL tests whose name contains name."""
    return [p for p in sorted(TEST.glob("sql/**/*.sql")) if not name or name in p.stem]


def run_sql(tally: Tally, folder: Path, options: argparse.Namespace, variants: bool) -> None:
    """Runs the SQL files, plain and in every variant."""
    engine = folder / "millrace"
    if not engine.exists():
        tally.skip("sql", "there is no program yet")
        return
    jobs = [(path, "", []) for path in sql_files(options.name)]
    if variants:
        jobs += [(p, v, extra) for v, extra in SQL_VARIANTS.items() for p in sql_files(options.name)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: sql_one(tally, engine, *job), jobs))


def fuzz_targets(name: str | None) -> list[str]:
    """The fuzz targets whose name contains name."""
    sources = [*ROOT.glob("src/*/*_fuzz.c"), *TEST.glob("fuzz/*_fuzz.c")]
    return sorted(p.stem for p in sources if not name or name in p.stem)


def any_of(kind: str, name: str | None) -> bool:
    """Whether the kind has anything to run; without a name all have."""
    if not name:
        return True
    if kind == "sql":
        return bool(sql_files(name))
    if kind == "tsan":
        return bool(sql_files(name)) or any(name in program for program in TSAN_PROGRAMS)
    if kind == "asan":
        return any_of("unit", name) or any_of("sql", name)
    if kind == "fuzz":
        return bool(fuzz_targets(name))
    return kind != "build" and bool(programs(ROOT, kind, name))


def run_fuzz(tally: Tally, targets: list[str], seconds: int) -> None:
    """Every target over its corpus and some seconds more."""
    for target in targets:
        name = target.removesuffix("_fuzz")
        args = [sys.executable, str(ROOT / "tool/fuzz.py"), name, "--seconds", str(seconds)]
        run_program(tally, args[:1] + args[1:], dict(os.environ))


def accept(name: str) -> int:
    """Rewrites expected outputs with the program that was built last."""
    engines = [ROOT / FOLDERS[preset] / "millrace" for preset in ("release", "dev")]
    engine = max((e for e in engines if e.exists()), key=lambda e: e.stat().st_mtime)
    files = [p for p in sql_files(None) if p.stem == name]
    for path in files:
        path.with_suffix(".sql.out").write_text(sql_test.run_file(engine, path, TEST))
        print(f"wrote {path.with_suffix('.sql.out').relative_to(ROOT)}: read the diff")
    if not files:
        print(f"no test/sql/{name}.sql")
    return 0 if files else 1


def check(tally: Tally, options: argparse.Namespace) -> None:
    """The fast part, on the dev build that ./mill check has made."""
    folder = ROOT / FOLDERS["dev"]
    run_kind(tally, folder, "unit", options, dict(os.environ))
    run_sql(tally, folder, options, variants=False)


def full(tally: Tally, options: argparse.Namespace) -> None:
    """Everything, kind by kind, with times."""
    env = dict(os.environ)
    asan_env = dict(env, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1")
    release, debug, tsan = (ROOT / FOLDERS[p] for p in ("release", "debug", "tsan"))
    built = {}

    def ready(preset: str, targets: list[str] | None = None) -> bool:
        if preset not in built:
            built[preset] = build(tally, preset, targets)
        return built[preset]

    def do(kind: str) -> None:
        if kind == "build":
            if ready("release"):
                run_program(tally, [sys.executable, "tool/check_layers.py"], env)
                for tool, target in (("symbols", "libmillrace.so"), ("binary", "millrace")):
                    if (release / target).exists():
                        run_program(tally, [sys.executable, f"tool/check_{tool}.py", str(release / target)], env)
                run_program(tally, ["./mill", "manual"], env)
        elif kind == "unit" and ready("dev"):
            run_kind(tally, ROOT / FOLDERS["dev"], "unit", options, env)
        elif kind == "sql" and ready("release"):
            run_sql(tally, release, options, variants=True)
        elif kind in ("example", "property", "sim", "kill") and ready("release"):
            run_kind(tally, release, kind, options, env)
        elif kind == "asan" and ready("debug"):
            run_kind(tally, debug, "unit", options, asan_env)
            run_sql(tally, debug, options, variants=False)
        elif kind == "tsan" and ready("tsan", ["millrace", *TSAN_PROGRAMS]):
            for name in TSAN_PROGRAMS:
                if not options.name or options.name in name:
                    run_program(tally, [str(tsan / "test" / name)], env)
            run_sql(tally, tsan, options, variants=False)
        elif kind == "fuzz":
            if subprocess.run(["which", "clang"], capture_output=True).returncode != 0:
                tally.skip("fuzz", "clang is not installed")
            else:
                targets = fuzz_targets(options.name)
                if targets and ready("fuzz", targets):
                    run_fuzz(tally, targets, options.fuzz_seconds)

    for kind in KINDS:
        if (options.only and kind != options.only) or not any_of(kind, options.name):
            continue
        start, before = time.monotonic(), (tally.passed, tally.failed)
        do(kind)
        passed, failed = tally.passed - before[0], tally.failed - before[1]
        print(f"{kind:9} {passed:6} passed {failed:4} failed {time.monotonic() - start:7.1f} s", flush=True)


def files_of_tree() -> set[str]:
    """All files but what builds and Python leave, of which there are folders of their own."""
    found = set()
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith(("build", ".git", "__pycache__"))]
        found.update(os.path.relpath(os.path.join(folder, name), ROOT) for name in names)
    return found


def main() -> int:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--accept", metavar="NAME")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31))
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--fuzz-seconds", type=int, default=8)
    options = parser.parse_args()
    if options.accept:
        return accept(options.accept)
    tally = Tally()
    before = files_of_tree()
    if options.check:
        check(tally, options)
    else:
        print(f"seed {options.seed}", flush=True)
        full(tally, options)
    if not any(any_of(kind, options.name) for kind in KINDS):
        print(f"no test has '{options.name}' in its name")
        tally.failed += 1
    left = sorted(files_of_tree() - before)
    if left:
        tally.add(0, 1, "a clean tree: tests left files in it", "\n".join(left[:20]))
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
