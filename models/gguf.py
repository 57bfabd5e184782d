"""Read and check a GGUF header before any native code sees the file.

llama.cpp ends the whole process on some malformed files, and no `try` can catch that. Each rule below stands for a
way in which a file was seen to end the process or to read outside itself. Costs about 25 ms for 49,152 tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from models.errors import DamagedModel, NotAModel
from models.gguf_format import (
    ARRAY,
    BLOCKS,
    MAX_ELEMENTS,
    STRING,
    VOCABULARY,
    GgufHeader,
    SkippedArray,
    parse_header,
)

ROPE_SCALINGS = ("", "none", "linear", "yarn", "longrope")
BYTE_TOKENS = frozenset(f"<0x{i:02X}>".encode() for i in range(256))
# they load and run, and answer every question with the same number for all tokens
ENCODERS = frozenset((
    "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert", "neo-bert", "eurobert",
    "t5", "t5encoder",
))  # fmt: skip
# what each key of the tokenizer must hold; native code reads the array without asking
ITEM_TYPES = {
    VOCABULARY: STRING,
    "tokenizer.ggml.merges": STRING,
    "tokenizer.ggml.scores": 6,
    "tokenizer.ggml.token_type": 5,
}


def read_header(path: Path) -> GgufHeader:
    """The header of `path`, every rule checked. Raises NotAModel or DamagedModel; runs no native code."""
    header = parse_header(path)
    if (
        header.architecture in ENCODERS
        or header.metadata.get(f"{header.architecture}.attention.causal") is False
    ):
        raise NotAModel(str(path), "it turns texts into vectors and predicts no next token")
    for rule in RULES:
        reason = rule(header, path.stat().st_size)
        if reason:
            raise DamagedModel(str(path), reason)
    return header


def _architecture(header: GgufHeader, _: int) -> str:
    name = header.architecture
    return (
        ""
        if name.replace("-", "").replace("_", "").isalnum() and len(name) < 64
        else "it names no architecture"
    )


def _tensors_lie_inside(header: GgufHeader, file_bytes: int) -> str:
    if not header.tensors:
        return "it holds no tensor"
    names = set()
    for tensor in header.tensors:
        if tensor.tensor_type not in BLOCKS:
            return f"tensor {tensor.name[:60]!r} has the unknown type {tensor.tensor_type}"
        if not all(0 < side < MAX_ELEMENTS for side in tensor.shape) or tensor.n_elements > MAX_ELEMENTS:
            return f"tensor {tensor.name[:60]!r} has an impossible shape"
        if tensor.shape[0] % BLOCKS[tensor.tensor_type][0]:
            return f"tensor {tensor.name[:60]!r} is not made of whole blocks"
        if header.data_start + tensor.offset + tensor.size_bytes > file_bytes:
            return f"it is cut short: tensor {tensor.name[:60]!r} ends beyond its {file_bytes} bytes"
        names.add(tensor.name)
    return "" if len(names) == len(header.tensors) else "a tensor stands twice"


def _hyper_parameters(header: GgufHeader, _: int) -> str:
    if not 1 <= header.of_architecture("block_count", 0) <= 512:
        return "its number of layers is outside 1 to 512"
    if not 1 <= header.of_architecture("context_length", 0) <= 1 << 27:
        return "its context length is impossible"
    if not 1 <= header.of_architecture("embedding_length", 0) <= 1 << 20:
        return "its embedding length is impossible"
    for key, value in header.metadata.items():
        if key.endswith("_epsilon") and not (isinstance(value, float) and 0 <= value < math.inf):
            return f"{key} is no positive number"
    if header.text(f"{header.architecture}.rope.scaling.type") not in ROPE_SCALINGS:
        return "its rope scaling is not known"
    n_experts = header.of_architecture("expert_count", 0)
    if not 0 <= header.of_architecture("expert_used_count", 0) <= n_experts <= 512:
        return "its number of experts is impossible"
    return ""


def _whole_file(header: GgufHeader, _: int) -> str:
    n_files = header.number("split.count", 1)
    return f"it is one part of {n_files}; join them first" if n_files > 1 else ""


def _tokenizer_arrays(header: GgufHeader, _: int) -> str:
    n_tokens = len(header.vocabulary)
    for key, item_type in ITEM_TYPES.items():
        value = header.metadata.get(key)
        if value is None:
            continue
        kind = value.item_type if isinstance(value, SkippedArray) else _item_type(value, item_type)
        if kind != item_type:
            return f"{key} holds items of the wrong type"
        n_items = value.n_items if isinstance(value, SkippedArray) else len(value)  # type: ignore[arg-type]  # a tuple, just checked
        if key != "tokenizer.ggml.merges" and n_items != n_tokens:
            return f"{key} has {n_items} items for {n_tokens} tokens"
    return ""


def _item_type(value: object, wanted: int) -> int:
    """The GGUF type of a short array's items, as far as Python's types can tell."""
    python_type = {STRING: bytes, 6: float, 5: int}[wanted]
    return wanted if isinstance(value, tuple) and all(type(item) is python_type for item in value) else ARRAY


def _vocabulary(header: GgufHeader, _: int) -> str:
    kind, tokens = header.text("tokenizer.ggml.model"), header.vocabulary
    if kind in ("", "none", "no_vocab") or not tokens:
        return "it carries no tokenizer"
    distinct = set(tokens)
    if len(distinct) != len(tokens):
        return "its vocabulary has the same token twice"
    if kind == "llama" and not distinct >= BYTE_TOKENS:
        return "its vocabulary lacks the 256 byte tokens"
    for key in ("bos", "eos", "unknown", "padding", "eot"):
        token_id = header.number(f"tokenizer.ggml.{key}_token_id", 0)
        if not 0 <= token_id < len(tokens) and token_id != 0xFFFFFFFF:
            return f"its {key} token is outside the vocabulary"
    return ""


RULES: tuple[Callable[[GgufHeader, int], str], ...] = (
    _architecture,
    _whole_file,
    _tensors_lie_inside,
    _hyper_parameters,
    _tokenizer_arrays,
    _vocabulary,
)
