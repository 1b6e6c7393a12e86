"""Runs one fuzz target of build-fuzz over its corpus in test/fuzz/corpus/NAME, then onwards.

usage: fuzz.py NAME [--seconds N]     without --seconds: until stopped
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Runs libFuzzer; its exit status is ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=int, default=0)
    options = parser.parse_args()
    program = ROOT / "build-fuzz" / "fuzz" / f"{options.name}_fuzz"
    corpus = ROOT / "test" / "fuzz" / "corpus" / options.name
    if not program.exists():
        print(f"there is no {program.relative_to(ROOT)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="mr-fuzz-") as grown:
        args = [str(program), "-rss_limit_mb=512", "-malloc_limit_mb=256", "-timeout=5", "-print_final_stats=0"]
        args += [f"-max_total_time={options.seconds}", f"-artifact_prefix={ROOT}/build-fuzz/{options.name}-", grown]
        args += [str(corpus)] if corpus.exists() else []
        return subprocess.run(args).returncode


if __name__ == "__main__":
    sys.exit(main())
