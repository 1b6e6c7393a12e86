"""Installs the build somewhere, moves it, and compiles programs against it as a stranger does: pkg-config and the header."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MILLRACE", str(ROOT / "build" / "millrace"))).resolve().parent

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
CPP = r"""
#include <millrace.h>
#include <millrace.h>
int main()
{
    MrError err = {};
    MrSession *session = nullptr;
    MrFrame *frame = nullptr;
    int64_t n_rows = 0;
    MrSessionOptions options = {};
    options.warehouse = "warehouse";
    if (mr_session_open(&options, &session, &err) != MR_OK)
        return 1;
    if (mr_session_sql(session, "SELECT explode(sequence(1, 10))", &frame, &err) != MR_OK ||
        mr_frame_count(frame, &n_rows, &err) != MR_OK)
        return 2;
    mr_frame_close(frame);
    mr_session_close(session);
    return n_rows == 10 ? 0 : 3;
}
"""


def run(args: list[str], **more: object) -> str:
    """Runs a command that must succeed."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout


def main() -> int:
    """Three languages, linked both ways."""
    if not (BUILD / "libmillrace.so").exists() or not shutil.which("pkg-config"):
        print("skipped: no shared library was built, or there is no pkg-config")
        return 0
    with tempfile.TemporaryDirectory(prefix="mr-install-") as scratch:
        run(["cmake", "--install", BUILD, "--prefix", f"{scratch}/first"])
        run(["cmake", "--install", BUILD, "--prefix", "/opt/mill"], env=dict(os.environ, DESTDIR=f"{scratch}/stage"))
        assert Path(scratch, "stage/opt/mill/bin/millrace").exists()
        shutil.move(f"{scratch}/first", f"{scratch}/moved")
        (config,) = Path(scratch, "moved").rglob("millrace.pc")
        env = dict(os.environ, PKG_CONFIG_PATH=str(config.parent), LD_LIBRARY_PATH=str(config.parent.parent))
        flags = run(["pkg-config", "--cflags", "--libs", "millrace"], env=env).split()
        static = run(["pkg-config", "--cflags", "--libs", "--static", "millrace"], env=env).split()
        static = ["-l:libmillrace.a" if flag == "-lmillrace" else flag for flag in static]
        Path(scratch, "first.cpp").write_text(CPP)
        Path(scratch, "header.c").write_text("#include <millrace.h>\nint main(void)\n{\n    return 0;\n}\n")
        builds = [
            (["gcc", "-std=c99"], Path(scratch, "header.c"), flags),
            (["gcc", "-std=c11"], ROOT / "example/first_query.c", flags),
            (["gcc", "-std=c11"], ROOT / "example/first_query.c", static),
            (["g++", "-std=c++17"], Path(scratch, "first.cpp"), flags),
        ]
        for compiler, source, link in builds:
            program = f"{scratch}/program"
            run([*compiler, *STRICT, source, "-o", program, *link], env=env)
            run([program], env=env, cwd=scratch)
        run([f"{scratch}/moved/bin/millrace", "-e", "SELECT 1"], cwd=scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
