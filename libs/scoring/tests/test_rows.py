"""Rows of callers become frames, or errors that name row and column."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from raia_scoring import FeatureSpec, RowInvalid, Signature, rows_to_frame

from .models import SIGNATURE, fitted, table

GOOD = {"age": 30, "income": 20.5, "city": "Rome", "member": True}


def test_a_good_row_has_no_warnings():
    frame, warnings = rows_to_frame([GOOD, dict(reversed(GOOD.items()))], SIGNATURE)
    assert warnings == [[], []]
    assert list(frame.columns) == ["age", "income", "city", "member"]
    assert frame["age"].tolist() == [30.0, 30.0]
    assert frame["member"].tolist() == ["true", "true"]


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"city": "Paris"}, "city: 'Paris' was never seen"),
        ({"age": 200}, "age: 200 is outside the range of training, 18 to 79"),
        ({"age": None}, "age: missing, which it never was"),
        ({"member": None}, "member: missing"),
    ],
)
def test_odd_rows_are_scored_with_a_warning(change, warning):
    _, warnings = rows_to_frame([GOOD, GOOD | change], SIGNATURE)
    assert warnings[0] == []
    assert len(warnings[1]) == 1
    assert warning in warnings[1][0]


def test_missing_where_training_saw_it_missing_is_not_odd():
    frame, warnings = rows_to_frame([GOOD | {"income": None, "city": None}], SIGNATURE)
    assert warnings == [[]]
    assert math.isnan(frame["income"][0])
    assert frame["city"][0] is None


def test_columns_not_given_are_missing():
    _, warnings = rows_to_frame([{"age": 20}], SIGNATURE)
    assert [text.partition(":")[0] for text in warnings[0]] == ["income", "city", "member"]


def test_a_row_s_warnings_are_few():
    inputs = tuple(FeatureSpec(f"c{number}", "numeric", minimum=0.0, maximum=1.0) for number in range(100))
    _, warnings = rows_to_frame([{}, {"c3": 1.0}], Signature(inputs))
    assert [len(each) for each in warnings] == [21, 21]
    assert [each[-1] for each in warnings] == ["… and 80 more", "… and 79 more"]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"height": 3}, "height"),
        ({"age": "30"}, "age"),
        ({"age": True}, "age"),
        ({"age": math.nan}, "age"),
        ({"income": math.inf}, "income"),
        ({"income": -math.inf}, "income"),
        ({"age": [30]}, "age"),
        ({"city": 5}, "city"),
        ({"city": {"name": "Rome"}}, "city"),
    ],
)
def test_bad_rows_name_row_and_column(change, column):
    with pytest.raises(RowInvalid) as caught:
        rows_to_frame([GOOD, GOOD | change], SIGNATURE)
    assert caught.value.reason == "ROW_INVALID"
    assert caught.value.metadata == {"row": "1", "column": column}


def test_a_column_with_more_categories_than_listed_does_not_call_them_unseen():
    signature = Signature((FeatureSpec("code", "categorical", ("a",), complete=False),))
    assert rows_to_frame([{"code": "zzz"}], signature)[1] == [[]]


def test_rows_score_as_the_table_does():
    model = fitted("xgboost", "classification")
    frame = table(rows=50)
    rows = [
        {name: None if value != value or value is None else value for name, value in row.items() if name != "ignored"}
        for row in frame.to_dict("records")
    ]
    sent, _ = rows_to_frame(rows, model.signature)
    assert np.array_equal(model.predict_proba(sent), model.predict_proba(frame))


JSON = some.none() | some.booleans() | some.floats() | some.text(max_size=5) | some.just([1]) | some.just({"a": None})


@given(
    rows=some.lists(some.fixed_dictionaries({}, optional=dict.fromkeys([*SIGNATURE.names, "other"], JSON)), max_size=4)
)
def test_any_row_gives_a_frame_or_a_row_error(rows):
    try:
        frame, warnings = rows_to_frame(rows, SIGNATURE)
    except RowInvalid as error:
        assert error.metadata["row"].isdigit()
        return
    assert len(frame) == len(warnings) == len(rows)
    assert not np.isinf(frame["age"]).any()
