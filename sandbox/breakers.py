"""Sequence breakers: the strings at which a repetition ends, mapped onto the tokens of a vocabulary.

A token may hold a breaker in its middle (" end.\\n"), or end with the beginning of one: then the rest must follow, cut
into tokens, for the breaker to be there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

from sandbox.errors import BreakerWithoutTokens, NeedsVocabulary
from sandbox.vocabulary import Vocabulary

Tail = tuple[int, ...]

# llama.cpp's; left out silently where a vocabulary has no token for one of them
DEFAULT_BREAKERS = ("\n", ":", '"', "*")
MAX_TAIL = 20  # tokens after the first; llama.cpp's bound, which keeps the search short
MAX_KNOWN = 64  # breakers per vocabulary; the least recently used one goes


@dataclass(frozen=True)
class BreakerTokens:
    """tails: token id -> what must follow it for a breaker to be there; () when the token alone holds one."""

    tails: Mapping[int, tuple[Tail, ...]]

    def distance(self, text: Sequence[int]) -> int:
        """How many tokens stand after the last breaker; all of them where there is none.

        >>> BreakerTokens({7: ((),), 8: ((9,),)}).distance([1, 8, 9, 2, 3, 4]), BreakerTokens({}).distance([1, 2])
        (3, 2)
        """
        for n_after in range(len(text)):
            at = len(text) - 1 - n_after
            found = [
                len(t) for t in self.tails.get(text[at], ()) if tuple(text[at + 1 : at + 1 + len(t)]) == t
            ]
            if found:
                return n_after - max(found)
        return len(text)

    def is_breaker(self, token_id: int) -> bool:
        """The token alone holds a breaker."""
        return () in self.tails.get(token_id, ())


Tails = Mapping[int, tuple[Tail, ...]]

# by vocabulary, so that a model that was unloaded takes its own along
_known: WeakKeyDictionary[Vocabulary, OrderedDict[str, Tails]] = WeakKeyDictionary()
_lock = threading.Lock()


def breaker_tokens(breakers: Sequence[str | int], vocabulary: Vocabulary | None) -> BreakerTokens:
    """Token ids stand for themselves; each string is looked up in the vocabulary once, then kept.

    Raises NeedsVocabulary for a string without one, BreakerWithoutTokens for one that no token holds or begins.

    >>> breaker_tokens([7], None).tails
    {7: ((),)}
    """
    tails: dict[int, dict[Tail, None]] = {}
    for text in (each for each in breakers if isinstance(each, str)):
        if vocabulary is None:
            raise NeedsVocabulary("dry", "breakers")
        found = _looked_up(text, vocabulary)
        if not found and text not in DEFAULT_BREAKERS:
            raise BreakerWithoutTokens(text)
        for token_id, rests in found.items():
            tails.setdefault(token_id, {}).update(dict.fromkeys(rests))
    alone = {each: ((),) for each in breakers if not isinstance(each, str)}
    return BreakerTokens({**{token_id: tuple(each) for token_id, each in tails.items()}, **alone})


def _looked_up(text: str, vocabulary: Vocabulary) -> Tails:
    """Two who ask at once may both look: nobody waits for another's breaker."""
    with _lock:
        known = _known.setdefault(vocabulary, OrderedDict())
        if text in known:
            known.move_to_end(text)
            return known[text]
    tails: dict[int, dict[Tail, None]] = {}
    for token_id, tail in _overlaps(text, vocabulary):
        tails.setdefault(token_id, {})[tail] = None
    found = {token_id: tuple(each) for token_id, each in tails.items()}
    with _lock:
        known[text] = found
        if len(known) > MAX_KNOWN:
            known.popitem(last=False)
    return found


def _overlaps(text: str, vocabulary: Vocabulary) -> Iterator[tuple[int, Tail]]:
    """Each token that holds the text, or ends with a beginning of it, and the tokens of the rest."""
    whole, tail = text.encode(), cache(lambda rest: _tail(rest, vocabulary))
    beginnings = tuple(whole[:n] for n in range(1, len(whole)))
    lasts = frozenset(whole[:-1])  # a look at one byte spares most tokens the comparison with all beginnings
    for token_id, token in enumerate(vocabulary.token_bytes):
        if whole in token:
            yield token_id, ()
        elif token and token[-1] in lasts and token.endswith(beginnings):
            rests = (tail(whole[len(each) :]) for each in beginnings if token.endswith(each))
            yield from ((token_id, rest) for rest in rests if rest)


def _tail(rest: bytes, vocabulary: Vocabulary) -> Tail:
    """The rest of a breaker as tokens; () when it cannot be said."""
    n_inside = next((i for i, byte in enumerate(rest) if not 0x80 <= byte < 0xC0), len(rest))
    # a rest that begins inside a character is no text: those bytes are tokens of their own, or the rest cannot be said
    lone = [_token_of(rest[i : i + 1], vocabulary) for i in range(n_inside)]
    if None in lone:
        return ()
    text = rest[n_inside:].decode()
    return tuple([each for each in lone if each is not None] + (vocabulary.encode(text) if text else []))[
        :MAX_TAIL
    ]


def _token_of(piece: bytes, vocabulary: Vocabulary) -> int | None:
    return vocabulary.token_bytes.index(piece) if piece in vocabulary.token_bytes else None
