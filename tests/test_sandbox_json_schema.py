"""A JSON schema as a person writes it: read as it stands, and looked through for what has no end."""

from __future__ import annotations

import json

import pytest

from sandbox.errors import EmptyGrammar
from sandbox.json_schema import Unbounded, read_schema, unbounded


def test_nothing_is_no_schema():
    with pytest.raises(EmptyGrammar):
        read_schema(" \n")


def test_reading_a_schema_keeps_the_order_of_its_parts():
    text = '{"type": "object", "properties": {"z": {}, "a": {}, "m": {}}}'
    assert list(read_schema(text)["properties"]) == ["z", "a", "m"]


BOUNDED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 9},
        "day": {"type": "string", "format": "date"},
        "mark": {"type": "integer", "minimum": 0, "exclusiveMaximum": 21},
        "price": {"type": "number", "minimum": 0, "maximum": 9, "multipleOf": 0.01},
        "kind": {"enum": ["a", "b"]},
        "rows": {"type": "array", "maxItems": 2, "items": {"type": "boolean"}},
        "no": {"type": ["null", "boolean"]},
    },
    "additionalProperties": False,
}


def test_a_schema_with_an_end_everywhere_has_no_unbounded_part():
    assert unbounded(BOUNDED) == []


@pytest.mark.parametrize(
    ("path", "without", "expected"),
    [
        ("name", "maxLength", Unbounded("/properties/name", "string", "maxLength")),
        ("day", "format", Unbounded("/properties/day", "string", "maxLength")),
        ("mark", "minimum", Unbounded("/properties/mark", "integer", "minimum")),
        ("mark", "exclusiveMaximum", Unbounded("/properties/mark", "integer", "maximum")),
        ("price", "multipleOf", Unbounded("/properties/price", "number", "multipleOf")),
        ("price", "maximum", Unbounded("/properties/price", "number", "maximum")),
        ("rows", "maxItems", Unbounded("/properties/rows", "array", "maxItems")),
        ("kind", "enum", Unbounded("/properties/kind", "any", "type")),
        ("no", "type", Unbounded("/properties/no", "any", "type")),
    ],
)
def test_the_part_without_an_end_is_named_and_what_would_end_it(path, without, expected):
    schema = json.loads(json.dumps(BOUNDED))
    del schema["properties"][path][without]
    assert unbounded(schema) == [expected]


def test_parts_are_found_wherever_a_schema_may_stand():
    text = {"type": "string"}
    schema = {
        "anyOf": [text, {"prefixItems": [text], "type": "array", "maxItems": 1, "items": text}],
        "$defs": {"a/b~c": text, "one": {"type": "string", "const": "x"}},
        "definitions": {"old": text},
        "patternProperties": {"^x": text},
        "type": "object",
        "additionalProperties": text,
    }
    places = [
        "/anyOf/0",
        "/anyOf/1/prefixItems/0",
        "/anyOf/1/items",
        "/$defs/a~1b~0c",
        "/definitions/old",
        "/patternProperties/^x",
    ]
    assert [part.path for part in unbounded(schema)] == [*places, "/additionalProperties"]
    assert [part.path for part in unbounded({"type": "object", "properties": {}})] == [""]
    assert [part.path for part in unbounded({"type": "array", "maxItems": 1, "items": True})] == ["/items"]
