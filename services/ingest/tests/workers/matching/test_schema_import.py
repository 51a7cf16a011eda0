"""Schemas from SQL, JSON Schema and CSV."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.mapping.faults import SchemaInvalid
from raia_ingest.target_schemas.domain import EntityDefinition, check
from raia_ingest.workers.matching.schema_import import parse_schema

NESTED = {
    "title": "claim",
    "type": "object",
    "description": "A claim",
    "required": ["number"],
    "properties": {
        "number": {"type": "string", "x-key": True},
        "amount": {"type": ["number", "null"], "description": "Sum", "x-unit": "EUR"},
        "reported": {"type": "string", "format": "date"},
        "state": {"enum": ["open", "closed"]},
        "payments": {"type": "array", "items": {"$ref": "#/$defs/payment"}},
    },
    "$defs": {"payment": {"type": "object", "properties": {"paid": {"type": "number"}}}},
}


def test_json_schema_becomes_entities():
    found = {each["name"]: each for each in parse_schema("json_schema", json.dumps(NESTED), "")["entities"]}
    fields = {each["name"]: each for each in found["claim"]["fields"]}
    assert fields["number"]["key"] and fields["number"]["required"]
    assert (fields["amount"]["type"], fields["amount"]["unit"]) == ("float", "EUR")
    assert fields["reported"]["type"] == "date"
    assert [each["value"] for each in fields["state"]["values"]] == ["open", "closed"]
    assert "payment" in found or "claim_payments" in found
    check([EntityDefinition.of(each) for each in found.values()])


def test_csv_of_fields_in_any_dialect():
    content = "\ufeffEntity;Field;Type;Values;Key\nA;x;integer;;yes\nA;y;;low=little|high;\n"
    (entity,) = parse_schema("csv", content, "")["entities"]
    x, y = entity["fields"]
    assert x["key"] and x["type"] == "integer"
    assert y["values"] == [{"value": "low", "description": "little"}, {"value": "high", "description": ""}]


def test_sql_of_other_dialects():
    mysql = "create table `t` (`id` int primary key, `k` enum('a','b') comment 'kind', `d` datetime not null)"
    (entity,) = parse_schema("sql", mysql, "mysql")["entities"]
    fields = {each["name"]: each for each in entity["fields"]}
    assert [each["value"] for each in fields["k"]["values"]] == ["a", "b"]
    assert fields["k"]["description"] == "kind"
    assert fields["d"]["type"] == "datetime" and fields["d"]["required"]


@pytest.mark.parametrize("circular", ['{"$ref": "#"}', '{"properties": {"a": {"$ref": "#"}}}'])
def test_circles_end(circular):
    try:
        parse_schema("json_schema", circular, "")
    except SchemaInvalid:
        return


@given(st.sampled_from(["sql", "json_schema", "csv"]), st.text(max_size=200))
def test_any_text_is_a_schema_or_refused(form, content):
    try:
        found = parse_schema(form, content, "")["entities"]
        check([EntityDefinition.of(each) for each in found])
    except SchemaInvalid:
        return
    assert found
