"""The GGUF format: bytes to metadata and a tensor table, in plain Python with hard limits.

Nothing is run, and nothing is allocated that the file's own length does not justify.
Format: the GGUF specification of ggml, versions 2 and 3. Whether the content makes sense: `models/gguf.py`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.errors import DamagedModel, NotAModel

MAX_ENTRIES = 100_000  # metadata keys, and tensors
MAX_STRING_BYTES = 16 << 20
MAX_ARRAY_ITEMS = 1 << 24
MAX_HEADER_BYTES = 256 << 20
FIRST_READ_BYTES = 4 << 20  # 256 MiB is this times a power of 4
MAX_ELEMENTS = 1 << 48
KEPT_ARRAY_ITEMS = (
    4096  # longer arrays are walked over and remembered as a length only, but for the vocabulary
)

VOCABULARY = "tokenizer.ggml.tokens"
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# tensor type -> (elements per block, bytes per block); source: ggml's type traits
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip


@dataclass(frozen=True)
class SkippedArray:
    """An array too long to keep: what it holds, and how many."""

    item_type: int
    n_items: int


@dataclass(frozen=True)
class TensorInfo:
    name: str
    shape: tuple[int, ...]
    tensor_type: int
    offset: int

    @property
    def n_elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        per_block, block_bytes = BLOCKS[self.tensor_type]
        return self.n_elements // per_block * block_bytes


@dataclass(frozen=True)
class GgufHeader:
    """The metadata and tensor table of one file. Text values are str, the vocabulary is a tuple of bytes."""

    path: Path
    version: int
    metadata: Mapping[str, object]
    tensors: Sequence[TensorInfo]
    data_start: int

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    @property
    def vocabulary(self) -> tuple[bytes, ...]:
        tokens = self.metadata.get(VOCABULARY)
        return tokens if isinstance(tokens, tuple) else ()

    @property
    def quantization(self) -> str:
        return FILE_TYPES.get(self.number("general.file_type", -1), "")

    @property
    def n_params(self) -> int:
        return sum(tensor.n_elements for tensor in self.tensors)

    def text(self, key: str) -> str:
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int) -> int:
        value = self.metadata.get(key, default)
        return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else default

    def of_architecture(self, key: str, default: int) -> int:
        """A hyper-parameter such as `block_count`, stored under the architecture's name."""
        return self.number(f"{self.architecture}.{key}", default)


def parse_header(path: Path) -> GgufHeader:
    """Raises NotAModel when it is no GGUF file, DamagedModel when it cannot be read to the end of its header."""
    try:
        with path.open("rb") as file:
            if not path.is_file():
                raise NotAModel(str(path), "it is no ordinary file")
            if file.read(4) != b"GGUF":
                raise NotAModel(str(path), "it does not start like a GGUF file")
            return _read_in_steps(path, file)
    except OSError as error:
        raise NotAModel(str(path), error.strerror or "it cannot be opened") from None


def _read_in_steps(path: Path, file: BinaryIO) -> GgufHeader:
    """The header's length is known at its end only: read a little, and more when that was not enough."""
    n_bytes = FIRST_READ_BYTES
    while True:
        file.seek(0)
        data = file.read(n_bytes)
        try:
            return _Reader(path, data).header()
        except _BadHeader as bad:
            if len(data) < n_bytes or n_bytes >= MAX_HEADER_BYTES:
                raise DamagedModel(str(path), str(bad)) from None
        n_bytes *= 4


class _BadHeader(Exception):
    pass


class _Reader:
    """Walks the bytes once, from the front, never beyond their end."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at, self.end = path, data, 4, len(data)

    def header(self) -> GgufHeader:
        version = self.scalar("I")
        if version not in (2, 3):
            raise _BadHeader(f"GGUF version {version} is not known")
        n_tensors, n_entries = self.count("tensors"), self.count("metadata keys")
        metadata = dict(self.entry() for _ in range(n_entries))
        if len(metadata) != n_entries:
            raise _BadHeader("a metadata key stands twice")
        tensors = [self.tensor() for _ in range(n_tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment % 32 or not 32 <= alignment <= 1 << 16:
            raise _BadHeader("the alignment is not a multiple of 32")
        return GgufHeader(self.path, int(version), metadata, tensors, -(-self.at // alignment) * alignment)

    def entry(self) -> tuple[str, object]:
        key = self.string().decode("utf-8", "replace")
        return key, self.value(int(self.scalar("I")), key)

    def value(self, kind: int, key: str) -> object:
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        if kind == STRING:
            return self.string().decode("utf-8", "replace")
        if kind == ARRAY:
            return self.array(key)
        raise _BadHeader(f"{key[:60]!r} has the unknown type {kind}")

    def array(self, key: str) -> object:
        kind, n_items = int(self.scalar("I")), int(self.scalar("Q"))
        if n_items > MAX_ARRAY_ITEMS:
            raise _BadHeader(f"{key[:60]!r} claims {n_items} items")
        if kind == STRING:
            return self.strings(n_items, keep=key == VOCABULARY or n_items <= KEPT_ARRAY_ITEMS)
        if kind not in SCALARS:
            raise _BadHeader(f"{key[:60]!r} is an array of the unknown type {kind}")
        layout = struct.Struct(f"<{n_items}{SCALARS[kind]}")
        raw = self.take(layout.size)
        return layout.unpack(raw) if n_items <= KEPT_ARRAY_ITEMS else SkippedArray(kind, n_items)

    def strings(self, n_items: int, *, keep: bool) -> object:
        # one loop over local names: a vocabulary has a hundred thousand strings
        data, at, end, length_of = self.data, self.at, self.end, struct.Struct("<Q").unpack_from
        kept: list[bytes] = []
        for _ in range(n_items):
            if at + 8 > end:
                raise _BadHeader("it ends inside a list of texts")
            start = at + 8
            at = start + length_of(data, at)[0]
            if at > end:
                raise _BadHeader("a text is longer than the file")
            if keep:
                kept.append(data[start:at])
        self.at = at
        return tuple(kept) if keep else SkippedArray(STRING, n_items)

    def tensor(self) -> TensorInfo:
        name = self.string().decode("utf-8", "replace")
        n_dims = int(self.scalar("I"))
        if not 1 <= n_dims <= 4:
            raise _BadHeader(f"tensor {name[:60]!r} has {n_dims} dimensions")
        shape = tuple(int(self.scalar("Q")) for _ in range(n_dims))
        return TensorInfo(name, shape, int(self.scalar("I")), int(self.scalar("Q")))

    def count(self, what: str) -> int:
        n = int(self.scalar("Q"))
        if n > MAX_ENTRIES:
            raise _BadHeader(f"it claims {n} {what}")
        return n

    def scalar(self, code: str) -> int | float:
        value: int | float = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def string(self) -> bytes:
        n_bytes = int(self.scalar("Q"))
        if n_bytes > MAX_STRING_BYTES:
            raise _BadHeader(f"a text claims {n_bytes} bytes")
        return self.take(n_bytes)

    def take(self, n_bytes: int) -> bytes:
        if self.at + n_bytes > self.end:
            raise _BadHeader("it ends inside its header")
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]
