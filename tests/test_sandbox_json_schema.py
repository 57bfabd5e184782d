"""A JSON schema as a person writes it: read as it stands, and looked through for what has no end."""

from __future__ import annotations

import json

import pytest

from sandbox.errors import EmptyGrammar, GrammarTooLarge
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


@pytest.mark.parametrize("type_", [5, None, {}, [5, None]])
def test_a_type_that_is_none_is_looked_past(type_):
    assert unbounded({"type": "string", "maxLength": 3, "$defs": {"a": {"type": type_}}}) == []


@pytest.mark.parametrize("number", [1, 7, 1000, 1_000_000, 0.01, 0.25, 12.5, 1e-9, 1e300])
def test_a_multiple_with_few_remainders_is_read(number):
    assert read_schema(json.dumps({"type": "number", "multipleOf": number}))["multipleOf"] == number


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": 1001},
        {"multipleOf": 9_999_991},
        {"multipleOf": 10.01},
        {"properties": {"a": {"items": [{"multipleOf": 999_983}]}}},
        {"allOf": [{"multipleOf": 37}, {"multipleOf": 41}]},  # 1517 together
        {"multipleOf": 37, "$ref": "#/elsewhere", "elsewhere": {"multipleOf": 41}},
        {"anyOf": [{"multipleOf": 3.7}, {"multipleOf": 41}]},  # 151.7 has 1517 too
        {"properties": {f"p{n}": {"multipleOf": 997} for n in range(11)}},  # 10,967 in all
    ],
)
def test_a_multiple_with_too_many_remainders_is_refused(schema):
    with pytest.raises(GrammarTooLarge, match="multipleOf"):
        read_schema(json.dumps(schema))


def test_multiples_that_never_meet_do_not_count_together_and_a_name_is_no_multiple():
    read_schema(json.dumps({"properties": {"a": {"multipleOf": 37}, "b": {"multipleOf": 41}}}))
    read_schema(json.dumps({"properties": {"multipleOf": {"type": "integer"}}}))
    read_schema(json.dumps({"allOf": [{"multipleOf": 6}, {"multipleOf": 4}]}))  # 12
