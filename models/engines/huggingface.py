"""safetensors folders, and the same GGUF files, through transformers.

Slower than llama.cpp on a processor, but it needs no compiler, computes in float32 and can be looked into.
Only .safetensors and .gguf weights are read; nothing in a model folder is ever run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read at import; a missing file must not become a request
os.environ.setdefault("TQDM_DISABLE", "1")  # its progress bars would land among our own lines

import torch
import transformers
from safetensors import SafetensorError

from models.catalog import ModelSpec
from models.engine import Evaluation, Logits, Request
from models.errors import (
    BrokenLogits,
    ContextFull,
    DamagedModel,
    EmptyPrompt,
    EngineClosed,
    EngineMissing,
    InvalidTokenId,
    NotAModel,
)
from models.fit import DEFAULT_CONTEXT
from models.gguf import read_header
from models.loading import LoadedModel

SLICE = 256  # tokens between two looks at whether the caller is still there
# special tokens that end an answer whatever the config says; llama.cpp keeps such a list too
END_TEXTS = frozenset(
    [
        "<|endoftext|>",
        "<|im_end|>",
        "<|end|>",
        "<|eot_id|>",
        "<|end_of_text|>",
        "</s>",
        "<end_of_turn>",
        "<|return|>",
    ]
)


class HuggingFaceEngine:
    """A causal model of transformers with one key-value cache, reused by longest common prefix."""

    name = "transformers"

    def __init__(self, model: Any, *, context_length: int) -> None:
        self._model: Any = model
        self._context_length = context_length
        self._vocab_size = int(model.get_output_embeddings().weight.shape[0])
        self._lock = threading.Lock()
        self._cache: Any = None
        self._cached: list[int] = []

    @classmethod
    def open(
        cls, path: Path, spec: ModelSpec, *, context_length: int | None = None, n_threads: int | None = None
    ) -> LoadedModel:
        """A .gguf file or a folder. Raises NotAModel, DamagedModel."""
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        if n_threads:
            torch.set_num_threads(n_threads)
        folder, options = _weights(path)
        if "gguf_file" in options and importlib.util.find_spec("accelerate") is None:
            raise EngineMissing("transformers", "accelerate (to read a .gguf file)", "transformers")
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, **options, **_placement())
            pieces = transformers.AutoTokenizer.from_pretrained(folder, **options)
        except (
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
            TypeError,
            AttributeError,
            SafetensorError,
        ) as error:
            raise DamagedModel(str(path), str(error).splitlines()[0][:200]) from error
        longest = int(getattr(model.config, "max_position_embeddings", DEFAULT_CONTEXT))
        engine = cls(
            model.to(_device()).eval(), context_length=min(context_length or DEFAULT_CONTEXT, longest)
        )
        template = pieces.chat_template if isinstance(pieces.chat_template, str) else ""
        return LoadedModel(
            replace(spec, engine=cls.name), engine, HuggingFaceTokenizer(pieces, model), template
        )

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def device(self) -> str:
        """Where and in which precision it computes, such as "cpu float32"."""
        return f"{self._model.device.type} {str(self._model.dtype).removeprefix('torch.')}"

    def next_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Logits:
        request = request or Request()
        with self._lock:
            self._check(token_ids)
            n_reused = self._keep(token_ids)
            row = self._evaluate(token_ids, n_reused, request)
        n_new = len(token_ids) - n_reused
        request.report(Evaluation("prefill" if n_new > 1 else "step", n_reused, n_new))
        return _checked(row)

    def next_logits_many(
        self, sequences: Sequence[Sequence[int]], *, request: Request | None = None
    ) -> list[Logits]:
        return [self.next_logits(token_ids, request=request) for token_ids in sequences]

    def all_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Iterator[Logits]:
        """Blocks of at most 64 rows, each with a forward pass over the text so far kept in a cache of its own."""
        request = request or Request()
        self._check(token_ids)
        cache = transformers.DynamicCache(config=self._model.config)
        for start in range(0, len(token_ids), 64):
            request.check()
            with self._lock, torch.inference_mode():
                ids = torch.tensor([list(token_ids[start : start + 64])], device=self._model.device)
                output = self._model(ids, past_key_values=cache, use_cache=True)
            yield _checked(output.logits[0].float().cpu().numpy())

    def close(self) -> None:
        with self._lock:
            self._model = self._cache = None

    def _check(self, token_ids: Sequence[int]) -> None:
        if self._model is None:
            raise EngineClosed(self.name)
        if not token_ids:
            raise EmptyPrompt
        if len(token_ids) > self._context_length:
            raise ContextFull(len(token_ids), self._context_length)
        for token_id in token_ids:
            if not 0 <= token_id < self._vocab_size:
                raise InvalidTokenId(token_id, self._vocab_size)

    def _keep(self, token_ids: Sequence[int]) -> int:
        """Cut the cache down to the shared prefix; the last token must run, or there are no logits."""
        pairs = zip(self._cached, token_ids[:-1], strict=False)
        n_kept = next(
            (i for i, (a, b) in enumerate(pairs) if a != b), min(len(self._cached), len(token_ids) - 1)
        )
        if self._cache is None or n_kept == 0:
            self._cache, n_kept = transformers.DynamicCache(config=self._model.config), 0
        elif n_kept < len(self._cached):
            self._cache.crop(n_kept - len(self._cached))  # a negative number drops that many from the end
        self._cached = list(token_ids[:n_kept])
        return n_kept

    def _evaluate(self, token_ids: Sequence[int], start: int, request: Request) -> Logits:
        output = None
        for at in range(start, len(token_ids), SLICE):
            request.check()
            piece = list(token_ids[at : at + SLICE])
            with torch.inference_mode():
                ids = torch.tensor([piece], device=self._model.device)
                output = self._model(ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
            self._cached += piece
        assert output is not None  # at least the last token ran
        row: Logits = output.logits[0, -1].float().cpu().numpy().copy()
        return row


class HuggingFaceTokenizer:
    """A fast tokenizer of transformers, spoken to through its own core, so that ids and bytes stay exact."""

    def __init__(self, pieces: Any, model: Any) -> None:
        self._core = pieces.backend_tokenizer
        self._lock = threading.Lock()
        self._size = int(model.get_output_embeddings().weight.shape[0])
        added = pieces.added_tokens_decoder
        self.special_ids = frozenset(i for i, token in added.items() if token.special)
        ends = model.generation_config.eos_token_id if model.generation_config else None
        ends = ends if isinstance(ends, list) else [ends]
        known = [i for i, token in added.items() if token.special and token.content in END_TEXTS]
        self.eos_ids = frozenset(i for i in (*ends, pieces.eos_token_id, *known) if i is not None)
        first = self._core.encode("").ids  # what the tokenizer itself puts before any text
        self.bos_id: int | None = first[0] if first else None
        self._bytes = _byte_table(self._core, added, self._size)

    def encode(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        with self._lock:
            self._core.encode_special_tokens = not parse_special
            ids: list[int] = self._core.encode(text, add_special_tokens=add_special).ids
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        if not 0 <= token_id < self._size:
            raise InvalidTokenId(token_id, self._size)
        return self._bytes[token_id]


def _weights(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder to read and the options that keep it to data: no remote code, no pickle, no network."""
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    if path.is_file():
        read_header(path)
        return path.parent, {**options, "gguf_file": path.name}
    if not any(path.glob("*.safetensors")):
        raise NotAModel(str(path), "the folder holds no .safetensors file")
    config = json.loads((path / "config.json").read_text("utf-8")) if (path / "config.json").is_file() else {}
    if not config:
        raise NotAModel(str(path), "the folder holds no config.json")
    if "auto_map" in config or any(key.endswith("_internal") for key in config):
        raise DamagedModel(str(path), "its config.json asks to run code from the folder")
    return path, {**options, "use_safetensors": True}


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _placement() -> dict[str, Any]:
    """float32 on a processor, where half precision is slow; float16 on a graphics card. Attention is named, so
    that a config cannot name one."""
    return {"dtype": torch.float32 if _device() == "cpu" else torch.float16, "attn_implementation": "sdpa"}


