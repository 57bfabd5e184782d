"""Every gate, in order, all of them even after a failure; exit status 1 when one failed.

python scripts/check.py  [--long]      in the environment that scripts/test.py makes
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("ruff", "mypy", "importlinter", "pytest")


@dataclass(frozen=True)
class Gate:
    """One command. `is_live`: show what it says while it runs; the others speak only when they fail."""

    name: str
    words: tuple[str, ...]
    is_live: bool = False


def gates(*, long: bool = False, python: str = sys.executable) -> tuple[Gate, ...]:
    """THE LIST. The quick ones first: a missing comma should not cost four minutes.

    >>> [gate.name for gate in gates()]
    ['format', 'lint', 'types', 'imports', 'docs', 'tests']
    """
    module = (python, "-m")
    return (
        Gate("format", (*module, "ruff", "format", "--check", ".")),
        Gate("lint", (*module, "ruff", "check", ".")),
        Gate("types", (*module, "mypy")),
        Gate("imports", (str(Path(python).with_name("lint-imports")),)),
        Gate("docs", (python, "scripts/check_docs.py")),
        # doctests included; warnings are errors; -rs says why a test was skipped
        Gate("tests", (*module, "pytest", "-q", "-rs", *(["--long"] if long else [])), is_live=True),
    )


def run(gate: Gate) -> bool:
    """Run one gate and print its line."""
    started = time.monotonic()
    pipe = None if gate.is_live else subprocess.PIPE
    ran = subprocess.run(
        gate.words, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT if pipe else None, text=True, check=False
    )
    if ran.returncode and ran.stdout:
        print(ran.stdout.rstrip())
    passed = ran.returncode == 0
    print(
        f"{gate.name:<8} {'passed' if passed else 'FAILED'} {time.monotonic() - started:7.1f} s", flush=True
    )
    return passed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python scripts/check.py", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the slow, exhaustive tests too")
    asked = parser.parse_args(arguments)
    missing = [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]
    if missing:
        print(f"{', '.join(missing)} not installed here; type: python scripts/test.py", file=sys.stderr)
        return 1
    started = time.monotonic()
    results = {gate.name: run(gate) for gate in gates(long=asked.long)}
    failed = [name for name, passed in results.items() if not passed]
    verdict = f"failed: {', '.join(failed)}" if failed else "all passed"
    print(f"{len(results)} gates in {time.monotonic() - started:.0f} s, {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
