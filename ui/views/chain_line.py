"""A chain on one line of a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ui.i18n import number
from ui.views.tokens import printable

MAX_VALUE = 40


def chain_line(steps: Iterable[Mapping[str, object]], lang: str) -> str:
    """The stages in their order; a single knob without its name.

    >>> chain_line([{"sampler": "top_k", "k": 40}, {"sampler": "min_p", "p": 0.5, "min_keep": 2}], "fr")
    'top_k 40 > min_p p=0,5 min_keep=2'
    """
    return " > ".join(_stage(step, lang) for step in steps)


def _stage(step: Mapping[str, object], lang: str) -> str:
    knobs = {knob: _value(value, lang) for knob, value in step.items() if knob != "sampler"}
    shown = [*knobs.values()] if len(knobs) == 1 else [f"{knob}={value}" for knob, value in knobs.items()]
    return " ".join([str(step["sampler"]), *shown])


def _value(value: object, lang: str) -> str:
    """Numbers as the reader writes them; anything else as JSON, cut where it would fill the line."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, lang)
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…", keep="")
