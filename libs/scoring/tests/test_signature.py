"""Frames in the form that models see, with pandas 3's types."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from raia_scoring import FeatureSpec, Signature
from raia_scoring.signature import canonical, label, numbers, texts


@pytest.mark.parametrize(
    "dtype", ["int64", "int8", "uint64", "Int64", "float32", "Float64", "float64", "bool", "object"]
)
def test_numbers_of_every_type(dtype):
    found = numbers(pd.Series([1, 0], dtype=dtype))
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 0.0]


def test_missing_and_infinite_numbers_are_nan():
    assert np.isnan(numbers(pd.Series([np.nan, np.inf, -np.inf]))).all()
    assert np.isnan(numbers(pd.Series([None, pd.NA], dtype="Int64"))).all()
    assert np.isnan(numbers(pd.Series([None, None], dtype="object"))).all()


@pytest.mark.parametrize("dtype", ["str", "object", "category", "string"])
def test_texts_of_every_type(dtype):
    found = texts(pd.Series(["a", None, "b"], dtype=dtype))
    assert found.dtype == object
    assert found.tolist() == ["a", None, "b"]


def test_labels():
    assert [label(value) for value in (True, False, 3, 3.0, 3.5, "3.0", np.float64(2), np.bool_(True))] == [
        "true", "false", "3", "3", "3.5", "3.0", "2", "true",
    ]  # fmt: skip


def test_the_caller_s_frame_is_not_changed():
    frame = pd.DataFrame({"a": [1.0, np.inf]})
    canonical(frame, Signature((FeatureSpec("a", "numeric"),)))
    assert frame["a"].tolist() == [1.0, np.inf]


NUMBERS = some.none() | some.floats(allow_nan=False)
SPECS = some.builds(
    FeatureSpec,
    name=some.text(),
    kind=some.sampled_from(["numeric", "categorical"]),
    categories=some.lists(some.text()).map(tuple),
    minimum=NUMBERS,
    maximum=NUMBERS,
    nullable=some.booleans(),
    complete=some.booleans(),
)


@given(some.builds(Signature, some.lists(SPECS).map(tuple), some.lists(some.text()).map(tuple)))
def test_json_keeps_a_signature(signature):
    assert Signature.from_json(signature.to_json()) == signature
