"""THE TABLE of libraries whose settings we can read, as data that our samplers run: name -> Library.

Read on 23 November 2026, in the sources that each names. Only facts were taken: names, defaults, orders, edges.
"""

from __future__ import annotations

from sandbox.libraries.huggingface import TRANSFORMERS
from sandbox.libraries.library import Library
from sandbox.libraries.llamacpp import LLAMA_CPP
from sandbox.libraries.mlx import MLX_LM
from sandbox.libraries.ollama import OLLAMA
from sandbox.libraries.openai import OPENAI
from sandbox.libraries.vllm import VLLM
from sandbox.libraries.webui import TGW

READ_ON = "2026-11-23"

LIBRARIES: dict[str, Library] = {
    each.id: each for each in (LLAMA_CPP, TRANSFORMERS, VLLM, MLX_LM, TGW, OLLAMA, OPENAI)
}
