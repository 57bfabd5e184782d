"""Tokens as text that shows all of it and that no terminal obeys. The same signs as static/core/format.mjs."""

from __future__ import annotations

import unicodedata

NAMED = {"\n": "↵", "\t": "⇥"}
# control, format (bidi, zero width), surrogate, private, unassigned; separators other than the plain space
HIDDEN = ("C", "Z")
# invisible, though letters or marks by category: fillers, the grapheme joiner, variation selectors
IGNORABLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(i) for i in range(0xFE00, 0xFE10)}


def visible_token(token: bytes) -> str:
    """A token as a person should see it: edge spaces, line breaks, hidden characters and partial bytes shown.

    >>> visible_token(b" Paris"), visible_token(b"a b "), visible_token("\\u202e".encode()), visible_token(b"\\xc3")
    ('␠Paris', 'a b␠', '⟨U+202E⟩', '<C3>')
    >>> visible_token(b"\\n\\t"), visible_token(b""), visible_token(b"\\x1b[31m")
    ('↵⇥', '∅', '⟨U+001B⟩[31m')
    """
    text = token.decode("utf-8", "surrogateescape")
    n_before, n_after = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    core = text[n_before : len(text) - n_after] if n_before < len(text) else ""
    shown = "␠" * n_before + "".join(map(_visible, core)) + ("␠" * n_after if core else "")
    if not shown:
        return "∅"
    return f"◌{shown}" if unicodedata.combining(shown[0]) else shown


def printable(text: str, *, keep: str = "\n\t\u00a0\u202f") -> str:
    """A text for a terminal: as it is, but what a terminal would obey or hide is shown as a code point.

    Line breaks and the no-break spaces of French stay.

    >>> printable("a\\x1b[2Jb\\n"), printable("\\udce9")
    ('a⟨U+001B⟩[2Jb\\n', '<E9>')
    """
    return "".join(c if c in keep or c == " " else _escaped(c) for c in text)


def _visible(character: str) -> str:
    return NAMED.get(character) or _escaped(character)


def _escaped(character: str) -> str:
    if character == " ":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as surrogateescape keeps it
        return f"<{code - 0xDC00:02X}>"
    if character in IGNORABLE or unicodedata.category(character)[0] in HIDDEN:
        return f"⟨U+{code:04X}⟩"
    return character


def padded(text: str, width: int, *, to_right: bool = False) -> str:
    """Spaces up to `width` columns; a Chinese character takes two.

    >>> padded("中", 4), padded("a", 3, to_right=True)
    ('中  ', '  a')
    """
    space = " " * max(0, width - columns(text))
    return space + text if to_right else text + space


def columns(text: str) -> int:
    """The columns a terminal gives to this text."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
