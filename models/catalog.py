"""ModelSpec: what we know of a model before opening it; and the list in catalog.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

EMBEDDED_ID = "smollm2-135m-instruct"


@dataclass(frozen=True)
class ModelSpec:
    """One model file. A size of 0 or an empty text means: not known."""

    id: str
    title: str
    family: str = ""
    engine: str = "llama_cpp"
    repo_id: str = ""
    filename: str = ""
    revision: str = ""
    sha256: str = ""
    size_bytes: int = 0
    n_params: int = 0
    quantization: str = ""
    context_length: int = 0
    license: str = ""
    languages: tuple[str, ...] = ()
    notes: str = ""


@cache
def catalog() -> dict[str, ModelSpec]:
    """Every model of catalog.toml by id, in the order of the file.

    >>> catalog()["smollm2-135m-instruct"].quantization
    'Q4_1'
    """
    tables = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    return {model_id: _spec(model_id, table) for model_id, table in tables.items()}


def _spec(model_id: str, table: dict[str, Any]) -> ModelSpec:
    """An unknown key in the file is an error of ours: the constructor says so."""
    return ModelSpec(id=model_id, **(table | {"languages": tuple(table["languages"])}))


def french_capable() -> list[ModelSpec]:
    """The catalogue's models that were trained on French, smallest first.

    >>> all("fr" in spec.languages for spec in french_capable())
    True
    """
    return sorted((s for s in catalog().values() if "fr" in s.languages), key=lambda spec: spec.size_bytes)
