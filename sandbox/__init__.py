"""What do we do with the model's logits, and what happened? Importing this loads numpy and nothing heavier."""

from __future__ import annotations

from sandbox import _neighbour as _neighbour  # first: it says so when `models` is somebody else's
from sandbox.chain import SamplerChain, Stage
from sandbox.distribution import Candidate, Distribution
from sandbox.draw import draw, greedy, uniform
from sandbox.generate import Generation, generate
from sandbox.sampler import Context, Sampler
from sandbox.samplers import SAMPLERS
from sandbox.settings import DEFAULT_GENERATE, NEUTRAL, SamplingSettings
from sandbox.step import SamplingStep, Survivors
from sandbox.stopping import StopStrings
from sandbox.text import TextStream
from sandbox.trace import Trace

__all__ = [
    "DEFAULT_GENERATE",
    "NEUTRAL",
    "SAMPLERS",
    "Candidate",
    "Context",
    "Distribution",
    "Generation",
    "Sampler",
    "SamplerChain",
    "SamplingSettings",
    "SamplingStep",
    "Stage",
    "StopStrings",
    "Survivors",
    "TextStream",
    "Trace",
    "draw",
    "generate",
    "greedy",
    "uniform",
]
