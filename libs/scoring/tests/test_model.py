"""What models answer, and in which terms."""

import numpy as np
import pytest
from raia_scoring.estimators import ALGORITHMS
from raia_scoring.rows import rows_to_frame
from scipy.special import expit, softmax

from .models import CASES, fitted, table
from .test_artefact import name

CLASSIFIERS = [case for case in CASES if case[1] == "classification"]
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


@pytest.mark.parametrize("case", CLASSIFIERS, ids=map(name, CLASSIFIERS))
def test_the_margin_leads_to_the_probability(case):
    model = fitted(*case)
    frame = table(seed=8)
    probabilities, margin = model.predict_proba(frame), model.margin(frame)
    assert probabilities.shape == (len(frame), case[2])
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert margin.shape == ((len(frame),) if case[2] == 2 else (len(frame), 3))
    if model.margin_scale == "log_odds":
        expected = expit(margin) if case[2] == 2 else softmax(margin, axis=1)
    else:
        expected = margin
    found = probabilities[:, 1] if case[2] == 2 else probabilities
    assert np.allclose(found, expected, atol=TOLERANCE[model.precision])
    assert list(model.predict(frame)) == [model.classes[each.argmax()] for each in probabilities]


@pytest.mark.parametrize("case", [case for case in CASES if case[1] == "regression"], ids=str)
def test_a_regressor_answers_numbers(case):
    model = fitted(*case)
    frame = table(seed=8)
    assert model.predict(frame).shape == (len(frame),)
    assert np.array_equal(model.predict(frame), model.margin(frame))
    assert (model.margin_scale, model.classes) == ("target", ())
    with pytest.raises(TypeError):
        model.predict_proba(frame)


def test_every_encoded_column_has_a_source():
    model = fitted("logistic_regression", "classification")
    encoded = model.encode(table())
    assert encoded.dtype == np.float64
    assert len(model.encoded_sources) == encoded.shape[1] == len(model.encoded_mean)
    # age, income, income missing, four cities and missing, two of member
    assert model.encoded_sources == ("age", "income", "income", *["city"] * 5, *["member"] * 2)
    assert np.allclose(model.encoded_mean, encoded.mean(axis=0))


def test_unseen_and_missing_values_are_scored():
    model = fitted("random_forest", "classification")
    frame = table(rows=4)
    frame["city"] = ["Atlantis", None, "Rome", "Oslo"]
    frame.loc[0, "income"] = np.inf
    encoded = model.encode(frame)
    city = [position for position, source in enumerate(model.encoded_sources) if source == "city"]
    assert encoded[:, city].sum(axis=1).tolist() == [0, 1, 1, 1]
    income = [position for position, source in enumerate(model.encoded_sources) if source == "income"]
    assert encoded[0, income[1]] == 1
    assert np.isfinite(encoded).all()


def test_other_columns_and_their_order_do_not_matter():
    model = fitted("lightgbm", "classification")
    frame = table()
    shuffled = frame[["ignored", "member", "city", "income", "age"]]
    assert np.array_equal(model.predict_proba(frame), model.predict_proba(shuffled))
    with pytest.raises(KeyError):
        model.predict(frame.drop(columns="age"))


def test_rows_do_not_influence_each_other():
    frame = table(seed=8)
    for case in CASES:
        model = fitted(*case)
        whole, alone = model.margin(frame), model.margin(frame.iloc[[17]])
        assert np.allclose(whole[17], alone[0], rtol=1e-12), case


def test_the_table_of_algorithms():
    assert {case[0] for case in CASES} == set(ALGORITHMS)


@pytest.mark.parametrize("case", CASES, ids=map(name, CASES))
def test_a_row_is_scored_alone_as_among_others(case):
    model = fitted(*case)
    frame = table(rows=60, seed=8)
    assert frame["city"].isna().any()
    encoded, margin = model.encode(frame), model.margin(frame)
    for place in range(len(frame)):
        for given in (frame.iloc[[place]], rows_to_frame([_sent(frame, place)], model.signature)[0]):
            assert np.array_equal(model.encode(given)[0], encoded[place])
            assert np.allclose(model.margin(given)[0], margin[place], atol=TOLERANCE[model.precision])


def _sent(frame, place):
    """A row of the table as callers send it, what is missing as null."""
    row = frame.drop(columns="ignored").iloc[place].to_dict()
    return {
        key: None if value is None or value != value else bool(value) if key == "member" else value
        for key, value in row.items()
    }
