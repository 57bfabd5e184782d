"""Custom views: `<name>.mjs` and its stylesheets, mounted in a Gradio page by island.py."""
