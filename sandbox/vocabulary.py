"""Vocabulary: every token's bytes at once, for samplers that read text and for pages that show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from models.loading import LoadedModel


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Every token's bytes, in id order, and which ids are special or end a text.

    encode: text to token ids, as content: nothing added in front, `<|im_end|>` read as characters.
    One object stands for one vocabulary (compared by identity), so what is worked out from it can be kept under it.
    """

    token_bytes: tuple[bytes, ...]
    special_ids: frozenset[int]
    eos_ids: frozenset[int]
    encode: Callable[[str], list[int]] = field(repr=False, default=lambda text: list(text.encode()))

    def __len__(self) -> int:
        return len(self.token_bytes)

    @classmethod
    def of(cls, model: LoadedModel) -> Vocabulary:
        """Always the same object for a loaded model: 49,152 calls into the tokenizer take 30 ms, and what is worked out
        from it (a grammar's tokenizer) 100 ms more."""
        if model not in _known:
            tokenizer = model.tokenizer
            _known[model] = cls(
                tuple(tokenizer.token_bytes(token_id) for token_id in range(model.engine.vocab_size)),
                tokenizer.special_ids,
                tokenizer.eos_ids,
                lambda text: tokenizer.encode(text, add_special=False),
            )
        return _known[model]


_known: WeakKeyDictionary[LoadedModel, Vocabulary] = WeakKeyDictionary()
