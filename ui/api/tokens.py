"""POST /tokens: a text, or messages through the model's own chat template, to token ids."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from models import chat
from models.loading import LoadedModel
from models.text import check_text
from sandbox.workbench import Workbench
from ui.api.body import json_body


def tokens_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.post("/tokens")
    async def tokens(http_request: HttpRequest) -> Response:
        body = await json_body(http_request)
        model = workbench.model(body.text("model"))
        if "messages" in body.values:
            return JSONResponse(await asyncio.to_thread(_of_messages, model, body.messages("messages")))
        return JSONResponse(await asyncio.to_thread(_of_text, model, body.text("text")))

    return router


def _of_text(model: LoadedModel, text: str) -> dict[str, object]:
    check_text(text)
    return {"token_ids": model.tokenizer.encode(text), "segments": None}


def _of_messages(model: LoadedModel, messages: list[dict[str, str]]) -> dict[str, object]:
    for message in messages:
        check_text(message["content"])
    prompt = chat.render(messages, model)
    segments = [
        {"kind": segment.kind, "text": segment.text, "message_index": segment.message_index}
        for segment in prompt.segments
    ]
    return {"token_ids": list(prompt.token_ids), "segments": segments}
