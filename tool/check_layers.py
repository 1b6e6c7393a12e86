"""Checks that includes go downward only, and that every folder of src/ has its page.

Prints `path:line: column may not include os` for each find and exits with 1 when there is one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Low to high: a file includes its own folder and folders before it.
ORDER = (
    "base os column function expr format connector state plan catalog sql exec stream rdd session api serve cli"
).split()

# What a folder may not include although it is lower.
NOT = {
    "column": {"os"},
    "function": {"os"},
    "expr": {"os"},
    "format": {"os"},
    "state": {"connector"},
    "plan": {"os", "state"},
    "catalog": {"state"},
    "sql": {"os", "format", "state"},
    "exec": {"sql"},
    "stream": {"sql"},
    "rdd": {"sql"},
    "cli": set(ORDER) - {"base", "session", "cli"},
    "serve": set(ORDER) - {"base", "session", "serve"},
}

# Files that may do more, with the reason.
EXCEPTIONS: dict[str, set[str]] = {}

INCLUDE = re.compile(r'\s*#\s*include\s+"([a-z0-9_]+)/([^"]+)"')


def finds(path: Path) -> list[str]:
    """The forbidden includes of one file."""
    folder = path.relative_to(ROOT / "src").parts[0]
    name = str(path.relative_to(ROOT))
    is_test = path.stem.endswith(("_test", "_bench", "_fuzz")) or path.name == "testing.h"
    out = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target, file = match.groups()
        place = f"{name}:{number}"
        if target not in ORDER:
            out.append(f"{place}: no folder {target} in the list of layers")
            continue
        if file.endswith("_int.h") and target != folder:
            out.append(f"{place}: {target}/{file} is private to its folder")
        if target in EXCEPTIONS.get(name, set()):
            continue
        if ORDER.index(target) > ORDER.index(folder):
            out.append(f"{place}: {folder} may not include {target}")
        elif target in NOT.get(folder, set()) and not is_test:
            out.append(f"{place}: {folder} may not include {target}")
    return out


def main() -> int:
    """Checks all of src/."""
    src = ROOT / "src"
    out = []
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in ORDER:
            out.append(f"src/{folder.name}: not in the list of layers")
            continue
        if not (folder / "README.md").exists():
            out.append(f"src/{folder.name}: no README.md")
        for path in sorted(folder.rglob("*.[ch]")):
            out += finds(path)
    print("\n".join(out) if out else "layers: clean")
    return 1 if out else 0


if __name__ == "__main__":
    sys.exit(main())
