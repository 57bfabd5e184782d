"""Trace: everything one generation did, so that it can be shown, shared and redrawn without the model."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sandbox.errors import TraceUnreadable, TraceUnwritable
from sandbox.step import SamplingStep

SCHEMA = "logitbox.trace/1"

FinishReason = Literal["stop", "length", "cancelled", "context_full"]


@dataclass(frozen=True)
class ModelFile:
    """Which weights: the name and the SHA-256 of the file, "" when not known."""

    id: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One generation.

    settings: the flat knobs; samplers: the chain that ran, in order. finish_reason None: unfinished, or an error
    ended it. prefill_ms: until the first token, the prompt included; decode_ms: all the others.
    created_at: ISO 8601, UTC.
    """

    model: ModelFile
    engine: str
    prompt: str
    prompt_token_ids: tuple[int, ...]
    settings: Mapping[str, Any]
    samplers: tuple[Mapping[str, str | float], ...]
    seed: int
    steps: tuple[SamplingStep, ...]
    finish_reason: FinishReason | None
    prefill_ms: float
    decode_ms: float
    created_at: str
    schema: str = SCHEMA

    @property
    def text(self) -> str:
        """What was said, without the prompt, special tokens, the stop string, and what cancelling cut in two."""
        return "".join(step.text for step in self.steps)

    @property
    def token_ids(self) -> list[int]:
        """What was drawn, without the prompt."""
        return [step.token_id for step in self.steps]

    def redraw(self) -> list[int]:
        """Draw every step again from its recorded survivors and u, without a model. Raises NeedsLogits."""
        return [step.redraw() for step in self.steps]

    def to_json(self) -> str:
        """One JSON document; every float64 survives bit for bit."""
        fields = {**vars(self), "model": vars(self.model), "steps": [step.to_dict() for step in self.steps]}
        return json.dumps({"schema": self.schema, **fields}, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes, *, path: str = "this text") -> Trace:
        """The inverse of `to_json`. path: for the message. Raises TraceUnreadable."""
        try:
            return _from_fields(json.loads(text, parse_constant=_refuse))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise TraceUnreadable(path, _reason(error)) from error

    def save(self, path: str | Path) -> None:
        """Write the JSON document whole or not at all; into what a link names, or a pipe. Raises TraceUnwritable."""
        path = Path(path)
        try:
            _write(path, self.to_json())
        except OSError as error:
            raise TraceUnwritable(str(path), error.strerror or str(error)) from error

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Raises TraceUnreadable, also for a file that is missing."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise TraceUnreadable(str(path), error.strerror or str(error)) from error
        return cls.from_json(text, path=str(path))


class _NotATrace(ValueError):
    """Its text is the reason a person reads."""


def _from_fields(fields: Any) -> Trace:
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise _NotATrace(f"it does not say {SCHEMA}")
    known = {field.name: fields[field.name] for field in dataclasses.fields(Trace)}
    return Trace(
        **{
            **known,
            "model": ModelFile(id=fields["model"]["id"], sha256=fields["model"]["sha256"]),
            "prompt_token_ids": tuple(map(int, fields["prompt_token_ids"])),
            "samplers": tuple(fields["samplers"]),
            "steps": tuple(SamplingStep.from_dict(step) for step in fields["steps"]),
        }
    )


def _refuse(constant: str) -> None:
    raise _NotATrace(f"it holds {constant}, which is no number of JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError | json.JSONDecodeError | RecursionError):
        return "it is not JSON"
    if isinstance(error, KeyError):
        return f"the field {error.args[0]} is missing"
    return str(error) if isinstance(error, _NotATrace) else "one of its fields is of another kind"


def _write(path: Path, text: str) -> None:
    # errors: half of a surrogate pair becomes \udcff, which is also how JSON writes it
    if path.exists() and not path.is_file():  # a pipe or a device is written into, never replaced
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    else:
        _write_atomically(Path(os.path.realpath(path)), text)


def _write_atomically(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, even when the power fails between the two."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
