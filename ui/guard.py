"""Who may talk to the application: a pure ASGI layer around everything, Gradio included.

1. Host must be this machine's own name with the bound port, or a page elsewhere could rebind its name to us.
2. Origin, when a browser sends one, must be the Host: `null` and other sites are refused.
3. Bodies end at MAX_BODY_BYTES, by Content-Length and, where that is absent or lies, by counting.
4. Every answer carries a content security policy: what a model writes can never make the browser call out.

Gradio 6.31 needs 'unsafe-eval' (gr.HTML compiles its template) and 'unsafe-inline'.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import HouseError
from ui.api.errors import error_response, language_of, log_unexpected
from ui.errors import BodyTooLarge, ForeignHost, ForeignOrigin, InternalError

MAX_BODY_BYTES = 2 * 1024 * 1024
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Wraps an ASGI application. `own_names` are the host names it answers to, without the port."""

    def __init__(self, app: ASGIApp, *, own_names: tuple[str, ...] = OWN_NAMES) -> None:
        self.app, self.own_names = app, own_names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":  # we use none; a socket from a foreign page must not open
            await (self.app(scope, receive, send) if refusal is None else send({"type": "websocket.close"}))
            return
        guarded = _with_security_headers(send)
        if refusal is not None:
            await error_response(refusal, language_of(scope))(scope, receive, guarded)
            return
        await self._answer(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> HouseError | None:
        host = headers.get("host", "")
        if host.lower() not in self._own_hosts(scope):
            return ForeignHost(host)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return ForeignOrigin(origin)
        length = headers.get("content-length", "0")
        # Python refuses to read a number of more than 4,300 digits, so its length counts first
        if not length.isdecimal() or len(length) > 10 or int(length) > MAX_BODY_BYTES:
            return BodyTooLarge(MAX_BODY_BYTES)
        return None

    def _own_hosts(self, scope: Scope) -> set[str]:
        """`scope["server"]` is the socket's own address, so the port is the one that was bound."""
        port = (scope.get("server") or ("", None))[1]
        with_port = {f"{name}:{port}" for name in self.own_names}
        return with_port | set(self.own_names) if port in (80, None) else with_port

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        n_bytes, has_started = 0, False

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > MAX_BODY_BYTES:
                raise BodyTooLarge(MAX_BODY_BYTES)
            return message

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, counted, watched)
        # the outermost layer: whatever it is, the client gets our shape, not a traceback
        except Exception as error:
            house = error if isinstance(error, HouseError) else InternalError()
            if house is not error:
                log_unexpected(error, f"{scope['method']} {scope['path']}")
            if not has_started:
                await error_response(house, language_of(scope))(scope, receive, send)


def _with_security_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return guarded
