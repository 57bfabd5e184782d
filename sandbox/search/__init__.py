"""Decoding by search: instead of drawing token after token, weigh several continuations against each other.

THE TABLE of searches, one idea one file: name -> what it does. Each is a generator of recorded steps over
`Engine.next_logits_many`; nothing it weighs is hidden.

    greedy        the most likely token, again and again
    beam          the B most likely beginnings side by side
    diverse_beam  several groups of beams, each discouraged from what the others say
    speculative   a cheap draft proposes, the model accepts or rejects; exactly the model's own law
"""

from __future__ import annotations

from sandbox.search.beam import BeamSettings, beam
from sandbox.search.diverse_beam import DiverseSettings, diverse_beam
from sandbox.search.draft import Draft, LookupDraft, ModelDraft
from sandbox.search.greedy import greedy
from sandbox.search.hypothesis import Found, Hypothesis, SearchStep, finished
from sandbox.search.speculative import SpeculativeSettings, Spoken, Trial, speculative

SEARCHES = {"greedy": greedy, "beam": beam, "diverse_beam": diverse_beam, "speculative": speculative}

__all__ = [
    "SEARCHES",
    "BeamSettings",
    "DiverseSettings",
    "Draft",
    "Found",
    "Hypothesis",
    "LookupDraft",
    "ModelDraft",
    "SearchStep",
    "SpeculativeSettings",
    "Spoken",
    "Trial",
    "beam",
    "diverse_beam",
    "finished",
    "greedy",
    "speculative",
]
