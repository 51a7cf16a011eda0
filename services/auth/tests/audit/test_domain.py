import math
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_auth.audit.domain import GENESIS, Fact, canonical, chain, link, plain, verify

pytestmark = pytest.mark.fast

ORG = UUID(int=7)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def fact(number: int = 1, **changes) -> Fact:
    made = Fact(
        id=UUID(int=number), org_id=ORG, service="ingest", actor_user_id="u", actor_service="", action="dataset.upload",
        resource_type="dataset", resource_id=str(number), outcome="success", reason="", request_id="r",
        occurred_at=datetime(2026, 1, 1, 12, 0, 0, 123456, UTC), details={"bytes": 12.0, "name": "ä"},
    )  # fmt: skip
    return replace(made, **changes)


def test_the_hash_is_sha256_over_the_previous_hash_and_the_canonical_entry():
    text = canonical(fact(), 1)
    assert (
        text
        == (
            '{"action":"dataset.upload","actor_service":"","actor_user_id":"u","details":{"bytes":12,"name":"ä"},'
            '"id":"00000000-0000-0000-0000-000000000001","occurred_at":"2026-01-01T12:00:00.123456Z",'
            '"org_id":"00000000-0000-0000-0000-000000000007","outcome":"success","place":1,"reason":"","request_id":"r",'
            '"resource_id":"1","resource_type":"dataset","service":"ingest"}'
        ).encode()
    )
    assert link(GENESIS, fact(), 1).hash == sha256(GENESIS + text).digest()


def test_an_untouched_ledger_is_intact():
    entries = chain((0, GENESIS), [fact(n) for n in range(1, 20)])
    found = verify(entries)
    assert found.intact
    assert found.entries_checked == 19
    assert found.head_hash == entries[-1].hash
    assert verify([]).head_hash == GENESIS


def test_batches_continue_one_another():
    facts = [fact(n) for n in range(1, 10)]
    first = chain((0, GENESIS), facts[:4])
    rest = chain((first[-1].place, first[-1].hash), facts[4:])
    assert first + rest == chain((0, GENESIS), facts)


CHANGES = {
    "id": UUID(int=99), "service": "x", "actor_user_id": "x", "actor_service": "x", "action": "x", "resource_type": "x",
    "resource_id": "x", "outcome": "denied", "reason": "x", "request_id": "x",
    "occurred_at": datetime(2026, 1, 1, 12, 0, 0, 123457, UTC), "details": {"bytes": 13}, "org_id": UUID(int=8),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_any_fact_is_found_at_its_place(name):
    entries = chain((0, GENESIS), [fact(n) for n in range(1, 6)])
    entries[2] = replace(entries[2], fact=replace(entries[2].fact, **{name: CHANGES[name]}))
    found = verify(entries)
    assert (found.intact, found.first_broken_place) == (False, 3)
    assert "changed" in found.finding


@given(place=st.integers(1, 8), kind=st.sampled_from(["drop", "swap", "rehash"]))
def test_removal_reordering_and_rehashing_are_found(place, kind):
    entries = chain((0, GENESIS), [fact(n) for n in range(1, 10)])
    index = place - 1
    if kind == "drop":
        del entries[index]
    elif kind == "swap":
        entries[index], entries[index + 1] = entries[index + 1], entries[index]
    else:  # a forger who recomputes the changed entry's own hash breaks the next link
        forged = replace(entries[index].fact, action="forged")
        entries[index] = link(entries[index].previous_hash, forged, place)
    found = verify(entries)
    assert not found.intact
    assert found.first_broken_place in (place, place + 1)


@given(value=JSON)
def test_plain_values_are_stable_and_hold_only_what_json_and_the_database_can(value):
    once = plain(value)
    assert plain(once) == once
    assert canonical(fact(details={"v": once}), 1) == canonical(fact(details={"v": value}), 1)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(number):
    assert plain(number) == number


def test_what_json_lacks_becomes_text():
    assert plain({"n": math.nan, "i": -math.inf, "z": "a\x00b"}) == {"n": "nan", "i": "-inf", "z": "a\ufffdb"}
