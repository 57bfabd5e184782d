"""build_app(workbench): our routes, then Gradio at "/", behind the guard. Nothing runs on import."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sandbox.workbench import Workbench
from ui.api.chain import chain_routes
from ui.api.constraint import constraint_routes
from ui.api.draws import draws_routes
from ui.api.errors import install_error_handlers
from ui.api.models import models_routes
from ui.api.page import page_routes
from ui.api.samplers import samplers_routes
from ui.api.step import step_routes
from ui.api.tokens import tokens_routes
from ui.api.vocab import vocab_routes
from ui.early_head import EarlyHead
from ui.errors import MethodNotAllowed, RouteNotFound
from ui.guard import Guard

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"  # Gradio's own default is 0.0.0.0
API = "/api/v1"
SERVED = (".mjs", ".css", ".woff2", ".json")
# Gradio's idle loop wakes 1,000 times a second (6 to 7 % of a core); at this rhythm 1.8 %. We queue nothing hot.
QUEUE_SLEEP_S = 0.05


class FreshFiles(StaticFiles):
    """Our modules and styles, no other file: the browser may keep them but must ask whether they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(SERVED):
            raise RouteNotFound(scope["path"])
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def build_app(workbench: Workbench, *, port: int = 7860, with_page: bool = True) -> FastAPI:
    """The whole application. `with_page=False` leaves Gradio out: the routes alone start in a moment.

    The order matters: routes and static files first, because a mount at "/" answers everything after it.
    """
    app = FastAPI(title="Logitbox", docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app)
    app.include_router(_api(workbench), prefix=API)
    app.mount("/static-ui/islands", FreshFiles(directory=HERE / "islands", check_dir=False))
    app.mount("/static-ui", FreshFiles(directory=HERE / "static", check_dir=False))
    if with_page:
        _mount_gradio(app, port)
    app.add_middleware(EarlyHead)
    app.add_middleware(Guard)  # added last, so it stands outermost
    return app


def _api(workbench: Workbench) -> APIRouter:
    api = APIRouter()
    of_workbench = (
        models_routes,
        tokens_routes,
        step_routes,
        vocab_routes,
        chain_routes,
        draws_routes,
        constraint_routes,
    )
    routers = [routes(workbench) for routes in of_workbench]
    known = set()
    for router in [*routers, page_routes(), samplers_routes()]:
        known |= {route.path.split("/")[1] for route in router.routes if isinstance(route, APIRoute)}
        api.include_router(router)

    # without this Gradio, mounted at "/", would answer an unknown path in its own shape
    @api.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing_here(request: Request, path: str) -> Response:
        if path.split("/")[0] in known:
            raise MethodNotAllowed(request.method, request.url.path)
        raise RouteNotFound(request.url.path)

    return api


def _mount_gradio(app: FastAPI, port: int) -> None:
    with warnings.catch_warnings():
        # gradio 6.31 on starlette 1.10 and pydantic 2.14 uses names that those have deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        import gradio as gr  # slow (seconds), and only after ui.offline.seal()

        from ui.pages import PAGES
        from ui.theme import SHELL_CSS, theme

        with gr.Blocks(title="Logitbox", analytics_enabled=False) as demo:
            for page in PAGES:
                importlib.import_module(f"ui.pages.{page}").build()
        gr.mount_gradio_app(
            app,
            demo,
            path="/",
            server_name=LOOPBACK,
            server_port=port,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            show_error=False,
            max_file_size="1mb",
            app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
            theme=theme(),
            css=SHELL_CSS,
        )
    if hasattr(getattr(demo, "_queue", None), "sleep_when_free"):  # a private name of gradio
        demo._queue.sleep_when_free = QUEUE_SLEEP_S
