"""Pure Python: a step or a trace to rows and text. No Gradio and no HTTP, so tested without a browser."""
