"""A JSON schema as a person writes it: read within limits, and looked through for what has no end."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from sandbox.errors import EmptyGrammar, GrammarTooDeep, GrammarTooLarge, InvalidGrammar

MAX_DEPTH = 64  # brackets in brackets; json.loads gives up at about 1,000, llguidance at 128

# llguidance keeps a state for each remainder and no limit of its own counts them: 997 takes 10 ms, 999,983 22 s.
MAX_MULTIPLE = 1_000
MAX_MULTIPLES = 10_000  # all of a schema together
# under these, two schemas hold at once: multipleOf 7 and 11 become 77
_TOGETHER = {"allOf", "anyOf", "oneOf", "$ref", "$dynamicRef"}

# The keywords under which further schemas stand: one, a list of them, or a dict of them.
_ONE = ("items", "additionalProperties")
_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")
_DICTS = ("properties", "patternProperties", "$defs", "definitions")

# what gives a type an end, all of them together, the first that is missing is told; any one of a tuple will do
_ENDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "string": (("maxLength", "pattern", "format"),),
    "array": (("maxItems",),),
    "integer": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
    "number": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"), ("multipleOf",)),
}
_NOT_ANY = {"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"}


class Unbounded(NamedTuple):
    """One part of a schema that an answer may fill without end.

    path: where it stands, as a JSON pointer ("" is the whole schema). type: string, number, integer, array, object,
    or any. keyword: what would give it an end; of a number `multipleOf` too, which ends its decimals.
    """

    path: str
    type: str
    keyword: str


def read_schema(text: str) -> dict[str, Any]:
    """The schema behind the text. Raises EmptyGrammar, InvalidGrammar, GrammarTooDeep, GrammarTooLarge.

    >>> read_schema('{"type": "integer"}')
    {'type': 'integer'}
    """
    if not text.strip():
        raise EmptyGrammar("json_schema")
    if (depth := _depth(text)) > MAX_DEPTH:
        raise GrammarTooDeep("json_schema", depth, MAX_DEPTH)
    try:
        schema = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InvalidGrammar(
            "json_schema", f"no JSON from line {error.lineno}, column {error.colno} on"
        ) from None
    except ValueError as error:
        raise InvalidGrammar("json_schema", str(error)) from None
    if not isinstance(schema, dict):
        raise InvalidGrammar("json_schema", "it is no JSON object: it starts with { and ends with }")
    check_multiples("json_schema", schema)
    return schema


def check_multiples(kind: str, schema: object) -> None:
    """Raises GrammarTooLarge where a `multipleOf`, or what several become together, has too many remainders.

    Only the digits count, without the zeros at the end: 0.01 and 1000000 are 1, 12.5 is 125. Where a schema joins parts
    (allOf, $ref), all it holds are taken together, also those that never meet.

    >>> check_multiples("json_schema", {"type": "integer", "multipleOf": 9999991})
    Traceback (most recent call last):
    sandbox.errors.GrammarTooLarge: the json_schema constraint takes too much work (multipleOf has more than 1000 \
remainders); simplify it
    """
    parts = list(_objects(schema))
    found = [_multiple_of(part) for part in parts]
    multiples = [each for each in found if each]
    sizes = [_n_remainders(each) for each in multiples]
    if multiples and any(_TOGETHER & part.keys() for part in parts):
        together = math.lcm(*(each.numerator for each in multiples))
        sizes.append(_n_remainders(Fraction(together, math.gcd(*(each.denominator for each in multiples)))))
    if max(sizes, default=0) > MAX_MULTIPLE or sum(sizes) > MAX_MULTIPLES:
        raise GrammarTooLarge(kind, f"multipleOf has more than {MAX_MULTIPLE} remainders")


def check_embedded(lark: str) -> None:
    """The same for the schemas that a Lark grammar holds behind `%json`; one that cannot be read is left alone."""
    for found in re.finditer(r"%json\s*(?={)", lark):
        if _depth(lark[found.end() :]) > MAX_DEPTH:
            raise GrammarTooDeep("lark", _depth(lark[found.end() :]), MAX_DEPTH)
        try:
            schema, _ = json.JSONDecoder().raw_decode(lark, found.end())
        except ValueError:
            continue  # llguidance says what is wrong with it
        check_multiples("lark", schema)


def _objects(schema: object) -> Iterator[dict[str, Any]]:
    """Every object at any depth, those of unknown keywords too, for a `$ref` may point anywhere."""
    if isinstance(schema, dict):
        yield schema
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in inside:
        yield from _objects(part)


def _multiple_of(part: dict[str, Any]) -> Fraction | None:
    number = part.get("multipleOf")
    if not isinstance(number, int | float) or isinstance(number, bool) or number <= 0:
        return None
    return Fraction(str(number))


def _n_remainders(multiple: Fraction) -> int:
    """The digits of a decimal number as a whole number, without zeros at either end."""
    n_places = max(0, multiple.denominator.bit_length() - 1)  # enough: the denominator is 2s and 5s
    digits = int(multiple * 10**n_places)
    while digits % 10 == 0:
        digits //= 10
    return digits


def unbounded(schema: dict[str, Any]) -> list[Unbounded]:
    """The parts a small model may ramble in, in the order they are written; [] where every answer is short.

    A hint, not a proof: what `$ref` points at is looked through once, where it is defined, and a `pattern` or `format`
    counts as an end.

    >>> unbounded({"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False})
    [Unbounded(path='/properties/name', type='string', keyword='maxLength')]
    """
    return list(_unbounded(schema, ""))


def _unbounded(schema: object, path: str) -> Iterator[Unbounded]:
    if schema is True or (isinstance(schema, dict) and not _NOT_ANY & schema.keys()):
        yield Unbounded(path, "any", "type")
    if not isinstance(schema, dict) or "enum" in schema or "const" in schema:
        return
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    for each in (each for each in types if isinstance(each, str)):
        if keyword := _missing_end(each, schema):
            yield Unbounded(path, each, keyword)
    for keyword, part in _parts(schema):
        yield from _unbounded(part, f"{path}/{keyword}")


def _missing_end(type_: str, schema: dict[str, Any]) -> str | None:
    """The keyword that would give this type an end; None where it has one."""
    if type_ == "object":  # without the keyword any name may follow, with any value
        return None if "additionalProperties" in schema else "additionalProperties"
    return next((either[0] for either in _ENDS.get(type_, ()) if not schema.keys() & set(either)), None)


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield keyword, value
        elif keyword in _LISTS and isinstance(value, list):
            yield from ((f"{keyword}/{i}", part) for i, part in enumerate(value))
        elif keyword in _DICTS and isinstance(value, dict):
            yield from ((f"{keyword}/{_escaped(name)}", part) for name, part in value.items())


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _depth(text: str) -> int:
    """How many brackets are open at once, those in strings left out; without recursion, so before json.loads."""
    depth = deepest = 0
    in_string = is_escaped = False
    for character in text:
        if in_string:
            in_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large")
    return number
