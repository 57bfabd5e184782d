"""Diverse beam search: several small beam searches in turn, each discouraged from saying what the others just said.

Plain beams end up as near copies of each other. Here group 2 loses `diversity` for a token each time group 1 has
chosen it at this position, group 3 for groups 1 and 2, and so on (Hamming diversity).

Source: Vijayakumar et al. 2016, arXiv 1610.02424. As in the paper the penalty steers the choice of this position only;
the sums stay true log-probabilities. (transformers before version 5 carried the penalty along in the sum.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from models.engine import Request
from models.errors import Cancelled
from models.loading import LoadedModel
from sandbox.errors import BeamsNotDivisible
from sandbox.knob import Knob
from sandbox.search.beam import Beams, BeamSettings, laws_after
from sandbox.search.hypothesis import Found, Hypothesis, Search, SearchStep


@dataclass(frozen=True, kw_only=True)
class DiverseSettings(BeamSettings):
    """beams: of all groups together, which share them equally. diversity 0, or one group: plain beam searches.

    Raises KnobOutOfRange, InvalidKnob, BeamsNotDivisible.
    """

    groups: int = 2
    diversity: float = 0.5

    knobs: ClassVar[dict[str, Knob]] = {
        **BeamSettings.knobs,
        "groups": Knob("[1, 64]", is_whole=True),
        "diversity": Knob("[0, inf)", neutral=0.0),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beams % self.groups:
            raise BeamsNotDivisible(self.beams, self.groups)


def diverse_beam(
    model: LoadedModel,
    token_ids: Sequence[int],
    settings: DiverseSettings | None = None,
    *,
    request: Request | None = None,
) -> Search:
    """Yields one SearchStep per position with all groups in it, in their order; returns Found, best score first.

    A group stops by its own rules while others go on. Raises like `beam`.

    >>> from models.loading import load
    >>> from sandbox.search.hypothesis import finished
    >>> settings = DiverseSettings(beams=2, groups=2, diversity=1.5, max_tokens=1)
    >>> [h.token_ids for h in finished(diverse_beam(load("toy"), [97], settings))[1].hypotheses]
    [(98,), (99,)]
    """
    settings, request = settings or DiverseSettings(), request or Request()
    each = replace(settings, beams=settings.beams // settings.groups, groups=1)
    groups = [Beams(each, model, len(token_ids), index=i) for i in range(settings.groups)]
    while active := [group for group in groups if group.reason is None]:
        running = [hypothesis for group in active for hypothesis in group.running]
        try:
            laws = iter(laws_after(model, token_ids, running, request))
        except Cancelled:
            return Found(_best_first([*_all_finished(groups), *running]), "cancelled")
        said: Counter[int] = Counter()
        steps = []
        for group in active:
            penalties = {token_id: settings.diversity * n for token_id, n in said.items()}
            step = group.advance([next(laws) for _ in group.running], penalties)
            said.update(h.token_ids[-1] for h in (*step.running, *step.ended))
            steps.append(step)
        yield _together(steps, groups)
    reasons = [group.reason for group in groups if group.reason != "stop"]
    return Found(_all_finished(groups), reasons[0] or "stop" if reasons else "stop")


def _all_finished(groups: Sequence[Beams]) -> tuple[Hypothesis, ...]:
    return _best_first([hypothesis for group in groups for hypothesis in group.finished])


def _best_first(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    return tuple(sorted(hypotheses, key=lambda h: (-h.score, h.group, h.token_ids)))


def _together(steps: Sequence[SearchStep], groups: Sequence[Beams]) -> SearchStep:
    return SearchStep(
        position=steps[0].position,
        candidates=tuple(h for step in steps for h in step.candidates),
        running=tuple(h for step in steps for h in step.running),
        ended=tuple(h for step in steps for h in step.ended),
        pruned=tuple(h for step in steps for h in step.pruned),
        finished=_all_finished(groups),
    )
