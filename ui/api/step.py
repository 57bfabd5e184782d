"""POST /step and GET /logits/{step_id}: the hot path. A row of logits travels as raw float32."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from models.engine import Request
from sandbox.errors import StepNotFound
from sandbox.workbench import Workbench
from ui.api.body import json_body

MAX_DRAWS = 1000
Answer = TypeVar("Answer")


def step_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.post("/step")
    async def step(http_request: HttpRequest) -> Response:
        body = await json_body(http_request)
        model_id, token_ids = body.text("model"), body.token_ids("token_ids")
        seed, attempt = body.integer("seed"), body.integer("attempt", default=0)
        n_draws = body.integer("n_draws", default=1, low=1, high=MAX_DRAWS)

        def evaluate(request: Request) -> dict[str, object]:
            result = workbench.step(
                model_id, token_ids, seed=seed, attempt=attempt, n_draws=n_draws, request=request
            )
            return asdict(result)

        return JSONResponse(await while_connected(http_request, evaluate))

    @router.get("/logits/{step_id}")
    async def logits(step_id: str) -> Response:
        row = workbench.row(step_id)
        if row is None:
            raise StepNotFound(step_id)
        # no-store: after a restart the same id may name another file's row
        return Response(
            row.logits.astype("<f4", copy=False).tobytes(),
            headers={"Cache-Control": "no-store"},
            media_type="application/octet-stream",
        )

    return router


async def while_connected(http_request: HttpRequest, call: Callable[[Request], Answer]) -> Answer:
    """Run a blocking call in a thread; when the client goes away, its engine request is cancelled."""
    cancel = threading.Event()
    client_id = http_request.headers.get("x-logitbox-client", "local")[:64]
    work = asyncio.create_task(asyncio.to_thread(call, Request(client_id=client_id, cancel=cancel)))
    gone = asyncio.create_task(_disconnected(http_request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            cancel.set()
        return await work
    finally:
        cancel.set()
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


async def _disconnected(http_request: HttpRequest) -> None:
    while (await http_request.receive())["type"] != "http.disconnect":
        pass
