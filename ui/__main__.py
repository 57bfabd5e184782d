"""`python -m ui` is `logitbox`."""

from ui.cli import entry

if __name__ == "__main__":
    entry()
