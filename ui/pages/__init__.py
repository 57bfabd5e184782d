"""THE ORDER OF PAGES: one file each, in the order in which a learner meets them.

A page is a module with `build() -> None`, called inside `gr.Blocks`. Modules are imported by whoever mounts them,
after `ui.offline.seal()`: importing Gradio takes seconds.
"""

PAGES: tuple[str, ...] = ("next_token", "sampler_lab")
