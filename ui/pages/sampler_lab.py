"""The sampler lab: what does each sampler of a chain do to the law, and does their order matter?"""

from __future__ import annotations

from ui.islands.island import island


def build() -> None:
    island("sampler_lab")
