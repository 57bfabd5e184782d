"""safetensors folders, and the same GGUF files, through transformers.

Slower than llama.cpp on a processor, but it needs no compiler, computes in float32 and can be looked into.
Only .safetensors and .gguf weights are read; nothing in a model folder is ever run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
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
from models.engine import Evaluation, Logits, OneByOne, Request, check_length, check_token_ids, take_turn
from models.errors import (
    BrokenLogits,
    DamagedModel,
    EngineClosed,
    EngineFailed,
    EngineMissing,
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


# what transformers raises on a file or folder it cannot read
UNREADABLE = (
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, MemoryError, SafetensorError,
)  # fmt: skip


class HuggingFaceEngine(OneByOne):
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
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, **options, **_placement())
            pieces = transformers.AutoTokenizer.from_pretrained(folder, **options)
            tokenizer = HuggingFaceTokenizer(pieces, model)
        except UNREADABLE as error:
            if isinstance(error, MemoryError) or "memory" in str(error).lower():
                raise EngineFailed(cls.name, "there is not enough memory for this model") from error
            raise DamagedModel(str(path), _first_line(error)) from error
        longest = int(getattr(model.config, "max_position_embeddings", None) or DEFAULT_CONTEXT)
        engine = cls(
            model.to(_device()).eval(), context_length=min(context_length or DEFAULT_CONTEXT, longest)
        )
        template = pieces.chat_template if isinstance(pieces.chat_template, str) else ""
        return LoadedModel(replace(spec, engine=cls.name), engine, tokenizer, template)

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
        take_turn(self._lock, request)
        try:
            self._check(token_ids)
            n_reused = self._keep(token_ids)
            row = self._evaluate(token_ids, n_reused, request)
        finally:
            self._lock.release()
        n_new = len(token_ids) - n_reused
        request.report(Evaluation("prefill" if n_new > 1 else "step", n_reused, n_new))
        return _checked(row)

    def all_logits(self, token_ids: Sequence[int], *, request: Request | None = None) -> Iterator[Logits]:
        """Blocks of at most 64 rows, each with a forward pass over the text so far kept in a cache of its own."""
        request = request or Request()
        cache = None
        for start in range(0, len(token_ids) or 1, 64):
            take_turn(self._lock, request)
            try:
                self._check(token_ids)
                cache = self._new_cache() if cache is None else cache
                request.check()
                rows = self._forward(token_ids[start : start + 64], cache, n_rows=0)
            finally:
                self._lock.release()
            yield _checked(rows)

    def close(self) -> None:
        with self._lock:
            self._model = self._cache = None

    def _check(self, token_ids: Sequence[int]) -> None:
        if self._model is None:
            raise EngineClosed(self.name)
        check_length(token_ids, self._context_length)
        check_token_ids(token_ids, self._vocab_size)

    def _keep(self, token_ids: Sequence[int]) -> int:
        """Cut the cache down to the shared prefix; the last token must run, or there are no logits."""
        pairs = zip(self._cached, token_ids[:-1], strict=False)
        n_kept = next(
            (i for i, (a, b) in enumerate(pairs) if a != b), min(len(self._cached), len(token_ids) - 1)
        )
        if n_kept < len(self._cached) and not self._cut(len(self._cached) - n_kept):
            n_kept = 0
        if n_kept == 0:
            self._cache = self._new_cache()
        self._cached = list(token_ids[:n_kept])
        return n_kept

    def _cut(self, n_tokens: int) -> bool:
        """Drop that many tokens from the end of the cache; False where the model cannot (a sliding window)."""
        try:
            self._cache.crop(-n_tokens)
        except (RuntimeError, ValueError):
            return False
        return True

    def _new_cache(self) -> Any:
        return transformers.DynamicCache(config=self._model.config)

    def _evaluate(self, token_ids: Sequence[int], start: int, request: Request) -> Logits:
        for at in range(start, len(token_ids), SLICE):
            request.check()
            piece = list(token_ids[at : at + SLICE])
            rows = self._forward(piece, self._cache, n_rows=1)
            self._cached += piece
        return rows[-1]

    def _forward(self, token_ids: Sequence[int], cache: Any, *, n_rows: int) -> Logits:
        """Rows of logits, (n, vocab_size): the last n_rows, or all of them for 0. Raises EngineFailed."""
        try:
            with torch.inference_mode():
                ids = torch.tensor([list(token_ids)], device=self._model.device)
                output = self._model(ids, past_key_values=cache, use_cache=True, logits_to_keep=n_rows)
            rows: Logits = output.logits[0].float().cpu().numpy().copy()
        except (RuntimeError, MemoryError) as error:  # torch's out of memory is a RuntimeError
            self._cache, self._cached = None, []  # some layers have seen the tokens, others not
            raise EngineFailed(self.name, _first_line(error)) from error
        return rows


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
        self.special_texts: Mapping[str, str] = {
            "bos_token": pieces.bos_token or "",
            "eos_token": pieces.eos_token or "",
        }
        self._bytes = _byte_table(self._core, added, self._size)

    def encode(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        with self._lock:
            self._core.encode_special_tokens = not parse_special
            ids: list[int] = self._core.encode(text, add_special_tokens=add_special).ids
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        check_token_ids([token_id], self._size)
        return self._bytes[token_id]


def _weights(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder to read and the options that keep it to data: no remote code, no pickle, no network."""
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    if path.is_file():
        read_header(path)
        if importlib.util.find_spec("accelerate") is None:
            raise EngineMissing("transformers", "accelerate", "transformers")
        return path.parent, {**options, "gguf_file": path.name}
    if not any(path.glob("*.safetensors")):
        raise NotAModel(str(path), "the folder holds no .safetensors file")
    config = _config(path)
    if "auto_map" in config or any(key.endswith("_internal") for key in config):
        raise DamagedModel(str(path), "its config.json asks to run code from the folder")
    return path, {**options, "use_safetensors": True}


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        raise NotAModel(str(folder), "the folder holds no config.json") from None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise DamagedModel(str(folder), "its config.json cannot be read")
    return config


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


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
