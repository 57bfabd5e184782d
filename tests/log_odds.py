"""When two percentages count as the same figure of the model.

Another processor, another build and flash attention on or off each round the activations differently. On one machine
that moved "What is the capital of France?" from 74.8 to 64.5 %, and the flag alone did it. So the tolerance is on the
scale where such differences live, the log-odds: 76.8 % may be 67 to 85, and 6.1 % may be 3.8 to 9.7.
"""

from __future__ import annotations

import math

TOLERANCE = 0.5  # of log-odds; the engines differ from each other by 0.62 in a logit


def near(percent: float, expected: float) -> bool:
    """Within TOLERANCE on the log-odds scale; certainty and impossibility are near nothing else."""
    if not 0 < percent < 100:
        return percent == expected
    odds = [math.log(each / (100 - each)) for each in (percent, expected)]
    return abs(odds[0] - odds[1]) < TOLERANCE
