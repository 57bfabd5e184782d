"""`logitbox ui`: the page, on this machine only."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import Any

from models import load
from models.home import open_home, private_folder
from ui.commands.arguments import Words, add_model_arguments
from ui.debug import is_debugging
from ui.errors import InvalidPort, PortInUse, PortRefused
from ui.i18n import say
from ui.offline import seal

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 7860
GRACE_S = 2  # open streams get this long when the server stops


def add_arguments(parser: argparse.ArgumentParser, words: Words) -> None:
    parser.add_argument(
        "--port",
        type=words.integer,
        default=DEFAULT_PORT,
        metavar="N",
        help=words.help("port") + f" [{DEFAULT_PORT}]",
    )
    parser.add_argument("--no-browser", action="store_true", help=words.help("no_browser"))
    add_model_arguments(parser, words)


def run(args: argparse.Namespace, lang: str) -> int:
    """Take the port first: it is the cheapest thing that can fail. Then load the model while Gradio is imported."""
    with listen(args.port) as listener:
        seal(private_folder(open_home() / "temporary"))
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # an abort in native code would start a debugger
        print(say(lang, "cli.ui.starting"), file=sys.stderr, flush=True)
        _serve(listener, args, lang)
    print(say(lang, "cli.ui.stopped"), file=sys.stderr)
    return 0


def listen(port: int) -> socket.socket:
    """A socket that already listens, so that nobody can take the port in between.

    Raises InvalidPort, PortInUse, PortRefused.
    """
    if not 0 <= port <= 65535:
        raise InvalidPort(port)
    try:
        listener = socket.create_server((LOOPBACK, port))
    except OSError as error:
        free = free_port(after=port)
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PortRefused(port, free) from error
        raise PortInUse(port, free) from error
    # create_server leaves proto at 0, so asyncio never sets this, and one answer in five waits 40 ms for an ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def free_port(*, after: int) -> int:
    """A port that is free now: the next ones first, because they are easy to type."""
    for candidate in [*range(max(after, 1023) + 1, min(after + 20, 65536)), 0]:
        try:
            with socket.create_server((LOOPBACK, candidate)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise PortInUse(after, 0)


def _serve(listener: socket.socket, args: argparse.Namespace, lang: str) -> None:
    from sandbox.workbench import Workbench

    def loader() -> Any:
        return load(args.model, engine=args.engine, context_length=args.context_length)

    workbench = Workbench(loader)
    workbench.start()
    port = listener.getsockname()[1]
    from ui.app import build_app  # gradio: seconds, during which the model loads

    app = build_app(workbench, port=port)
    if workbench.error is not None:
        raise workbench.error
    url = f"http://{LOOPBACK}:{port}/" + (f"?lang={args.lang}" if "lang" in args else "")
    try:
        _run_server(app, listener, lambda: _announce(url, lang, opens_browser=not args.no_browser))
    finally:
        workbench.close()


def _run_server(app: Any, listener: socket.socket, announce: Callable[[], None]) -> None:
    import uvicorn

    # its errors are tracebacks; ui/guard.py has already said them in one line
    logging.getLogger("uvicorn.error").setLevel(logging.DEBUG if is_debugging() else logging.CRITICAL)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False
    )
    server = uvicorn.Server(config)
    start = server.startup

    async def start_and_announce(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets)
        announce()

    server.startup = start_and_announce
    # uvicorn has stopped in order and hands the Ctrl-C on; for this command it is the normal end
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _announce(url: str, lang: str, *, opens_browser: bool) -> None:
    print(say(lang, "cli.ui.listening", url=url), flush=True)
    print(say(lang, "cli.ui.stop"), file=sys.stderr, flush=True)
    if opens_browser:
        webbrowser.open(url)
