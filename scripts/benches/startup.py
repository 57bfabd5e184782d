"""From the shell to the answer: `logitbox next` beside a bare script that imports the binding and evaluates."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from models.engines.llamacpp import default_n_threads
from models.library import embedded_file
from scripts.benches.figure import Figure

PROMPT = "The capital of France is"
N_RUNS = 7
# the threads, the flash attention and the context of 4096 that `logitbox next` has
BARE = """
import sys
import numpy as np
import llama_cpp.llama_cpp as lib
silence = lib.llama_log_callback(lambda level, text, data: None)
lib.llama_log_set(silence, None)
lib.llama_backend_init()
model = lib.llama_model_load_from_file(sys.argv[1].encode(), lib.llama_model_default_params())
parameters = lib.llama_context_default_params()
parameters.n_ctx, parameters.flash_attn_type = 4096, 1
parameters.n_threads = parameters.n_threads_batch = int(sys.argv[3])
context = lib.llama_init_from_model(model, parameters)
vocab = lib.llama_model_get_vocab(model)
text = sys.argv[2].encode()
ids = (lib.llama_token * 64)()
n = lib.llama_tokenize(vocab, text, len(text), ids, 64, True, False)
lib.llama_decode(context, lib.llama_batch_get_one(ids, n))
row = np.ctypeslib.as_array(lib.llama_get_logits_ith(context, -1), shape=(lib.llama_vocab_n_tokens(vocab),))
print(int(row.argmax()))
"""


def figures() -> list[Figure]:
    commands = {
        "ours": [sys.executable, "-m", "ui.cli", "next", PROMPT],
        "bare": [sys.executable, "-c", BARE, str(embedded_file()), PROMPT, str(default_n_threads())],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(N_RUNS):
        for name, command in commands.items():
            times[name].append(_seconds(command))
    ours, bare = (float(np.median(times[name])) for name in ("ours", "bare"))
    return [
        Figure("logitbox next, shell to answer", ours, bare, "s", ours / bare, "<= 1.3", ours / bare <= 1.3)
    ]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return time.perf_counter() - started
