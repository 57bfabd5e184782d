"""GET /models: what is loaded, what is still loading, and which catalogue models know French."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from models.catalog import ModelSpec, french_capable
from models.loading import LoadedModel
from sandbox.workbench import Workbench
from ui.api.errors import error_body, language_of
from ui.i18n import say


def models_routes(workbench: Workbench) -> APIRouter:
    router = APIRouter()

    @router.get("/models")
    async def models(http_request: HttpRequest) -> Response:
        lang = language_of(http_request.scope)
        error = workbench.error
        return JSONResponse(
            {
                "models": [_described(model, lang) for model in workbench.models()],
                "default": workbench.default_id,
                "french_models": [_listed(spec) for spec in french_capable()],
                "status": workbench.status,
                "error": None if error is None else error_body(error, lang),
            },
            headers={"Cache-Control": "no-store"},
        )

    return router


def _described(model: LoadedModel, lang: str) -> dict[str, object]:
    spec, engine, tokenizer = model.spec, model.engine, model.tokenizer
    return {
        "id": spec.id,
        "title": spec.title,
        "engine": engine.name,
        "engine_note": say(lang, f"cli.engines.{engine.name}"),
        "quantization": spec.quantization,
        "vocab_size": engine.vocab_size,
        "context_length": engine.context_length,
        "languages": list(spec.languages),
        "has_chat_template": bool(model.chat_template),
        "license": spec.license,
        "n_params": spec.n_params,
        "size_bytes": spec.size_bytes,
        "is_slower_fallback": model.is_slower_fallback,
        "eos_ids": sorted(tokenizer.eos_ids),
        "special_ids": sorted(tokenizer.special_ids),
    }


def _listed(spec: ModelSpec) -> dict[str, object]:
    return {"id": spec.id, "title": spec.title, "size_bytes": spec.size_bytes}
