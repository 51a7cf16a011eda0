import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from hypothesis import given, settings
from hypothesis import strategies as st
from raia_explain.workers import parity
from sklearn.metrics import accuracy_score

pytestmark = pytest.mark.fast


def rows(table):
    """Decisions, labels and groups of a table from group to its counts tp, fp, fn, tn."""
    selected, deserving, groups = [], [], []
    for name, (tp, fp, fn, tn) in table.items():
        selected += [True] * (tp + fp) + [False] * (fn + tn)
        deserving += [True] * tp + [False] * fp + [True] * fn + [False] * tn
        groups += [name] * (tp + fp + fn + tn)
    return np.array(selected, dtype=bool), np.array(deserving, dtype=bool), np.array(groups, dtype=object)


def analysed(table, **options):
    return parity.analyse(*rows(table), attribute="sex", **options)


def test_a_table_worked_by_hand():
    # women: 40 rows, 20 selected (15 of 25 deserving, 5 of 15 others); men: 60 rows, 45 selected (36 of 40, 9 of 20)
    found = analysed({"F": (15, 5, 10, 10), "M": (36, 9, 4, 11)})
    women, men = found["groups"][1], found["groups"][0]
    assert (men["group"], men["count"], men["judged"]) == ("M", 60, True)
    assert women["selection_rate"]["value"] == 20 / 40
    assert men["selection_rate"]["value"] == 45 / 60
    assert women["true_positive_rate"] == 15 / 25
    assert men["true_positive_rate"] == 36 / 40
    assert women["false_positive_rate"] == 5 / 15
    assert men["false_positive_rate"] == 9 / 20
    assert women["accuracy"] == 25 / 40
    assert men["accuracy"] == 47 / 60
    assert found["reference_group"] == "M"
    assert women["selection_rate_difference"] == 0.5 - 0.75
    assert men["selection_rate_difference"] == 0.0
    assert found["disparate_impact"]["value"] == pytest.approx(0.5 / 0.75, abs=1e-15)
    assert found["demographic_parity_difference"]["value"] == 0.25
    assert found["equalized_odds_difference"]["value"] == pytest.approx(0.9 - 0.6)
    assert found["judged"]
    assert found["ungrouped_row_count"] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("abcde"),
        st.tuples(*[st.integers(0, 40)] * 4),
        min_size=1,
    )
)
def test_figures_equal_those_of_fairlearn_on_the_judged_groups(table):
    found = analysed(table)
    judged = {name: row for name, row in table.items() if sum(row) >= 30}
    assert {group["group"] for group in found["groups"] if group["judged"]} == set(judged)
    assert {group["group"] for group in found["groups"]} == {name for name, row in table.items() if sum(row)}
    if len(judged) < 2:
        assert not found["judged"]
        assert "disparate_impact" not in found
        return
    selected, deserving, groups = rows(judged)
    arguments = {"y_true": deserving, "y_pred": selected, "sensitive_features": groups}
    by_group = fairlearn.MetricFrame(
        metrics={"rate": fairlearn.selection_rate, "accuracy": accuracy_score}, **arguments
    ).by_group
    for group in found["groups"]:
        if group["judged"]:
            assert group["selection_rate"]["value"] == pytest.approx(by_group["rate"][group["group"]], abs=1e-12)
            assert group["accuracy"] == pytest.approx(by_group["accuracy"][group["group"]], abs=1e-12)
    assert found["demographic_parity_difference"]["value"] == pytest.approx(
        fairlearn.demographic_parity_difference(**arguments), abs=1e-12
    )
    if found["judged"]:
        assert found["disparate_impact"]["value"] == pytest.approx(
            fairlearn.demographic_parity_ratio(**arguments), abs=1e-12
        )
    else:
        assert by_group["rate"].max() == 0
    if all(tp + fn and fp + tn for tp, fp, fn, tn in judged.values()):
        assert found["equalized_odds_difference"]["value"] == pytest.approx(
            fairlearn.equalized_odds_difference(**arguments), abs=1e-12
        )


