"""What the two commands share before anything is installed. Readable by a Python too old for the rest."""

from __future__ import annotations

import argparse
import sys

from scripts.installer.sentences import say

MINIMUM_PYTHON = (3, 11)


def is_too_old(lang: str, version: tuple[int, ...] = sys.version_info[:3]) -> bool:
    """Says so on stderr.

    >>> is_too_old("en", (3, 14, 0))
    False
    """
    if version >= MINIMUM_PYTHON:
        return False
    print(say("old_python", lang, version=".".join(map(str, version))), file=sys.stderr)
    return True


def parser(script: str, lang: str) -> argparse.ArgumentParser:
    """The arguments that both commands have; `script` is "start" or "test"."""
    parser = argparse.ArgumentParser(
        prog=f"python scripts/{script}.py", description=say(f"help_{script}", lang)
    )
    parser.add_argument("--lang", choices=("fr", "en"), help=say("help_lang", lang))
    parser.add_argument("--repair", action="store_true", help=say("help_repair", lang))
    return parser
