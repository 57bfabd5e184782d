"""load(): from a name or a path to a model that answers."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.catalog import ModelSpec
from models.engine import Engine, Tokenizer
from models.engines import ENGINES
from models.errors import EngineMissing, InvalidContextLength, NotAModel, UnknownEngine
from models.fit import choose_context
from models.gguf import read_header
from models.library import TOY, file_sha256, locate

# engine -> (the modules it needs, the packages that bring them, our extra)
NEEDS = {
    "llama_cpp": (("llama_cpp",), "llama-cpp-python", "llama"),
    "transformers": (("transformers", "torch"), "transformers + torch", "transformers"),
}


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to answer. `chat_template` is the model's own Jinja text, or "" when it has none.

    `is_slower_fallback`: llama.cpp would run this file faster, but its binding is not installed.
    """

    spec: ModelSpec
    engine: Engine
    tokenizer: Tokenizer
    chat_template: str = ""
    is_slower_fallback: bool = False
    path: Path | None = None

    def sha256(self) -> str:
        """Of the file these weights came from, hex; else what the spec says. 0.1 s per 100 MB, once."""
        return file_sha256(self.path) if self.path and self.path.is_file() else self.spec.sha256

    def close(self) -> None:
        self.engine.close()


def load(
    source: str | Path | None = None,
    *,
    engine: str | None = None,
    context_length: int | None = None,
    n_threads: int | None = None,
) -> LoadedModel:
    """The embedded model, or the one called `source`: a name, a .gguf file, a folder of .safetensors, or "toy".

    engine: "llama_cpp", "transformers" or "toy"; without it the fastest that is installed and reads the file.
    context_length: in tokens; without it at most 4096. n_threads: without it one per free core.
    Raises UnknownModel, NotAModel, DamagedModel, UnknownEngine, EngineMissing, InvalidContextLength, NotEnoughMemory.

    >>> model = load("toy")
    >>> model.tokenizer.encode("ab"), model.engine.vocab_size
    ([97, 98], 260)
    """
    if engine is not None and engine not in ENGINES:
        raise UnknownEngine(engine, list(ENGINES))
    if context_length is not None and context_length < 1:
        raise InvalidContextLength(context_length)
    spec, path = locate(TOY.id if engine == "toy" and source is None else source)
    if path is not None and engine == "toy":
        raise NotAModel(str(source), "the engine toy reads no file")
    if path is None:
        if engine not in (None, "toy"):
            raise NotAModel(TOY.id, "it runs on the engine toy alone")
        return _load_toy(spec, context_length)
    chosen = engine or _best_engine(path)
    _require(chosen)
    if chosen == "llama_cpp":
        return _load_llama_cpp(spec, path, context_length, n_threads)
    is_fallback = engine is None and path.is_file()
    loaded: LoadedModel = _engine_class(chosen).open(
        path, spec, context_length=context_length, n_threads=n_threads
    )
    return replace(loaded, is_slower_fallback=is_fallback, path=path)


def _best_engine(path: Path) -> str:
    return "llama_cpp" if path.is_file() and _is_installed("llama_cpp") else "transformers"


def _is_installed(engine: str) -> bool:
    return all(importlib.util.find_spec(module) for module in NEEDS[engine][0])


def _require(engine: str) -> None:
    if not _is_installed(engine):
        _, package, extra = NEEDS[engine]
        raise EngineMissing(engine, package, extra)


def _engine_class(engine: str) -> Any:
    module, name = ENGINES[engine].split(":")
    return getattr(importlib.import_module(module), name)


def _load_toy(spec: ModelSpec, context_length: int | None) -> LoadedModel:
    from models.engines.toy import CHAT_TEMPLATE, ToyEngine, ToyTokenizer

    engine = ToyEngine(context_length=context_length or 512)
    return LoadedModel(
        replace(spec, context_length=engine.context_length), engine, ToyTokenizer(), CHAT_TEMPLATE
    )


def _load_llama_cpp(
    spec: ModelSpec, path: Path, context_length: int | None, n_threads: int | None
) -> LoadedModel:
    if path.is_dir():
        raise NotAModel(str(path), "llama.cpp reads .gguf files, not folders")
    header = read_header(path)
    engine = _engine_class("llama_cpp")(
        path, context_length=choose_context(header, context_length), n_threads=n_threads
    )
    template = header.text("tokenizer.chat_template")
    return LoadedModel(spec, engine, engine.tokenizer(), template, path=path)
