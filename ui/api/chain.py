"""POST /chain: what a chain makes of a row that is already there. One round trip, no model call."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from models.errors import HouseError
from sandbox.chain import SamplerChain, States
from sandbox.draw import uniform
from sandbox.outcome import Outcome
from sandbox.sampler import OtherLaw
from sandbox.workbench import Workbench
from ui.api.answer import json_answer
from ui.api.body import Body, json_body
from ui.errors import InvalidField
from ui.views.chain import compare_view, drawn_view, final_view, law_view, paths_view, plain, stages_view

MAX_FOLLOWED = 50
MAX_PASSAGES = 400  # tokens followed times steps: the formula of each is worked out
MAX_TOP = 100
LARGEST = sys.float_info.max  # a whole number of JSON may be larger, and math.isfinite would raise

Which = Literal["steps", "compare"]


@dataclass(frozen=True)
class ChainRequest:
    """The fields that /chain and /draws share."""

    model_id: str
    step_id: str
    token_ids: list[int]
    prompt_len: int
    steps: list[dict[str, Any]]
    seed: int
    attempt: int
    states: object
    others: dict[OtherLaw, str]

    @classmethod
    def of(cls, body: Body) -> ChainRequest:
        """Raises InvalidField, OutOfRange."""
        token_ids = body.token_ids("token_ids")
        return cls(
            model_id=body.text("model"),
            step_id=body.text("step_id"),
            token_ids=token_ids,
            prompt_len=body.integer("prompt_len", default=len(token_ids), high=len(token_ids)),
            steps=body.steps("steps"),
            seed=body.integer("seed"),
            attempt=body.integer("attempt", default=0),
            states=body.values.get("states"),
            others=cast(dict[OtherLaw, str], body.names("others", allowed=get_args(OtherLaw))),
        )

    def run(self, workbench: Workbench) -> Outcome:
        """Raises InvalidField when step_id or states do not fit, StepNotFound, and what the chain raises."""
        return self._run(workbench, SamplerChain.from_steps(self.steps), self.states)

    def run_other(self, workbench: Workbench, steps: list[dict[str, Any]]) -> Outcome:
        """The same row through another chain, whose memory is at its beginning; its errors say `chain`: "compare"."""
        try:
            return self._run(workbench, SamplerChain.from_steps(steps), None)
        except HouseError as error:
            error.chain = "compare"  # type: ignore[attr-defined]  # the index in `step` counts the other cards
            raise

    def _run(self, workbench: Workbench, chain: SamplerChain, states: object) -> Outcome:
        if self.step_id != workbench.step_id(self.model_id, self.token_ids):
            raise InvalidField("step_id", "the id of the step after these token_ids")
        return workbench.chain(
            self.model_id,
            self.token_ids,
            chain,
            prompt_len=self.prompt_len,
            seed=self.seed,
            attempt=self.attempt,
            states=checked_states(chain, states),
            others=self.others,
        )


def chain_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.post("/chain")
    async def chain(http_request: HttpRequest) -> Response:
        body = await json_body(http_request)
        request = ChainRequest.of(body)
        follow = followed(body, n_steps=len(request.steps))
        n_top = body.integer("n_top", default=10, low=1, high=MAX_TOP)
        other = body.steps("compare") if body.values.get("compare") is not None else None

        def answer() -> Response:
            started = time.perf_counter()
            outcome = request.run(workbench)
            content = _answer(request, outcome, follow, n_top)
            if other is not None:
                content["compare"] = compare_view(outcome, request.run_other(workbench, other), n_top)
            content["elapsed_ms"] = (time.perf_counter() - started) * 1000
            return json_answer(content)

        return await asyncio.to_thread(answer)

    return router


def followed(body: Body, *, n_steps: int) -> list[int]:
    """The tokens whose paths are wanted. Raises InvalidField.

    >>> followed(Body({"follow": [5] * 11}), n_steps=40)
    Traceback (most recent call last):
    ui.errors.InvalidField: the field follow must be a list of at most 10 token ids (400 / 40 steps)
    """
    token_ids = body.some_token_ids("follow", limit=MAX_FOLLOWED)
    if len(token_ids) * n_steps > MAX_PASSAGES:
        most = f"{MAX_PASSAGES // n_steps} token ids ({MAX_PASSAGES} / {n_steps} steps)"
        raise InvalidField("follow", f"a list of at most {most}")
    return token_ids


def checked_states(chain: SamplerChain, given: object) -> States:
    """The memories a page hands back, which must be of the kind this chain hands out. Raises InvalidField.

    >>> checked_states(SamplerChain.from_steps([{"sampler": "greedy"}]), [None])
    """
    initial = chain.initial_states()
    if given is None or initial is None:
        return None
    if not _is_like(given, initial):
        raise InvalidField("states", "what the last draw of this chain gave")
    return cast(States, given)


def _is_like(given: object, model: object) -> bool:
    """The same keys, the same kinds, finite numbers; what they mean is for the sampler to judge."""
    if isinstance(model, dict):
        return (
            isinstance(given, dict)
            and given.keys() == model.keys()
            and all(_is_like(given[key], model[key]) for key in model)
        )
    if isinstance(model, list):
        return isinstance(given, list) and len(given) == len(model) and all(map(_is_like, given, model))
    if isinstance(model, int | float) and not isinstance(model, bool):
        return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= LARGEST
    return type(given) is type(model)


def _answer(request: ChainRequest, outcome: Outcome, follow: list[int], n_top: int) -> dict[str, Any]:
    u = uniform(request.seed, len(request.token_ids), request.attempt)
    drawn = drawn_view(outcome.distribution, u)
    states = outcome.chain.initial_states() if outcome.states is None else outcome.states
    return {
        "stages": stages_view(outcome, n_top),
        "model": law_view(outcome.laws[0], n_top),
        "final": final_view(outcome.distribution, n_top),
        "paths": paths_view(outcome, follow),
        "u": u,
        "drawn": drawn,
        "states": plain(states),
        "compare": None,
        "next_states": plain(outcome.chain.next_states(states, outcome.laws, drawn["token_id"])),
    }
