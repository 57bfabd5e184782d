"""French and English: which one a person reads, and the sentences of `ui/locales`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from models.errors import HouseError

LANGUAGES = ("en", "fr")
LOCALES = Path(__file__).with_name("locales")
# attributes of errors that hold an English phrase
PHRASES = ("reason", "interval", "expected")
THIN_SPACE = "\u202f"


@cache
def locale_sections(lang: str) -> dict[str, Any]:
    """The whole file of one language, read on first use."""
    whole: dict[str, Any] = json.loads((LOCALES / f"{lang}.json").read_text(encoding="utf-8"))
    return whole


def from_tag(tag: str | None) -> str | None:
    """One of LANGUAGES from a tag such as fr-CA or fr_FR.UTF-8, else None.

    >>> from_tag("fr_FR.UTF-8"), from_tag("en-GB"), from_tag("de"), from_tag(None)
    ('fr', 'en', None, None)
    """
    start = (tag or "").strip().lower().replace("_", "-").split(".")[0].split("-")[0]
    return start if start in LANGUAGES else None


def from_accept_language(header: str | None) -> str:
    """The first of our languages in a browser's preference list, by weight; else English.

    >>> from_accept_language("de,en;q=0.5,fr-FR;q=0.8"), from_accept_language("de"), from_accept_language("fr;q=x")
    ('fr', 'en', 'fr')
    """
    weighted = []
    for order, part in enumerate((header or "").split(",")):
        tag, _, weight = part.partition(";q=")
        try:
            weighted.append((-float(weight or 1), order, tag))
        except ValueError:
            weighted.append((-1.0, order, tag))
    known = (from_tag(tag) for _, _, tag in sorted(weighted))
    return next((lang for lang in known if lang), "en")


def from_environment(environ: Mapping[str, str] | None = None) -> str:
    """The language of a terminal: LOGITBOX_LANG, then POSIX's variables, then the system's own.

    >>> from_environment({"LANG": "fr_CH.UTF-8"}), from_environment({"LC_ALL": "C", "LANG": "fr_FR"})
    ('fr', 'en')
    """
    environ = os.environ if environ is None else environ
    for name in ("LOGITBOX_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return from_tag(environ[name]) or "en"
    return _system_language()


def _system_language() -> str:
    if sys.platform == "win32":
        import ctypes  # Windows alone needs it

        # the low ten bits of a Windows language id name the language; 0x0c is French
        return "fr" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x0C else "en"
    return "en"


def say(lang: str, key: str, **values: object) -> str:
    """The sentence at `section.name`, its blanks filled; the key itself when the locale lacks it."""
    found: Any = locale_sections(lang)
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return fill(found, values, lang) if isinstance(found, str) else key


def fill(template: str, values: Mapping[str, object], lang: str) -> str:
    """Replace `{name}` by its value and nothing else, so that a value may itself hold braces.

    >>> fill("{n} of {what}", {"n": 12345.5, "what": "{n}"}, "fr")
    '12\u202f345,5 of {n}'
    """
    pieces = template.split("{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, closed, rest = piece.partition("}")
        filled.append(_shown(name, values[name], lang) + rest if closed and name in values else "{" + piece)
    return "".join(filled)


def number(value: float, lang: str, digits: int | None = None) -> str:
    """A number as its reader writes it.

    >>> number(76.84, "en", 1), number(76.84, "fr", 1), number(200000, "fr"), number(1234, "en")
    ('76.8', '76,8', '200\u202f000', '1234')
    """
    if digits is None and isinstance(value, float) and value.is_integer():
        value = int(value)  # a knob of 1.0 is 1
    text = f"{value:,.{digits}f}" if digits is not None else f"{value:,}"
    if len(text.split(".")[0].lstrip("-")) <= 5:  # 1,234 reads better as 1234 in both languages
        text = text.replace(",", "")
    if lang == "fr":
        return text.replace(",", THIN_SPACE).replace(".", ",")
    return text


def _shown(name: str, value: object, lang: str) -> str:
    is_identifier = name.endswith(("port", "_id"))  # 65535 names a port, 65,535 counts something
    if isinstance(value, bool) or is_identifier or not isinstance(value, int | float):
        return str(value)
    return number(value, lang)


def error_sentence(error: HouseError, lang: str) -> str:
    """The sentence of an error's class, or of the nearest class above it that has one."""
    values = translated_data(error, lang)
    for kind in type(error).__mro__:
        key = f"errors.{kind.__name__}"
        sentence = say(lang, key, **values)
        if sentence != key:
            return sentence
    return str(error)


def translated_data(error: HouseError, lang: str) -> dict[str, object]:
    """The error's attributes; a phrase among them in the reader's language."""
    return {name: translated(value, lang) if name in PHRASES else value for name, value in error.data.items()}


def translated(phrase: object, lang: str) -> object:
    """An English phrase written where an error was raised, in the reader's language if the locale knows it.

    >>> translated("it has 70000 characters", "fr"), translated("of a new kind", "fr")
    ('il compte 70000 caractères', 'of a new kind')
    """
    for english, theirs in locale_sections(lang).get("phrases", {}).items():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(english))
        found = re.fullmatch(pattern, str(phrase), re.DOTALL)
        if found:
            return fill(theirs, found.groupdict(), lang)
    return phrase