def _checked(row: Logits) -> Logits:
    if not np.isfinite(row).all():
        n_bad = int(np.count_nonzero(np.isnan(row) | np.isposinf(row)))
        if n_bad or np.isneginf(row).all():
            raise BrokenLogits(n_bad, row.shape[-1])
    return row


def _byte_table(core: Any, added: dict[int, Any], size: int) -> list[bytes]:
    """The bytes of every token; ids that the weights have and the tokenizer does not are empty."""
    is_byte_level = "ByteLevel" in json.dumps(json.loads(core.to_str()).get("decoder"))
    to_bytes = _from_byte_level if is_byte_level else _from_sentencepiece
    table = []
    for token_id in range(size):
        written = core.id_to_token(token_id)
        is_plain = token_id not in added
        table.append(b"" if written is None else to_bytes(written) if is_plain else written.encode())
    return table


def _from_sentencepiece(written: str) -> bytes:
    """
    >>> _from_sentencepiece("▁Paris"), _from_sentencepiece("<0xC3>")
    (b' Paris', b'\\xc3')
    """
    if len(written) == 6 and written.startswith("<0x") and written.endswith(">"):
        return bytes([int(written[3:5], 16)])
    return written.replace("▁", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte: itself where printable, else 256 and up, in order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


ALPHABET = _byte_alphabet()


def _from_byte_level(written: str) -> bytes:
    """
    >>> _from_byte_level("ĠParis"), _from_byte_level("Ã©")
    (b' Paris', b'\\xc3\\xa9')
    """
    return bytes(ALPHABET[c] for c in written) if all(c in ALPHABET for c in written) else written.encode()
