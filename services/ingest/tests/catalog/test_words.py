"""Words are found whatever their case, accents and spelling as names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.catalog.words import Text, by_weight, matches, texts_of, words

pytestmark = pytest.mark.fast


def test_names_are_split_as_people_read_them():
    assert words("policy_number InvoiceNo Prämie-2026 ÉTÉ") == [
        "policy", "number", "invoice", "no", "invoiceno", "pramie", "2026", "ete",
    ]  # fmt: skip


@given(st.text())
def test_words_can_stand_in_a_query(text):
    assert all(word and not set(word) & set("'\\: &|!()<>\x00") for word in words(text))


def test_values_of_columns_that_name_people_are_left_out():
    columns = [
        {"name": "city", "type": "string", "top_values": [{"value": "Bern", "count": 2}]},
        {"name": "who", "type": "string", "personal_data": {"identifies": "direct"}, "top_values": [{"value": "Ann"}]},
        {"name": "amount", "type": "float", "top_values": [{"value": 1.5}]},
    ]  # fmt: skip
    found = texts_of("n", "", ["t"], ["city"], {"columns": columns})
    assert found == [Text("name", "n"), Text("tag", "t"), Text("column", "city"), Text("value", "Bern", "city")]


def test_what_is_long_is_bounded_and_shown_in_part():
    weighted = by_weight([Text("column", f"column{n}") for n in range(50_000)])
    assert 90_000 < len(weighted["B"]) <= 100_000
    (found,) = matches([Text("description", "x " * 500 + "storm damage " + "y " * 500)], ["damag"])
    assert "storm damage" in found.text
    assert len(found.text) < 250
