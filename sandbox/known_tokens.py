"""check_known_tokens(): do the knobs of a chain name tokens that this model has?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.errors import InvalidTokenId
from sandbox.chain import SamplerChain, at_step
from sandbox.knob import AnyKnob, Biases, Breakers, TokenIds, TokenSequences


def check_known_tokens(chain: SamplerChain, vocab_size: int) -> None:
    """Raises InvalidTokenId for the first id outside 0 to vocab_size - 1; its `step` is the index of the step at fault.

    >>> chain = SamplerChain.from_steps([{"sampler": "top_k", "k": 5}])
    >>> check_known_tokens(chain, 2)  # a number that is no token
    """
    for index, sampler in enumerate(chain.samplers):
        for name, knob in sampler.knobs.items():
            unknown = (i for i in _token_ids(knob, getattr(sampler, name)) if not 0 <= i < vocab_size)
            for token_id in unknown:
                raise at_step(InvalidTokenId(token_id, vocab_size), index, f"{sampler.name}.{name}")


def _token_ids(knob: AnyKnob, value: Any) -> Iterator[int]:
    if value is None:
        return
    if isinstance(knob, TokenIds):
        yield from value
    elif isinstance(knob, TokenSequences):
        yield from (token_id for sequence in value for token_id in sequence)
    elif isinstance(knob, Biases):
        yield from (token_id for token_id, _ in value)
    elif isinstance(knob, Breakers):
        yield from (each for each in value if isinstance(each, int))
