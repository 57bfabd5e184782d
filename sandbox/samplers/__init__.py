"""THE TABLE of samplers: name -> class. The name is the same in code, JSON, command line and screen."""

from __future__ import annotations

from sandbox.sampler import AnySampler
from sandbox.samplers.greedy import Greedy
from sandbox.samplers.min_p import MinP
from sandbox.samplers.temperature import Temperature
from sandbox.samplers.top_k import TopK
from sandbox.samplers.top_p import TopP

SAMPLERS: dict[str, type[AnySampler]] = {
    "greedy": Greedy,
    "top_k": TopK,
    "top_p": TopP,
    "min_p": MinP,
    "temperature": Temperature,
}
