"""The application on a toy model whose likeliest tokens attack the page; tests/browser/conftest.py starts it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models import LoadedModel, load
from models.engine import Logits
from models.engines.toy import ToyEngine, ToyTokenizer
from sandbox.workbench import Workbench
from ui.commands.ui import listen
from ui.offline import seal

HOSTILE = [
    "<script>window.attacked = 1</script>",
    "${window.attacked = 2}",
    "<img src=x onerror='window.attacked = 3'>",
    "{{value}}",
    "\u202egnp.exe",
    "\0\x1b[31m",
    "javascript:window.attacked=4",
    "</textarea><b>bold",
    "\u0301\u0301",
]


class HostileEngine(ToyEngine):
    """Whatever came before, the hostile tokens are the likeliest, in their order."""

    def _row(self, last: int) -> Logits:
        row = super()._row(last)
        row[-len(HOSTILE) :] = 9 - np.arange(len(HOSTILE), dtype=np.float32) / 10
        return row


def hostile_model() -> LoadedModel:
    tokenizer = ToyTokenizer(extra_tokens=[text.encode() for text in HOSTILE])
    return replace(load("toy"), engine=HostileEngine(vocab_size=tokenizer.vocab_size), tokenizer=tokenizer)


def main() -> None:
    seal()
    import uvicorn

    from ui.app import build_app

    listener = listen(0)
    port = listener.getsockname()[1]
    workbench = Workbench(hostile_model)
    workbench.start()
    app = build_app(workbench, port=port)
    print(f"http://127.0.0.1:{port}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


if __name__ == "__main__":
    main()
