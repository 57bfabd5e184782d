"""THE TABLE of engines: name -> "module:class", imported on first use."""

ENGINES = {
    "llama_cpp": "models.engines.llamacpp:LlamaCppEngine",
    "transformers": "models.engines.huggingface:HuggingFaceEngine",
    "toy": "models.engines.toy:ToyEngine",
}
