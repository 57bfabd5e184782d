"""load(): from a name or a path to a model that answers."""

from __future__ import annotations

from dataclasses import dataclass

from models.catalog import ModelSpec
from models.engine import Engine, Tokenizer


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to answer. `chat_template` is the model's own Jinja text, or "" when it has none."""

    spec: ModelSpec
    engine: Engine
    tokenizer: Tokenizer
    chat_template: str = ""

    def close(self) -> None:
        self.engine.close()
