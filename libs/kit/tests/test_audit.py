"""Entries of the audit ledger can be written, shipped and indexed whatever a caller sent."""

import math
from uuid import uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia.platform.events.v1 import audit_events_pb2
from raia_kit import tables
from raia_kit.audit import DETAILS_BYTES, NAME_LENGTH, TEXT_LENGTH, recorded_details, recorded_name
from raia_testing.postgres import ServiceDatabase
from sqlalchemy import select

TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.fast
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_details_are_json_that_a_database_takes(details: dict[str, object]) -> None:
    kept = recorded_details(details)
    text = orjson.dumps(kept).decode()
    assert "\\u0000" not in text
    assert orjson.loads(text) == kept
    audit_events_pb2.AuditEntryRecorded().details.update(kept)


@pytest.mark.fast
def test_what_is_too_long_is_cut() -> None:
    assert recorded_name("a" * NAME_LENGTH) == "a" * NAME_LENGTH
    assert recorded_name("a" * 5000) == "a" * (NAME_LENGTH - 1) + "…"
    assert len(recorded_details({"text": "b" * 5000})["text"]) == TEXT_LENGTH
    left_out = recorded_details({"many": ["c" * 1000] * 100})
    assert list(left_out) == ["left_out"]
    assert str(DETAILS_BYTES) in left_out["left_out"]


def test_an_entry_is_written_whatever_the_caller_sent(sample_database: ServiceDatabase) -> None:
    org_id, hostile = uuid4(), "\x00" + "x" * 4_000_000
    with sample_database.database.unit_of_work(org_id) as unit:
        unit.audit("box.open", resource_id=hostile, details={"id": hostile, "weight": math.nan, "\x00": "\ud800"})
    with sample_database.database.unit_of_work(org_id) as unit:
        entry = unit.session.execute(select(tables.audit_entry)).one()
    assert len(entry.resource_id) == NAME_LENGTH
    assert entry.details["weight"] == "nan"
    with sample_database.database.platform_unit_of_work() as unit:
        payload = unit.session.scalars(select(tables.outbox.c.payload)).one()
    assert len(payload) < 8 * 1024
