"""A tiny model that can be checked by hand. It ships: tests, lessons and a machine without any engine use it.

The rule: after a token `i`, token `i + 1` has logit 3, `i + 2` has 2, `i + 3` has 1 and every other has 0
(ids wrap around). So in its vocabulary of 260 the next byte after "a" is "b" with probability
e^3 / (e^3 + e^2 + e + 257), about 7 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from models.engine import Evaluation, Logits, OneByOne, Request, check_length, check_token_ids
from models.errors import EngineClosed

SPECIAL = ("<|start|>", "<|end|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class ToyTokenizer:
    """One token per byte, then four special tokens, then any extra tokens a test wants.

    >>> toy = ToyTokenizer()
    >>> toy.encode("ab"), toy.encode("<|end|>", parse_special=True), len(toy.encode("<|end|>"))
    ([97, 98], [257], 7)
    """

    def __init__(self, extra_tokens: Sequence[bytes] = ()) -> None:
        specials = [text.encode() for text in SPECIAL]
        self._bytes = [bytes([i]) for i in range(256)] + specials + list(extra_tokens)
        self.bos_id: int | None = None
        self.special_texts: Mapping[str, str] = {"bos_token": SPECIAL[0], "eos_token": SPECIAL[1]}
        self.eos_ids = frozenset({257, 259})
        self.special_ids = frozenset(range(256, 260))

    @property
    def vocab_size(self) -> int:
        return len(self._bytes)

    def encode(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        del add_special  # this model needs no first token
        pieces, rest = [], text.encode("utf-8")
        while parse_special and rest:
            found = [(rest.find(s.encode()), i) for i, s in enumerate(SPECIAL) if s.encode() in rest]
            if not found:
                break
            at, i = min(found)
            pieces += [*rest[:at], 256 + i]
            rest = rest[at + len(SPECIAL[i].encode()) :]
        return pieces + list(rest)

    def token_bytes(self, token_id: int) -> bytes:
        check_token_ids([token_id], len(self._bytes))
        return self._bytes[token_id]


class ToyEngine(OneByOne):
    """The rule of this file as an engine.

    >>> row = ToyEngine(vocab_size=260).next_logits([97])
    >>> [float(row[i]) for i in (97, 98, 99, 100, 101)]
    [0.0, 3.0, 2.0, 1.0, 0.0]
    """

    name = "toy"

    def __init__(self, *, vocab_size: int = 260, context_length: int = 512) -> None:
        self._vocab_size, self._context_length, self._is_closed = vocab_size, context_length, False

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    @property
    def context_length(self) -> int:
        return self._context_length

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        request = request or Request()
        self._check(token_ids)
        request.check()
        request.report(Evaluation("prefill" if len(token_ids) > 1 else "step", 0, len(token_ids)))
        return self._row(token_ids[-1])

    def all_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Iterator[Logits]:
        self._check(token_ids)
        for token_id in token_ids:
            (request or Request()).check()
            yield self._row(token_id)[None, :]

    def close(self) -> None:
        self._is_closed = True

    def _row(self, last: int) -> Logits:
        row = np.zeros(self._vocab_size, dtype=np.float32)
        for step, logit in ((1, 3.0), (2, 2.0), (3, 1.0)):
            row[(last + step) % self._vocab_size] = logit
        return row

    def _check(self, token_ids: Sequence[int]) -> None:
        if self._is_closed:
            raise EngineClosed(self.name)
        check_length(token_ids, self._context_length)
        check_token_ids(token_ids, self._vocab_size)
