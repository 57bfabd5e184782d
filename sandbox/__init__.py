"""What do we do with the model's logits, and what happened? Importing this loads numpy and nothing heavier."""

from __future__ import annotations

from sandbox import _neighbour as _neighbour  # first: it says so when `models` is somebody else's
from sandbox.chain import SamplerChain, Stage
from sandbox.compare import Comparison, compare
from sandbox.distribution import Candidate, Distribution
from sandbox.draw import draw, draw_many, greedy, uniform, uniforms
from sandbox.generate import Generation, generate
from sandbox.outcome import Outcome, Passage, run_chain
from sandbox.sampler import Context, Sampler, SamplerWithMemory, Worked
from sandbox.samplers import SAMPLERS
from sandbox.settings import DEFAULT_GENERATE, NEUTRAL, SamplingSettings
from sandbox.step import SamplingStep, Survivors
from sandbox.stopping import StopStrings
from sandbox.tally import Tally, tally
from sandbox.text import TextStream
from sandbox.trace import Trace
from sandbox.vocabulary import Vocabulary

__all__ = [
    "DEFAULT_GENERATE",
    "NEUTRAL",
    "SAMPLERS",
    "Candidate",
    "Comparison",
    "Context",
    "Distribution",
    "Generation",
    "Outcome",
    "Passage",
    "Sampler",
    "SamplerChain",
    "SamplerWithMemory",
    "SamplingSettings",
    "SamplingStep",
    "Stage",
    "StopStrings",
    "Survivors",
    "Tally",
    "TextStream",
    "Trace",
    "Vocabulary",
    "Worked",
    "compare",
    "draw",
    "draw_many",
    "generate",
    "greedy",
    "run_chain",
    "tally",
    "uniform",
    "uniforms",
]
