"""The dice of one generation: ours, or those of llama.cpp for the same seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.draw import draw, uniform
from sandbox.llama_draw import draw_like_llama_cpp, tosses
from sandbox.mt19937 import MersenneTwister
from sandbox.sampler import Context
from sandbox.samplers.xtc import Xtc


class Dice(Protocol):
    def ready(self, chain: SamplerChain) -> SamplerChain:
        """The chain of the next token, with the coins that these dice give its samplers."""
        ...

    def throw(self, chain: SamplerChain, laws: Sequence[Distribution], context: Context) -> tuple[int, float]:
        """The token, and the u for which `draw(laws[-1], u)` gives it."""
        ...


class PhiloxDice:
    """A function of seed, position and attempt, with no state: the dice of an edited or branched text stay.

    >>> law, context = Distribution.from_logits([0.0]), Context(seed=7, position=5)
    >>> PhiloxDice().throw(SamplerChain(), [law], context) == (0, uniform(7, 5))
    True
    """

    def ready(self, chain: SamplerChain) -> SamplerChain:
        return chain

    def throw(self, chain: SamplerChain, laws: Sequence[Distribution], context: Context) -> tuple[int, float]:
        u = uniform(context.seed, context.position, context.attempt)
        return draw(laws[-1], u), u


class LlamaCppDice:
    """One number per token of one stream, and one stream of coins per xtc, all from the same seed.

    The n-th token drawn takes the n-th number, wherever the prompt ends. llama.cpp knows no attempts: attempt a takes
    the stream of seed + a.
    """

    def __init__(self, seed: int, attempt: int = 0) -> None:
        self._seed = (seed + attempt) % 2**32
        self._stream = MersenneTwister(self._seed)
        self._coins = MersenneTwister(self._seed)
        self._n_tossed: dict[
            int, int
        ] = {}  # index of the sampler in the chain -> how often its coin was tossed

    def ready(self, chain: SamplerChain) -> SamplerChain:
        if not any(isinstance(sampler, Xtc) and sampler.u is None for sampler in chain.samplers):
            return chain
        samplers = [
            dataclasses.replace(s, u=self._coins.single(self._n_tossed.get(i, 0)))
            if isinstance(s, Xtc) and s.u is None
            else s
            for i, s in enumerate(chain.samplers)
        ]
        return dataclasses.replace(chain, samplers=tuple(samplers))

    def throw(self, chain: SamplerChain, laws: Sequence[Distribution], context: Context) -> tuple[int, float]:
        """chain: as `ready` gave it."""
        for i, (sampler, before) in enumerate(zip(chain.samplers, laws[:-1], strict=True)):
            if isinstance(sampler, Xtc) and tosses(sampler, before):
                self._n_tossed[i] = self._n_tossed.get(i, 0) + 1
        u = self._stream.double(context.position - context.prompt_len)
        return draw_like_llama_cpp(chain.samplers, laws, u, context)


def dice_for(rng: str, seed: int, attempt: int) -> Dice:
    return LlamaCppDice(seed, attempt) if rng == "llama.cpp" else PhiloxDice()
