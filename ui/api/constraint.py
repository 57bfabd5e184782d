"""POST /constraint/check: can this grammar be read, and can this model begin an answer under it?"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from sandbox.constraint import allowed
from sandbox.json_schema import read_schema, unbounded
from sandbox.samplers.grammar import Grammar
from sandbox.workbench import Workbench
from ui.api.answer import json_answer
from ui.api.body import json_body


def constraint_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.post("/constraint/check")
    async def check(http_request: HttpRequest) -> Response:
        body = await json_body(http_request)
        model_id, kind, grammar = body.text("model"), body.text("kind"), body.text("grammar")
        return json_answer(await asyncio.to_thread(_checked, workbench, model_id, kind, grammar))

    return router


def _checked(workbench: Workbench, model_id: str, kind: str, grammar: str) -> dict[str, object]:
    """n_allowed: the tokens an answer may begin with. unbounded: parts of a schema in which a model may ramble."""
    vocabulary = workbench.vocabulary(model_id)
    Grammar(kind=kind, grammar=grammar)  # the same limits and the same sentences as a card in the chain
    first = allowed(vocabulary, kind, grammar)
    parts = unbounded(read_schema(grammar)) if kind == "json_schema" else []
    return {"ok": True, "n_allowed": int(first.mask.sum()), "unbounded": [part._asdict() for part in parts]}
