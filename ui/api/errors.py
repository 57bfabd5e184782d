"""One shape for every error: {"error": {"code", "message", "data"}}, the message in the reader's language."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from models.errors import (
    BrokenLogits,
    Busy,
    Cancelled,
    EngineClosed,
    EngineFailed,
    HouseError,
    NotEnoughMemory,
    PromptTooLarge,
)
from sandbox.errors import BrokenDistribution, ModelNotReady, NothingToDraw
from ui.debug import is_debugging
from ui.errors import (
    BodyTooLarge,
    ForeignOrigin,
    InternalError,
    MethodNotAllowed,
    RequestError,
    RouteNotFound,
)
from ui.i18n import error_sentence, from_accept_language, from_tag, translated_data

logger = logging.getLogger("logitbox")

# first match wins; what is not listed and is no ValueError or LookupError is our own failure
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (PromptTooLarge, 413),
    (BodyTooLarge, 413),
    (ForeignOrigin, 403),
    (MethodNotAllowed, 405),
    (Busy, 503),
    (ModelNotReady, 503),
    (NotEnoughMemory, 503),
    (EngineClosed, 503),
    (Cancelled, 499),
    (EngineFailed, 500),
    (BrokenLogits, 500),
    (BrokenDistribution, 400),  # the engine's own rows are checked: these knobs broke it
    (NothingToDraw, 400),
    (LookupError, 404),
    (ValueError, 400),
)


def language_of(scope: Scope) -> str:
    """?lang first (a link may set it), then X-Logitbox-Lang (the page's switch), then the browser's list."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    headers = Headers(scope=scope)
    asked = from_tag(query.get("lang", [""])[0]) or from_tag(headers.get("x-logitbox-lang"))
    return asked or from_accept_language(headers.get("accept-language"))


def status_of(error: HouseError) -> int:
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def error_body(error: HouseError, lang: str) -> dict[str, object]:
    return {
        "code": type(error).__name__,
        "message": error_sentence(error, lang),
        "data": translated_data(error, lang),
    }


def error_response(error: HouseError, lang: str) -> Response:
    # ASCII escapes: an error may quote a lone surrogate, which UTF-8 cannot carry
    content = json.dumps({"error": error_body(error, lang)}, default=str)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return Response(content, status_of(error), headers, media_type="application/json")


def log_unexpected(error: Exception, where: str) -> None:
    """One line for the terminal; the traceback only for who asked for details."""
    logger.error("%s: %s: %s", where, type(error).__name__, error, exc_info=error if is_debugging() else None)


def install_error_handlers(app: FastAPI) -> None:
    """No route of ours ever answers in another shape."""

    async def house(request: Request, error: Exception) -> Response:
        assert isinstance(error, HouseError)
        if status_of(error) >= 500:
            logger.warning("%s %s: %s", request.method, request.url.path, error)
        return error_response(error, language_of(request.scope))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return error_response(_of_http(request, error), language_of(request.scope))

    async def unexpected(request: Request, error: Exception) -> Response:
        return error_response(InternalError(), language_of(request.scope))

    app.add_exception_handler(HouseError, house)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _of_http(request: Request, error: HTTPException) -> HouseError:
    if error.status_code == 404:
        return RouteNotFound(request.url.path)
    if error.status_code == 405:
        return MethodNotAllowed(request.method, request.url.path)
    return RequestError(str(error.detail))
