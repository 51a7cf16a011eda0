"""Units, dates and values: what becomes what."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.workers.matching.dates import FORMATS, date_order
from raia_ingest.workers.matching.units import UNITS, converted, scale_in_text, unit_in_name, unit_in_text, unit_named
from raia_ingest.workers.matching.values import map_values


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        (100, "cm", "m", 1.0),
        (1, "mile", "km", 1.609344),
        (32, "f", "c", 0.0),
        (100, "celsius", "kelvin", 373.15),
        (2, "years", "months", 24.0),
        (25, "percent", "fraction", 0.25),
        (1, "kwh", "wh", 1000.0),
    ],
)
def test_units_are_converted(value, source, target, wanted):
    assert converted(value, unit_named(source), unit_named(target)) == pytest.approx(wanted, abs=1e-6)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_there_and_back_is_the_same(one, other, value):
    source, target = UNITS[one], UNITS[other]
    if source.dimension != target.dimension:
        with pytest.raises(ValueError, match="is a"):
            converted(value, source, target)
        return
    assert converted(converted(value, source, target), target, source) == pytest.approx(value, rel=1e-6, abs=1e-3)


def test_units_are_read_from_names_and_texts():
    assert unit_in_name("tumor_size_cm")[0] is UNITS["cm"]
    assert unit_in_name("age.in.months") == (UNITS["months"], 2)
    assert unit_in_name("height (m)")[0] is UNITS["m"]
    assert unit_in_name("block_m")[0] is None
    assert unit_in_name("depth_m", UNITS["km"])[0] is UNITS["m"]
    assert unit_in_text("Age expressed in number of days") is UNITS["days"]
    assert scale_in_text("The value in thousand of AUD") == 1000
    assert unit_named("parsecs") is None


@given(st.lists(st.dates(dt.date(1950, 1, 1), dt.date(2049, 12, 31)), min_size=1, max_size=20))
def test_the_order_of_dates_is_found_or_doubted(days):
    for order, form in (("ymd", "%Y-%m-%d"), ("dmy", "%d.%m.%Y"), ("mdy", "%m/%d/%Y")):
        found = date_order([day.strftime(form) for day in days])
        assert found.order == order or found.ambiguous or all(day.day == day.month for day in days)


def test_dates_that_are_two_dates_are_ambiguous():
    assert date_order(["01/02/2024", "03/04/2024"]).ambiguous
    assert not date_order(["01/02/2024", "13/04/2024"]).ambiguous
    assert date_order(["13/04/2024", "04/13/2024"]).order == ""
    assert date_order(["hello"]).order == ""
    assert set(FORMATS) == {"iso", "ymd", "dmy", "mdy"}


CLASSES = [
    ("flood", "river flood, inundation, heavy rain"),
    ("earthquake", "seismic event, quake, tremor"),
    ("theft", "burglary, stolen, robbery"),
    ("other", "anything else"),
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Flood", "flood"),
        ("EARTHQUAKE ", "earthquake"),
        ("the car was stolen", "theft"),
        ("inundation of the cellar", "flood"),
        ("weak tremor", "earthquake"),
        ("xyz", ""),
    ],
)
def test_texts_are_put_into_classes(text, wanted):
    assert map_values([text], CLASSES)[0].target == wanted


def test_codes_and_flags_are_understood():
    sexes = [("female", ""), ("male", "")]
    assert {each.source: each.target for each in map_values(["F", "M"], sexes)} == {"F": "female", "M": "male"}
    truth = [("yes", ""), ("no", "")]
    assert {each.source: each.target for each in map_values(["1", "0"], truth)} == {"1": "yes", "0": "no"}


def test_what_people_said_counts_most():
    found = map_values(["xyz", "flood"], CLASSES, {"xyz": "theft", "flood": "other"})
    assert [(each.target, each.probability) for each in found] == [("theft", 1.0), ("other", 1.0)]


@given(st.lists(st.text(max_size=30), max_size=10))
def test_any_text_is_answered(texts):
    labels = {label for label, _ in CLASSES}
    for each in map_values(texts, CLASSES):
        assert 0 <= each.probability <= 1
        assert each.target in labels | {""}
