"""A bad file is told apart before native code sees it, with a reason."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import DamagedModel, ModelFileError, NotAModel
from models.gguf import read_header
from models.library import embedded_file, locate

STRING, ARRAY, UINT32, INT32, FLOAT32, BOOL, UINT64 = 8, 9, 4, 5, 6, 7, 10


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def entry(key: str, kind: int, payload: bytes) -> bytes:
    return text(key.encode()) + struct.pack("<I", kind) + payload


def strings(values: list[bytes]) -> bytes:
    return struct.pack("<IQ", STRING, len(values)) + b"".join(text(v) for v in values)


def number(key: str, value: int) -> bytes:
    return entry(key, UINT32, struct.pack("<I", value))


NUMBERS = struct.pack("<IQ4i", INT32, 4, *range(4))
GOOD = {
    "general.architecture": entry("general.architecture", STRING, text(b"llama")),
    "llama.block_count": number("llama.block_count", 2),
    "llama.context_length": number("llama.context_length", 64),
    "llama.embedding_length": number("llama.embedding_length", 32),
    "tokenizer.ggml.model": entry("tokenizer.ggml.model", STRING, text(b"gpt2")),
    "tokenizer.ggml.tokens": entry("tokenizer.ggml.tokens", ARRAY, strings([b"a", b"b", b"c"])),
}


def gguf(
    entries: dict[str, bytes], *, shape: tuple[int, ...] = (32, 2), kind: int = 0, offset: int = 0
) -> bytes:
    tensor = text(b"w") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    tensor += struct.pack("<IQ", kind, offset)
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(entries)) + b"".join(entries.values()) + tensor
    return header.ljust(-(-len(header) // 32) * 32, b"\0") + bytes(256)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return path


def test_a_good_header_is_read(tmp_path):
    header = read_header(written(tmp_path, gguf(GOOD)))
    assert (header.architecture, header.of_architecture("block_count", 0)) == ("llama", 2)
    assert header.vocabulary == (b"a", b"b", b"c")
    assert header.n_params == 64


@pytest.mark.parametrize(
    "content", [b"", b"GG", b"<html>not a model</html>" * 9, b"version https://git-lfs", bytes(99)]
)
def test_what_does_not_start_like_gguf_is_no_model(tmp_path, content):
    with pytest.raises(NotAModel):
        read_header(written(tmp_path, content))


def test_every_truncation_of_a_file_is_refused(tmp_path):
    whole = gguf(GOOD)
    for n_bytes in range(len(whole)):
        with pytest.raises(ModelFileError):
            read_header(written(tmp_path, whole[:n_bytes]))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"llama.block_count": number("llama.block_count", 0)}, "layers"),
        ({"llama.block_count": number("llama.block_count", 1000)}, "layers"),
        ({"llama.context_length": number("llama.context_length", 2**32 - 1)}, "context length"),
        ({"x": number("general.alignment", 8)}, "alignment"),
        ({"x": number("general.alignment", 0)}, "alignment"),
        ({"x": number("llama.expert_count", 513)}, "experts"),
        ({"x": number("llama.expert_used_count", 3)}, "experts"),
        ({"x": entry("llama.rope.scaling.type", STRING, text(b"spiral"))}, "rope"),
        ({"x": entry("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", -1.0))}, "epsilon"),
        ({"x": entry("llama.attention.layer_norm_rms_epsilon", FLOAT32, struct.pack("<f", float("nan")))}, "epsilon"),
        ({"tokenizer.ggml.model": entry("tokenizer.ggml.model", STRING, text(b"no_vocab"))}, "tokenizer"),
        ({"tokenizer.ggml.model": entry("tokenizer.ggml.model", STRING, text(b"llama"))}, "byte tokens"),
        ({"tokenizer.ggml.tokens": entry("tokenizer.ggml.tokens", ARRAY, strings([b"a", b"a"]))}, "twice"),
        ({"tokenizer.ggml.tokens": entry("tokenizer.ggml.tokens", ARRAY, NUMBERS)}, "type"),
        ({"x": entry("tokenizer.ggml.scores", ARRAY, struct.pack("<IQ2f", FLOAT32, 2, 0, 0))}, "items"),
        ({"x": number("tokenizer.ggml.eos_token_id", 3)}, "eos"),
        ({"x": number("split.count", 4)}, "join"),
        ({"x": entry("general.name", 77, b"")}, "type"),
        ({"x": entry("endless", ARRAY, struct.pack("<IQ", UINT64, 2**63))}, "items"),
        ({"x": entry("endless", ARRAY, struct.pack("<IQ", STRING, 2**20))}, "longer"),
        ({"x": entry("general.name", STRING, struct.pack("<Q", 2**62))}, "bytes"),
    ],
)  # fmt: skip
def test_what_would_abort_native_code_is_refused_with_its_reason(tmp_path, changed, reason):
    with pytest.raises(DamagedModel, match=reason):
        read_header(written(tmp_path, gguf(GOOD | changed)))


@pytest.mark.parametrize(
    "tensor",
    [
        {"shape": (32, 3)},
        {"shape": (2**40, 2**40)},
        {"shape": (0, 2)},
        {"kind": 99},
        {"kind": 2, "shape": (33,)},
        {"offset": 2**62},
    ],
)
def test_a_tensor_must_lie_inside_the_file(tmp_path, tensor):
    with pytest.raises(DamagedModel):
        read_header(written(tmp_path, gguf(GOOD, **tensor)))


@pytest.mark.parametrize(
    "changed",
    [
        {"general.architecture": entry("general.architecture", STRING, text(b"bert"))},
        {"x": entry("llama.attention.causal", BOOL, b"\0")},
    ],
)
def test_a_model_that_predicts_nothing_is_refused(tmp_path, changed):
    """Its row would be all zeros: a uniform law, shown as if the model had said it."""
    with pytest.raises(NotAModel, match="vectors"):
        read_header(written(tmp_path, gguf(GOOD | changed)))


def test_what_cannot_be_opened_is_no_model(tmp_path):
    with pytest.raises(NotAModel):
        read_header(tmp_path)
    with pytest.raises(NotAModel):
        read_header(tmp_path / "none.gguf")


def test_a_hostile_name_stays_text(tmp_path):
    name = entry("general.name", STRING, text(b"<script>\x1b[31m\x00\xff"))
    spec, _ = locate(written(tmp_path, gguf(GOOD | {"x": name})))
    assert "<script>" in spec.title and "\ufffd" in spec.title


def test_the_embedded_file_passes():
    header = read_header(embedded_file())
    assert (header.architecture, header.quantization, len(header.vocabulary)) == ("llama", "Q4_1", 49_152)


CHILD = """
import sys
from models import HouseError, load
try:
    model = load(sys.argv[1], engine="llama_cpp", context_length=256)
    model.engine.next_logits(model.tokenizer.encode("Once"))
except HouseError as error:
    print(type(error).__name__)
"""


@pytest.mark.long
@pytest.mark.real
def test_mutated_headers_never_end_the_process(tmp_path):
    """200 files with 1 to 64 changed bytes each in the header, loaded and run in a child of their own."""
    import random

    whole = bytearray(embedded_file().read_bytes())
    header_bytes = read_header(embedded_file()).data_start
    dice = random.Random(20261123)
    for _ in range(200):
        mutated = bytearray(whole)
        for _ in range(dice.choice((1, 4, 16, 64))):
            mutated[dice.randrange(header_bytes)] = dice.randrange(256)
        path = written(tmp_path, bytes(mutated))
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(path)],
            capture_output=True,
            timeout=120,
            env=os.environ,
            check=False,
        )
        assert child.returncode == 0, child.stderr.decode()[-2000:]
