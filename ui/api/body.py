"""Read a request's JSON body field by field; every refusal names the field and what it must be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from starlette.requests import Request

from ui.errors import InvalidBody, InvalidField, OutOfRange

MAX_SAFE_INTEGER = 2**53 - 1  # the largest integer JavaScript counts exactly
MAX_STEPS = 40
MAX_DEPTH = 20  # of lists in lists; the words of bad_words need 4


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidBody  # NaN and Infinity are not JSON, though Python reads them


async def json_body(request: Request) -> Body:
    """Raises InvalidBody unless the body is one JSON object."""
    content = await request.body()
    try:
        values = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidBody from error
    if not isinstance(values, dict):
        raise InvalidBody
    return Body(values)


class Body:
    """The fields of one JSON object.

    >>> Body({"n": 3}).integer("n", low=1), Body({}).integer("n", default=1)
    (3, 1)
    >>> Body({"n": True}).integer("n")
    Traceback (most recent call last):
    ui.errors.OutOfRange: the field n must be an integer from 0 to 9007199254740991
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def integer(
        self, name: str, *, default: int | None = None, low: int = 0, high: int = MAX_SAFE_INTEGER
    ) -> int:
        value = self.values.get(name, default)
        # bool is a subclass of int; a float such as 3.0 is refused, not rounded
        if type(value) is not int or not low <= value <= high:
            raise OutOfRange(name, low, high)
        return value

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise InvalidField(name, "a text")
        return value

    def token_ids(self, name: str) -> list[int]:
        """The engine checks that each id exists; here that each is an integer a 64-bit field can hold."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(
            type(i) is int and abs(i) <= MAX_SAFE_INTEGER for i in value
        ):
            raise InvalidField(name, "a list of integers")
        return value

    def some_token_ids(self, name: str, *, limit: int) -> list[int]:
        """At most `limit` token ids; [] where the field is left out."""
        if name not in self.values:
            return []
        token_ids = self.token_ids(name)
        if len(token_ids) > limit:
            raise InvalidField(name, f"a list of at most {limit} token ids")
        return token_ids

    def steps(self, name: str) -> list[dict[str, Any]]:
        """A chain as data. What is in each step is for `SamplerChain.from_steps` to judge, which names the step."""
        value = self.values.get(name)
        if not isinstance(value, list) or len(value) > MAX_STEPS or not _is_shallow(value, MAX_DEPTH):
            raise InvalidField(name, f"a list of at most {MAX_STEPS} steps")
        return value

    def names(self, name: str, *, allowed: Sequence[str]) -> dict[str, str]:
        """Texts under some of the `allowed` names; {} where the field is left out."""
        value = self.values.get(name, {})
        if not isinstance(value, dict) or not all(
            key in allowed and isinstance(each, str) for key, each in value.items()
        ):
            raise InvalidField(name, f"texts under the names {', '.join(allowed)}")
        return value

    def messages(self, name: str) -> list[dict[str, str]]:
        value = self.values.get(name)
        if not isinstance(value, list) or not value or not all(map(_is_message, value)):
            raise InvalidField(name, "a list of {role, content}")
        return [{"role": message["role"], "content": message["content"]} for message in value]


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("role", "content"))


def _is_shallow(value: list[Any] | dict[str, Any], depth: int) -> bool:
    """Nested no deeper than `depth`, so that nothing that quotes it runs out of stack."""
    inside = value.values() if isinstance(value, dict) else value
    nested = [each for each in inside if isinstance(each, dict | list)]
    return not nested or (depth > 1 and all(_is_shallow(each, depth - 1) for each in nested))
