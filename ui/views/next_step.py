"""One step as rows: the most likely tokens, and everybody else together, so that it adds up to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models import LoadedModel
from models.engine import Logits
from sandbox.chain import SamplerChain
from sandbox.distribution import Distribution
from sandbox.sampler import Context
from sandbox.text import text_of
from sandbox.vocabulary import Vocabulary
from ui.i18n import number, say
from ui.views.chain_line import chain_line
from ui.views.tables import plain_table
from ui.views.tokens import visible_token

BAR_COLUMNS = 24


@dataclass(frozen=True)
class Row:
    """One token. logit and probability are the model's; probability_after_chain is 0 for a removed token."""

    rank: int
    token_id: int
    token_bytes: bytes
    logit: float
    probability: float
    probability_after_chain: float


@dataclass(frozen=True)
class NextStep:
    """The law after a prompt. entropy_bits is the model's. others_*: all tokens without a row."""

    model: str
    title: str
    quantization: str
    engine: str
    prompt_token_ids: tuple[int, ...]
    entropy_bits: float
    rows: tuple[Row, ...]
    others_n_tokens: int
    others_probability: float
    others_after_chain: float
    chain: SamplerChain


def next_step(
    model: LoadedModel, token_ids: Sequence[int], logits: Logits, chain: SamplerChain, n_rows: int
) -> NextStep:
    """Rows by the model's rank: the n_rows most likely tokens, and those that are it after the chain (a grammar may
    forbid all of the first ones). Sums in float64. logits: (vocab_size,) float32. Raises what the samplers raise."""
    dist = Distribution.from_logits(logits)
    vocabulary = Vocabulary.of(model) if chain.needs_vocabulary else None
    n_tokens = len(token_ids)
    final, _ = chain.run(dist, Context(token_ids, n_tokens, n_tokens, vocabulary=vocabulary))
    rows = tuple(
        Row(
            rank,
            token_id,
            model.tokenizer.token_bytes(token_id),
            dist.logit_of(token_id),
            dist.prob_of(token_id),
            final.prob_of(token_id),
        )
        for rank, token_id in _listed(dist, final, n_rows)
    )
    shown = [row.token_id for row in rows]
    return NextStep(
        model=model.spec.id,
        title=model.spec.title,
        quantization=model.spec.quantization,
        engine=model.engine.name,
        prompt_token_ids=tuple(token_ids),
        entropy_bits=dist.entropy_bits,
        rows=rows,
        others_n_tokens=len(logits) - len(rows),
        others_probability=_mass_without(dist, shown),
        others_after_chain=_mass_without(final, shown),
        chain=chain,
    )


def _listed(dist: Distribution, final: Distribution, n_rows: int) -> list[tuple[int, int]]:
    """(rank, token id), by rank."""
    leading, left = (law.leading(n_rows)[0].tolist() for law in (dist, final))
    ranked = dict(zip(leading, range(1, n_rows + 1), strict=False))
    ranked |= {token_id: dist.rank_of(token_id) or 0 for token_id in left if token_id not in ranked}
    return sorted((rank, token_id) for token_id, rank in ranked.items())


def _mass_without(dist: Distribution, token_ids: Sequence[int]) -> float:
    return float(dist.probs[~np.isin(dist.token_ids, token_ids)].sum())


def as_json(step: NextStep) -> dict[str, object]:
    """The shape that `logitbox next --json` prints."""
    return {
        "model": step.model,
        "engine": step.engine,
        "prompt_token_ids": list(step.prompt_token_ids),
        "entropy_bits": step.entropy_bits,
        "rows": [
            {
                "rank": row.rank,
                "token_id": row.token_id,
                "text": text_of(row.token_bytes),
                "bytes": list(row.token_bytes),
                "logit": row.logit,
                "probability": row.probability,
                "probability_after_chain": row.probability_after_chain,
            }
            for row in step.rows
        ],
        "others": {
            "n_tokens": step.others_n_tokens,
            "probability": step.others_probability,
            "probability_after_chain": step.others_after_chain,
        },
    }


