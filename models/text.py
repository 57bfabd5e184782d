"""What may be asked of a tokenizer at all."""

from __future__ import annotations

from models.errors import EmptyPrompt, InvalidText, PromptTooLarge

MAX_CHARACTERS = 200_000  # about fifty times a full context; native tokenizers slow down far beyond it


def check_text(text: str) -> None:
    """Raises EmptyPrompt, PromptTooLarge, or InvalidText for half of a surrogate pair. A NUL is a character.

    >>> check_text("\\x00 is fine")
    >>> check_text("a\\ud800")
    Traceback (most recent call last):
    models.errors.InvalidText: character 2 (U+D800) is half of a character and stands for nothing; delete it
    """
    if not text:
        raise EmptyPrompt
    if len(text) > MAX_CHARACTERS:
        raise PromptTooLarge(len(text), MAX_CHARACTERS)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidText(error.start + 1, f"U+{ord(text[error.start]):04X}") from None
