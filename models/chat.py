"""From messages to token ids, by the model's own chat template.

The template may write control tokens such as <|im_start|>; what a person wrote may not, wherever it lands. So every
message text and role is fenced by markers while the template runs, and afterwards only the parts outside the
fences are searched for control tokens. Text across a fence is still cut into tokens as one text, so the ids are
those of the template rendered as a whole.

The template comes from a model file and is not trusted: `models/template.py` runs it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.engine import Tokenizer
from models.errors import ChatTemplateError
from models.template import run_template
from models.text import check_text

if TYPE_CHECKING:
    from models.loading import LoadedModel

# templates compare a role with these; any other role is fenced like a text
PLAIN_ROLES = frozenset(("system", "user", "assistant", "tool", "developer"))


@dataclass(frozen=True)
class Segment:
    """A stretch of the rendered prompt: written by the template, or taken from a message."""

    kind: Literal["template", "content"]
    text: str
    message_index: int | None = None


@dataclass(frozen=True)
class RenderedPrompt:
    token_ids: list[int]
    segments: list[Segment]

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)


def render(messages: Sequence[Mapping[str, str]], model: LoadedModel) -> RenderedPrompt:
    """Messages `{"role", "content"}` as the prompt of an answer. Raises ChatTemplateError, EmptyPrompt, InvalidText."""
    if not model.chat_template:
        raise ChatTemplateError("this model has none")
    if not messages:
        raise ChatTemplateError("there is no message")
    for message in messages:
        check_text(message["role"])
        check_text(message["content"])
    segments = render_segments(model.chat_template, messages, model.tokenizer.special_texts)
    return RenderedPrompt(encode_segments(segments, model.tokenizer), segments)


def render_segments(
    template: str, messages: Sequence[Mapping[str, str]], special_texts: Mapping[str, str]
) -> list[Segment]:
    """The prompt text, cut where a message begins or ends.

    >>> chat = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    >>> [s.text for s in render_segments(chat, [{"role": "user", "content": "[x]"}], {})]
    ['[user] ', '[x]']
    """
    fence = secrets.token_hex(8)  # unguessable, so that a message cannot write it
    plain = run_template(template, messages, special_texts)
    # most templates take a text as it is; many trim it, so the fences go around what trimming leaves
    for texts in (messages, [{key: text.strip() for key, text in m.items()} for m in messages]):
        fenced = [_fenced(message, i, fence) for i, message in enumerate(texts)]
        segments = list(_cut(run_template(template, fenced, special_texts), fence))
        if "".join(segment.text for segment in segments) == plain:
            return segments
    raise ChatTemplateError("it rewrites the messages, so that they cannot be told from its own words")


def encode_segments(segments: Sequence[Segment], tokenizer: Tokenizer) -> list[int]:
    """Token ids: control tokens only where the template wrote them, everything between as one text."""
    special = {tokenizer.token_bytes(i).decode("utf-8", "replace"): i for i in tokenizer.special_ids}
    special.pop("", None)
    pattern = re.compile(
        "|".join(re.escape(text) for text in sorted(special, key=len, reverse=True)) or r"(?!)"
    )
    token_ids: list[int] = []
    pending = ""
    for segment in segments:
        rest = segment.text
        while segment.kind == "template" and (match := pattern.search(rest)):
            token_ids += [*_encode(tokenizer, pending + rest[: match.start()]), special[match.group()]]
            pending, rest = "", rest[match.end() :]
        pending += rest
    return token_ids + _encode(tokenizer, pending)


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special=False, parse_special=False) if text else []


def _fenced(message: Mapping[str, str], index: int, fence: str) -> dict[str, str]:
    return {
        key: value if value in PLAIN_ROLES and key == "role" else f"{fence}[{index}:{value}]{fence}"
        for key, value in message.items()
    }


def _cut(rendered: str, fence: str) -> Iterator[Segment]:
    at = 0
    for match in re.finditer(rf"{fence}\[(\d+):(.*?)\]{fence}", rendered, re.DOTALL):
        if match.start() > at:
            yield Segment("template", rendered[at : match.start()])
        yield Segment("content", match.group(2), int(match.group(1)))
        at = match.end()
    if at < len(rendered):
        yield Segment("template", rendered[at:])
