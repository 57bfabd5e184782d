"""The first page: what would the model say next? Everything that moves is the island's."""

from __future__ import annotations

from ui.islands.island import island


def build() -> None:
    island("next_token")
