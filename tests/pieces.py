"""A vocabulary small enough to check by hand: every byte, some pieces of several, two end tokens and one more special.

One piece stands there twice, one has no bytes: real vocabularies have both.
"""

from __future__ import annotations

from sandbox.vocabulary import Vocabulary

PIECES = [
    b"ab",
    b"abc",
    b" a",
    b"\xc3\xa9",
    b"\xa9t",
    b"ne",
    b" n",
    b"\n\n",
    b'{"',
    b'":',
    b"12",
    b"ab",
    b"",
    b"gatif",
]
SPECIALS = [b"<|end|>", b"<|stop|>", b"<|user|>"]
TOKENS = (*(bytes([i]) for i in range(256)), *PIECES, *SPECIALS)
END, STOP, USER = range(len(TOKENS) - 3, len(TOKENS))
ENDS = {END, STOP}


def new_vocabulary() -> Vocabulary:
    return Vocabulary(TOKENS, frozenset({END, STOP, USER}), frozenset(ENDS))


VOCABULARY = new_vocabulary()


def ids_of(text: str | bytes) -> list[int]:
    return list(text if isinstance(text, bytes) else text.encode())
