"""POST /draws: one law, many dice. The counts beside what the law expects; no model call."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from sandbox.draw import draw_many, uniforms
from sandbox.tally import ALPHA, Tally, tally
from sandbox.workbench import Workbench
from ui.api.answer import json_answer
from ui.api.body import json_body
from ui.api.chain import ChainRequest
from ui.views.chain import plain

MAX_DRAWS = 10_000
N_US = 100


def draws_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.post("/draws")
    async def draws(http_request: HttpRequest) -> Response:
        body = await json_body(http_request)
        request = ChainRequest.of(body)
        n = body.integer("n", low=1, high=MAX_DRAWS)

        def answer() -> Response:
            started = time.perf_counter()
            law = request.run(workbench).distribution
            # the u of attempt, attempt + 1, ...: the first is the one that /chain shows
            us = uniforms(request.seed, len(request.token_ids), range(request.attempt, request.attempt + n))
            content = _tally_view(tally(law, draw_many(law, us)))
            elapsed_ms = (time.perf_counter() - started) * 1000
            return json_answer({**content, "us": us[:N_US].tolist(), "elapsed_ms": elapsed_ms})

        return await asyncio.to_thread(answer)

    return router


def _tally_view(counted: Tally) -> dict[str, Any]:
    return {
        "counts": [cell._asdict() for cell in counted.cells],
        "others": counted.others._asdict(),
        "chi2": plain(counted.chi2),
        "degrees": counted.degrees,
        "p_value": counted.p_value,
        "n_cells": counted.n_cells,
        "n_pooled": counted.n_pooled,
        "verdict": counted.verdict,
        "alpha": ALPHA,
    }
