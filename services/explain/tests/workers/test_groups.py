import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_explain.errors import AttributeUnusable
from raia_explain.workers.groups import Definition, assign, bin_labels

pytestmark = pytest.mark.fast


def of(values, **definition):
    return list(assign(Definition("a", "c", **definition), pd.Series(values)))


def test_bins_are_named_by_their_bounds_and_hold_their_lower_one():
    assert of([24.9, 25, 59, 60, None, 1000], bins=[25, 60]) == ["<25", "25–<60", "25–<60", "≥60", None, "≥60"]
    assert bin_labels([0.5]) == ["<0.5", "≥0.5"]
    assert of([1, 2, 3], bins=[2]) == ["<2", "≥2", "≥2"]


def test_a_map_joins_values_and_leaves_the_others_out():
    personal = {"A91": "male", "A92": "female", "A93": "male"}
    assert of(["A91", "A92", "A95", None, "A93"], groups=personal) == ["male", "female", None, None, "male"]
    assert of([1, 2.0, 3], groups={"1": "low", "2": "low"}) == ["low", "low", None]
    assert of([True, False], groups={"true": "in"}) == ["in", None]


def test_without_a_definition_each_value_is_a_group():
    assert of(["x", None, "y"]) == ["x", None, "y"]
    assert of([1, 0, 1]) == ["1", "0", "1"]


@pytest.mark.parametrize(
    ("values", "definition", "word"),
    [
        ([1, 2], {"bins": [3, 2]}, "ascending"),
        ([1, 2], {"bins": [2, 2]}, "ascending"),
        ([1, 2], {"bins": [float("nan")]}, "finite"),
        (["1", "2"], {"bins": [1]}, "numeric"),
        ([True, False], {"bins": [1]}, "numeric"),
        ([1, 2], {"bins": [1], "groups": {"1": "a"}}, "not both"),
        (["a"], {"groups": {"b": "x"}}, "none of the values"),
        (list(range(101)), {}, "different values"),
        (["x" * 201, "y"], {}, "more than 200 characters"),
    ],
)
def test_what_cannot_be_grouped_is_refused(values, definition, word):
    with pytest.raises(AttributeUnusable, match=word) as refused:
        of(values, **definition)
    assert refused.value.reason == "ATTRIBUTE_UNUSABLE"


_NUMBERS = st.floats(allow_nan=False, width=32)


@given(
    st.lists(_NUMBERS | st.none(), min_size=1, max_size=50),
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=6, unique=True),
)
def test_every_number_falls_into_the_bin_whose_bounds_hold_it(values, bins):
    bins = sorted(bins)
    found = of(pd.Series(values, dtype="float64"), bins=bins)
    edges = [-np.inf, *bins, np.inf]
    for value, group in zip(values, found, strict=True):
        if value is None:
            assert group is None
            continue
        place = bin_labels(bins).index(group)
        assert edges[place] <= value
        assert value < edges[place + 1] or (place == len(bins) and value == np.inf)


@given(
    st.lists(st.sampled_from("abcde") | st.none(), min_size=1, max_size=50),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["x", "y"]), min_size=1),
)
def test_a_map_is_applied_value_by_value(values, groups):
    wanted = [groups.get(value) if value is not None else None for value in values]
    if any(group is not None for group in wanted):
        assert of(pd.Series(values, dtype=object), groups=groups) == wanted
