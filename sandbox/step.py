"""SamplingStep: one token, how it was drawn, and from what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.engine import Route
from sandbox.chain import Stage, Top
from sandbox.distribution import DEPTH, Distribution
from sandbox.draw import inverse_cdf
from sandbox.errors import NeedsLogits


@dataclass(frozen=True, slots=True, eq=False)
class Survivors:
    """The law a token was drawn from: its most likely tokens, in rank order, up to 1,000.

    token_ids, probs: (n,) arrays, the probabilities under the whole law. n_total: how many survived the chain.
    """

    token_ids: NDArray[np.intp]
    probs: NDArray[np.float64]
    n_total: int

    @classmethod
    def of(cls, dist: Distribution) -> Survivors:
        return cls(*dist.leading(DEPTH), len(dist))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Survivors:
        """As `SamplingStep.to_dict` writes them. Raises KeyError, TypeError, ValueError, OverflowError."""
        token_ids = np.array(fields["token_ids"], dtype=np.intp)
        probs = np.array(fields["probs"], dtype=np.float64)
        n_total = int(fields["n_total"])
        if token_ids.ndim != 1 or token_ids.shape != probs.shape or not 0 < len(probs) <= n_total:
            raise ValueError("survivors do not fit each other")
        return cls(token_ids, probs, n_total)

    @property
    def needs_logits(self) -> bool:
        """Some survivors are not recorded: a u that falls among them cannot be redrawn without the model."""
        return len(self.probs) < self.n_total

    def draw(self, u: float) -> int:
        """The token that `sandbox.draw.draw` gave for this u. Raises NeedsLogits."""
        index = inverse_cdf(self.probs, u, is_whole=not self.needs_logits)
        if index is None:
            raise NeedsLogits(u, float(self.probs.sum()), len(self.probs), self.n_total)
        return int(self.token_ids[index])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Survivors)
            and self.n_total == other.n_total
            and np.array_equal(self.token_ids, other.token_ids)
            and np.array_equal(self.probs, other.probs)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside, so equal without being hashable


@dataclass(frozen=True, slots=True)
class SamplingStep:
    """One drawn token.

    The model's law, before the chain: logprob (natural), rank (1 is the most likely), entropy_bits, top.
    The law after the chain: final_logprob, survivors. Between the two: stages.
    position: index in the whole sequence, prompt included. text: what became certain with this token; it may hold
    part of the last one and miss part of this one. route: how the logits came to be. elapsed_ms: engine and chain.
    """

    position: int
    token_id: int
    token_bytes: bytes
    text: str
    logprob: float
    rank: int
    entropy_bits: float
    final_logprob: float
    u: float
    attempt: int
    route: Route
    survivors: Survivors
    stages: tuple[Stage, ...]
    top: Top
    elapsed_ms: float
    sampler_state: Any = None

    @property
    def needs_logits(self) -> bool:
        return self.survivors.needs_logits

    def redraw(self) -> int:
        """Draw again from the recorded survivors and u. Raises NeedsLogits."""
        return self.survivors.draw(self.u)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            **fields,
            "token_bytes": list(self.token_bytes),
            "survivors": {
                "token_ids": self.survivors.token_ids.tolist(),
                "probs": self.survivors.probs.tolist(),
                "n_total": self.survivors.n_total,
            },
            "needs_logits": self.needs_logits,
            "stages": [stage._asdict() for stage in self.stages],
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> SamplingStep:
        """The inverse of `to_dict`. Raises KeyError, TypeError, ValueError, OverflowError."""
        if not isinstance(fields["token_bytes"], list) or not isinstance(fields["text"], str):
            raise TypeError("token_bytes is no list, or text no string")
        if not 0 <= fields["u"] < 1:
            raise ValueError("u is outside [0, 1)")
        return cls(
            **{
                **{field.name: fields[field.name] for field in dataclasses.fields(cls)},
                "token_bytes": bytes(fields["token_bytes"]),
                "survivors": Survivors.from_dict(fields["survivors"]),
                "stages": tuple(Stage(**{**s, "top": _top(s["top"])}) for s in fields["stages"]),
                "top": _top(fields["top"]),
            }
        )


def _top(pairs: list[list[Any]]) -> Top:
    return tuple((int(token_id), float(prob)) for token_id, prob in pairs)
