"""What the samplers with a bar have in common when they show their working."""

from __future__ import annotations

from sandbox.distribution import Distribution
from sandbox.sampler import Worked


def spared(worked: Worked, token_id: int, dist: Distribution, after: Distribution, min_keep: int) -> Worked:
    """`worked` of a token that missed the bar; where min_keep holds it all the same, its rank r says so."""
    if after.position_of(token_id) is None:
        return worked
    rank = dist.rank_of(token_id) or 0
    numbers = {**worked.numbers, "r": rank, "min_keep": min_keep}
    return Worked(f"{worked.text}; r = {{r}} ≤ {{min_keep}}", numbers)
