"""The project's figures, each beside its reference in the same run. Nothing else should be running.

python scripts/bench.py [decode] [samplers] [startup] [page]        without a name: all of them
"""

from __future__ import annotations

import importlib
import os
import sys
from argparse import ArgumentParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a file, only scripts/ would be found

BENCHES = ("decode", "samplers", "startup", "page")


def main() -> int:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        "bench", nargs="*", choices=[*BENCHES, []], help="which figures; without a name all of them"
    )
    asked = parser.parse_args().bench or BENCHES
    print(f"{'':<52}{'ours':>10}{'reference':>12} {'unit':<7}{'ratio':>8}  {'goal':<14}")
    missed = 0
    for name in asked:
        for figure in importlib.import_module(f"scripts.benches.{name}").figures():
            print(figure.row(), flush=True)
            missed += figure.is_met is False
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > len(asked) + 2:
        print(f"the machine was busy (load {os.getloadavg()[0]:.1f}): run again when it is quiet")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
