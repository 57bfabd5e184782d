"""A search as JSON with every step, or as a table of its hypotheses; speculative rounds guess by guess."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from models import LoadedModel
from sandbox.search.hypothesis import Found, Hypothesis, SearchStep
from sandbox.search.speculative import Spoken, Told, Trial
from sandbox.text import text_of
from ui.i18n import number, say
from ui.views.next_step import percent
from ui.views.tables import plain_table
from ui.views.tokens import visible_token

SIGNS = {True: "✓", False: "✗", None: "·"}  # accepted, rejected, never judged


def text_bytes(model: LoadedModel, token_ids: Sequence[int]) -> bytes:
    return b"".join(map(model.tokenizer.token_bytes, token_ids))


def hypotheses_json(
    model: LoadedModel,
    prompt_ids: Sequence[int],
    settings: Mapping[str, Any],
    steps: Sequence[SearchStep],
    found: Found,
) -> dict[str, Any]:
    """settings: with the name of the search."""
    return {
        **_heading(model, prompt_ids, settings),
        "finish_reason": found.finish_reason,
        "hypotheses": [
            {**dataclasses.asdict(h), "text": text_of(text_bytes(model, h.token_ids))}
            for h in found.hypotheses
        ],
        "steps": [dataclasses.asdict(step) for step in steps],
    }


def rounds_json(
    model: LoadedModel,
    prompt_ids: Sequence[int],
    settings: Mapping[str, Any],
    rounds: Sequence[Spoken],
    told: Told,
) -> dict[str, Any]:
    return {
        **_heading(model, prompt_ids, settings),
        **dataclasses.asdict(told),
        "acceptance": told.acceptance,
        "text": text_of(text_bytes(model, told.token_ids)),
        "rounds": [dataclasses.asdict(spoken) for spoken in rounds],
    }


def _heading(model: LoadedModel, prompt_ids: Sequence[int], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": model.spec.id,
        "engine": model.engine.name,
        "prompt_token_ids": list(prompt_ids),
        "settings": dict(settings),
    }


def hypotheses_table(model: LoadedModel, found: Found, lang: str, *, has_groups: bool) -> str:
    """One line per hypothesis, best first."""
    names = ["rank", *(["group"] if has_groups else []), "score", "sum_logprob", "n_tokens", "end", "text"]
    head = [say(lang, f"cli.search.{name}") for name in names]
    rows = [
        [str(rank), *([str(h.group + 1)] if has_groups else []), *_cells(model, h, lang)]
        for rank, h in enumerate(found.hypotheses, start=1)
    ]
    return plain_table([head, *rows], right=range(len(names) - 2), indent="")


def _cells(model: LoadedModel, hypothesis: Hypothesis, lang: str) -> list[str]:
    return [
        number(hypothesis.score, lang, 3),
        number(hypothesis.sum_logprob, lang, 3),
        number(len(hypothesis.token_ids), lang),
        say(lang, f"cli.search.ends.{hypothesis.finish_reason or 'cancelled'}"),
        visible_token(text_bytes(model, hypothesis.token_ids)),
    ]


def rounds_table(model: LoadedModel, rounds: Sequence[Spoken], lang: str) -> str:
    """One line per round: each guess with its sign, then the model's own token and where it was drawn from."""
    head = [say(lang, f"cli.search.{name}") for name in ("round", "guesses", "own", "origin")]
    rows = [
        [str(n), "  ".join(_guess(model, trial, lang) for trial in spoken.trials), *_own(model, spoken, lang)]
        for n, spoken in enumerate(rounds, start=1)
    ]
    return plain_table([head, *rows], right=(0,), indent="")


def _guess(model: LoadedModel, trial: Trial, lang: str) -> str:
    chance = f" {percent(min(1.0, trial.p / trial.q), lang)}" if trial.p is not None else ""
    return f"{SIGNS[trial.is_accepted]} {visible_token(model.tokenizer.token_bytes(trial.token_id))}{chance}"


def _own(model: LoadedModel, spoken: Spoken, lang: str) -> list[str]:
    if spoken.own_token_id is None:
        return ["", ""]
    shown = visible_token(model.tokenizer.token_bytes(spoken.own_token_id))
    return [shown, say(lang, f"cli.search.origins.{spoken.origin}")]