def as_table(step: NextStep, lang: str, *, is_expert: bool = False) -> str:
    """The table of the terminal: a column for the chain only where one acts, ids and logits only for experts."""
    has_chain = bool(step.chain.samplers)
    head = [say(lang, f"cli.next.{name}") for name in ("rank", "token")]
    head += [say(lang, f"cli.next.{name}") for name in ("token_id", "logit", "bytes") if is_expert]
    head += [say(lang, "cli.next.probability")] + ([say(lang, "cli.next.after")] if has_chain else []) + [""]
    body = [_cells(row, lang, has_chain=has_chain, is_expert=is_expert) for row in step.rows]
    if step.others_n_tokens:
        body.append(_others(step, lang, has_chain=has_chain, is_expert=is_expert))
    return "\n".join(
        [
            *_title(step, lang),
            "",
            plain_table([head, *body], right=[i for i in range(len(head) - 1) if i != 1], indent=""),
        ]
    )


def _title(step: NextStep, lang: str) -> list[str]:
    engine = say(lang, f"cli.engines.{step.engine}")
    n_tokens = len(step.prompt_token_ids)
    lines = [
        say(
            lang,
            "cli.next.title",
            model=" ".join(filter(None, (step.title, step.quantization))),
            engine=engine,
        ),
        say(
            lang,
            "cli.next.prompt_one" if n_tokens == 1 else "cli.next.prompt",
            n_tokens=n_tokens,
            entropy=number(step.entropy_bits, lang, 2),
        ),
    ]
    if step.chain.samplers:
        lines.append(say(lang, "cli.next.chain", chain=chain_line(step.chain.to_steps(), lang)))
    return lines


def _cells(row: Row, lang: str, *, has_chain: bool, is_expert: bool) -> list[str]:
    cells = [str(row.rank), visible_token(row.token_bytes)]
    if is_expert:
        cells += [str(row.token_id), number(row.logit, lang, 3), row.token_bytes.hex(" ")]
    cells.append(percent(row.probability, lang))
    if has_chain:
        removed = say(lang, "cli.next.removed")
        cells.append(percent(row.probability_after_chain, lang) if row.probability_after_chain else removed)
    return [*cells, bar(row.probability)]


def _others(step: NextStep, lang: str, *, has_chain: bool, is_expert: bool) -> list[str]:
    n_tokens = number(step.others_n_tokens, lang)
    name = say(
        lang, "cli.next.others_one" if step.others_n_tokens == 1 else "cli.next.others", n_tokens=n_tokens
    )
    cells = ["", name, *([""] * 3 if is_expert else []), percent(step.others_probability, lang)]
    return [
        *cells,
        *([percent(step.others_after_chain, lang)] if has_chain else []),
        bar(step.others_probability, is_hatched=True),
    ]


def percent(probability: float, lang: str) -> str:
    """One decimal from 1 % up, at most three decimals below; never a rounded 0 or 100.

    >>> [percent(p, "en").replace("\\u00a0", " ") for p in (0.768, 0.00058, 0.0, 1.0, 1e-9, 0.99999)]
    ['76.8 %', '0.058 %', '0 %', '100 %', '< 0.001 %', '> 99.9 %']
    """
    value = probability * 100
    if value in (0, 100):
        return f"{value:.0f}\u00a0%"
    if value < 0.001:
        return f"<\u00a0{number(0.001, lang, 3)}\u00a0%"
    if value >= 99.95:
        return f">\u00a0{number(99.9, lang, 1)}\u00a0%"
    return f"{number(value, lang, 1 if value >= 1 else 2 if value >= 0.1 else 3)}\u00a0%"


def bar(probability: float, *, is_hatched: bool = False) -> str:
    """A bar of up to BAR_COLUMNS signs, in eighths of one; something is always shown for something.

    >>> bar(0.5) == "█" * 12, bar(1e-6), bar(0.0), len(bar(1.0, is_hatched=True))
    (True, '▏', '', 24)
    """
    if is_hatched:
        return "░" * (max(1, round(probability * BAR_COLUMNS)) if probability else 0)
    eighths = max(1, round(probability * BAR_COLUMNS * 8)) if probability else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[rest : rest + 1].strip()
