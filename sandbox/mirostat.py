"""What both mirostats remember: mu, the surprise in bits that they still let pass."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import TypedDict

from sandbox.distribution import Distribution
from sandbox.errors import InvalidKnob
from sandbox.knob import Knob
from sandbox.sampler import State

# No token surprises by 1000 bits, and mu starts at twice tau: both stay far from the largest float.
TAU = Knob("[0, 1000]", slider=(0.0, 10.0), start=5.0)
ETA = Knob("[0, 1]", slider=(0.0, 1.0), start=0.1)
MU = Knob("[-2000, 2000]", is_optional=True)


class MuState(TypedDict):
    mu: float


def first_state(tau: float, mu: float | None) -> MuState:
    """mu starts at twice the target, unless it is given."""
    return {"mu": 2 * tau if mu is None else mu}


def mu_of(state: State, sampler: str) -> float:
    """Raises InvalidKnob for what is no state of a mirostat."""
    mu = state.get("mu") if isinstance(state, Mapping) else None
    if isinstance(mu, bool) or not isinstance(mu, int | float) or not math.isfinite(mu):
        raise InvalidKnob(sampler, "state", state, 'a memory such as {"mu": 10.0}')
    return float(mu)


def learned(mu: float, *, tau: float, eta: float, law: Distribution, token_id: int) -> MuState:
    """mu - eta * (surprise - tau), the surprise in bits under the law that was drawn from.

    A token that this law does not hold was chosen by hand, and teaches nothing.

    >>> halves = Distribution.from_logits([0.0, 0.0])  # either surprises by 1 bit
    >>> learned(6.0, tau=3.0, eta=0.5, law=halves, token_id=0), learned(6.0, tau=3.0, eta=0.5, law=halves, token_id=2)
    ({'mu': 7.0}, {'mu': 6.0})
    """
    if law.position_of(token_id) is None:
        return {"mu": mu}
    surprise = surprise_bits(law, token_id)
    return {"mu": max(-sys.float_info.max, mu - eta * (surprise - tau))}


def surprise_bits(law: Distribution, token_id: int) -> float:
    """-log2 p of a token that the law holds; finite."""
    return min(-law.logprob_of(token_id) / math.log(2), sys.float_info.max) + 0.0  # + 0.0 turns -0.0 into 0.0
