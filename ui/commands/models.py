"""`logitbox models`: what answers on this machine, and what the catalogue knows."""

from __future__ import annotations

import argparse

from models.catalog import EMBEDDED_ID, ModelSpec, catalog
from models.library import installed
from ui.commands.arguments import Words
from ui.i18n import number, say
from ui.views.tables import plain_table


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    """None: the two lists are short."""


def run(args: argparse.Namespace, lang: str) -> int:
    here = installed()
    elsewhere = [spec for spec in catalog().values() if spec.id not in here]
    print(say(lang, "cli.models.here"))
    print(_table(list(here.values()), lang))
    embedded = "cli.models.embedded" if EMBEDDED_ID in here else "cli.models.none_here"
    print(say(lang, embedded, name=EMBEDDED_ID))
    if elsewhere:
        print(f"\n{say(lang, 'cli.models.catalogue')}")
        print(_table(elsewhere, lang))
        print(say(lang, "cli.models.catalogue_note"))
    return 0


def _table(specs: list[ModelSpec], lang: str) -> str:
    head = [say(lang, f"cli.models.{name}") for name in ("name", "title", "size", "languages", "license")]
    rows = [
        [spec.id, spec.title, size(spec.size_bytes, lang), " ".join(spec.languages), spec.license]
        for spec in specs
    ]
    return plain_table([head, *rows], right=(2,))


def size(n_bytes: int, lang: str) -> str:
    """Bytes in the decimal units of file managers.

    >>> [size(n, "fr").replace("\\u00a0", " ") for n in (98_000_000, 1_500_000_000, 999, 0)]
    ['98 Mo', '1,5 Go', '999 o', '0 o']
    """
    value, unit = float(n_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 1 if unit == "GB" else 0
    return f"{number(value, lang, digits)}\u00a0{say(lang, f'cli.units.{unit}')}"