def test_small_groups_are_shown_and_not_judged():
    found = analysed({"big": (10, 10, 10, 10), "other": (10, 5, 10, 5), "small": (29, 0, 0, 0)})
    assert [(group["group"], group["judged"]) for group in found["groups"]] == [
        ("big", True),
        ("other", True),
        ("small", False),
    ]
    assert found["disparate_impact"]["value"] == 1.0
    assert found["groups"][2]["selection_rate"]["value"] == 1.0


def test_one_judged_group_cannot_be_judged():
    found = analysed({"big": (10, 10, 10, 10), "small": (29, 0, 0, 0)})
    assert not found["judged"]
    assert "only one group" in found["not_judged_because"]
    assert "disparate_impact" not in found
    found = analysed({"small": (1, 1, 1, 1)})
    assert "no group has" in found["not_judged_because"]
    assert found["reference_group"] == ""


def test_a_highest_rate_of_zero_cannot_be_judged():
    found = analysed({"a": (0, 0, 20, 20), "b": (0, 0, 10, 40)})
    assert not found["judged"]
    assert "nothing to compare" in found["not_judged_because"]
    assert "disparate_impact" not in found
    assert found["demographic_parity_difference"]["value"] == 0.0


def test_a_lowest_rate_of_zero_is_an_impact_of_zero():
    found = analysed({"a": (0, 0, 20, 20), "b": (10, 0, 10, 40)})
    assert found["judged"]
    assert found["disparate_impact"] == {"value": 0.0, "lower": 0.0, "upper": 0.0}


def test_groups_without_deserving_rows_have_no_true_positive_rate():
    found = analysed({"a": (0, 20, 0, 20), "b": (10, 10, 10, 10)})
    by_name = {group["group"]: group for group in found["groups"]}
    assert "true_positive_rate" not in by_name["a"]
    assert found["equalized_odds_difference"]["value"] == 0.0
    neither = analysed({"a": (0, 20, 0, 20), "b": (20, 0, 20, 0)})
    assert "equalized_odds_difference" not in neither


def test_rows_without_a_group_are_counted():
    selected, deserving, groups = rows({"a": (10, 10, 10, 10), "b": (10, 10, 10, 10)})
    groups[:7] = None
    found = parity.analyse(selected, deserving, groups, attribute="sex", reference_group="b")
    assert found["ungrouped_row_count"] == 7
    assert found["reference_group"] == "b"
    assert {group["group"]: group["count"] for group in found["groups"]} == {"a": 33, "b": 40}


def test_the_bootstrap_agrees_with_resampling_rows_and_repeats():
    table = {"F": (15, 5, 10, 10), "M": (36, 9, 4, 11)}
    found = analysed(table)
    assert found == analysed(table)
    selected, _, groups = rows(table)
    random = np.random.default_rng(1)
    by_group = [selected[groups == name].astype(float) for name in ("F", "M")]
    rates = np.array([[random.choice(group, len(group)).mean() for group in by_group] for _ in range(4000)])
    lower, upper = np.percentile(rates.min(axis=1) / rates.max(axis=1), [2.5, 97.5])
    assert found["disparate_impact"]["lower"] == pytest.approx(lower, abs=0.03)
    assert found["disparate_impact"]["upper"] == pytest.approx(upper, abs=0.03)
    low, high = np.percentile(rates[:, 0], [2.5, 97.5])
    women = next(group for group in found["groups"] if group["group"] == "F")
    assert women["selection_rate"]["lower"] == pytest.approx(low, abs=0.03)
    assert women["selection_rate"]["upper"] == pytest.approx(high, abs=0.03)


def test_intervals_cover_the_true_rate_about_as_often_as_they_say():
    random = np.random.default_rng(7)
    covered = 0
    for trial in range(300):
        chosen = random.random(200) < 0.3
        table = np.array([[chosen.sum(), 0, 0, 200 - chosen.sum()]])
        drawn = parity.resample(table, 1000, trial)
        bounds = parity.interval(parity.selection_rate, table[0], drawn[:, 0])
        covered += bounds["lower"] <= 0.3 <= bounds["upper"]
    assert 0.90 <= covered / 300 <= 0.985
