"""What the policy says of a version: every way in which evidence can count or not."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from raia_ml.gates.domain import Decisions, Evidence, Policy, judge

pytestmark = pytest.mark.fast

MODEL, DIGEST = UUID(int=1), "a" * 64
START = datetime(2026, 1, 1, tzinfo=UTC)


def evidence(figures, *, age=0, digest=DIGEST, model=MODEL, withdrawn=False, kind="fairness", number=0):
    made = START - timedelta(hours=age)
    return Evidence(
        id=UUID(int=100 + number),
        kind=kind,
        model_id=model,
        version=1,
        digest=digest,
        report_id=UUID(int=1000 + number),
        report_digest="b" * 64,
        figures=figures,
        created_at=made,
        withdrawn_at=made if withdrawn else None,
    )


def impact(value, **more):
    return {"disparate_impact": value, **more}


def verdict(*found, attributes=("sex",), minimum=0.8):
    policy = Policy(version=3, protected_attributes=attributes, minimum_disparate_impact=minimum)
    return judge(policy, found, model_id=MODEL, version=1, digest=DIGEST)


@pytest.mark.parametrize(
    ("found", "allowed"),
    [
        ([], False),
        ([evidence({"sex": impact(0.9)})], True),
        ([evidence({"sex": impact(0.8)})], True),
        ([evidence({"sex": impact(0.79999)})], False),
        ([evidence({"sex": impact(0.0)})], False),
        ([evidence({"sex": {"disparate_impact": {"value": 0.9, "lower": 0.7}}})], True),
        # another attribute, another digest, another model, another kind, withdrawn
        ([evidence({"age": impact(0.9)})], False),
        ([evidence({"sex": impact(0.9)}, digest="c" * 64)], False),
        ([evidence({"sex": impact(0.9)}, model=UUID(int=2))], False),
        ([evidence({"sex": impact(0.9)}, kind="quality")], False),
        ([evidence({"sex": impact(0.9)}, withdrawn=True)], False),
        # nothing was judged
        ([evidence({"sex": {}})], False),
        ([evidence({"sex": impact(None)})], False),
        ([evidence({"sex": impact("0.9")})], False),
        ([evidence({"sex": impact(True)})], False),
        ([evidence({"sex": impact(float("nan"))})], False),
        ([evidence({"sex": impact(float("inf"))})], False),
        ([evidence({"sex": impact(0.9, judged=False)})], False),
        ([evidence({"sex": 0.9})], False),
        # of several the latest counts
        ([evidence({"sex": impact(0.9)}, age=2), evidence({"sex": impact(0.5)}, age=1)], False),
        ([evidence({"sex": impact(0.5)}, age=2), evidence({"sex": impact(0.9)}, age=1)], True),
        ([evidence({"sex": impact(0.9)}, age=2), evidence({"sex": impact(0.5)}, age=1, withdrawn=True)], True),
        ([evidence({"sex": impact(0.5)}, age=2), evidence({"sex": impact(None)}, age=1)], False),
        ([evidence({"sex": impact(0.9)}, age=2), evidence({"age": impact(0.5)}, age=1)], True),
    ],
)
def test_truth_table(found, allowed):
    assert verdict(*found).allowed is allowed
    assert verdict(*reversed(found)).allowed is allowed


def about(**outcome):
    return evidence({"sex": impact(0.9, favourable_outcome=outcome)})


@pytest.mark.parametrize(
    ("found", "decisions", "fault"),
    [
        (about(favourable_class="1"), Decisions("1", 2), ""),
        (about(favourable_class="1"), Decisions("", 2), ""),
        (about(favourable_class="1", threshold=0.5), Decisions("1", 2), ""),
        (about(regression_threshold=3.0, side="above"), Decisions("", 0), ""),
        (about(favourable_class="2"), Decisions("1", 2), "takes '2' for favourable, and the model records '1'"),
        (about(favourable_class="1", threshold=0.0), Decisions("1", 2), "judged a threshold of 0, not the model's own"),
        (about(favourable_class="1", threshold=0.5), Decisions("1", 3), "judged a threshold of 0.5, not the model's"),
    ],
)
def test_a_report_counts_when_it_is_about_the_version_s_own_decisions(found, decisions, fault):
    policy = Policy(version=3, protected_attributes=("sex",))
    before = evidence({"sex": impact(0.95, favourable_outcome={"favourable_class": "1"})}, age=1, number=1)
    for pieces, allowed in (([found], not fault), ([found, before], True)):
        decided = judge(policy, pieces, model_id=MODEL, version=1, digest=DIGEST, decisions=decisions)
        assert decided.allowed is allowed
        (check,) = decided.checks
        counted = before if fault and len(pieces) > 1 else found
        assert check.report_id == (counted.report_id if allowed else None)
        assert allowed or fault in check.message


def test_every_attribute_is_needed():
    decided = verdict(evidence({"sex": impact(0.9), "age": impact(0.7)}), attributes=("sex", "age", "origin"))
    assert not decided.allowed
    assert decided.failed == ["disparate_impact:age", "disparate_impact:origin"]
    sex, age, origin = decided.checks
    assert (sex.value, sex.limit, sex.margin, sex.report_id) == (0.9, 0.8, pytest.approx(0.1), UUID(int=1000))
    assert age.margin == pytest.approx(-0.1)
    assert "0.7000" in age.message
    assert "0.80" in age.message
    assert (origin.value, origin.margin, origin.report_id) == (None, None, None)


def test_without_protected_attributes_everything_is_refused():
    decided = verdict(evidence({"sex": impact(1.0)}), attributes=())
    assert decided.failed == ["protected_attributes"]
    assert judge(Policy(), [], model_id=MODEL, version=1, digest=DIGEST).failed == ["protected_attributes"]


def test_the_minimum_is_the_policy_s():
    found = evidence({"sex": impact(0.5)})
    assert verdict(found, minimum=0.5).allowed
    assert not verdict(found, minimum=0.51).allowed
    assert verdict(evidence({"sex": impact(0.0)}), minimum=0.0).allowed


FIGURES = some.dictionaries(
    some.sampled_from(["sex", "age"]),
    some.fixed_dictionaries({"disparate_impact": some.none() | some.floats() | some.text()}),
)
PIECES = some.builds(
    evidence,
    FIGURES,
    age=some.integers(0, 5),
    digest=some.sampled_from([DIGEST, "c" * 64]),
    withdrawn=some.booleans(),
    number=some.integers(0, 50),
)


@settings(deadline=None)
@given(some.lists(PIECES), some.lists(PIECES), some.floats(0, 1))
def test_what_does_not_count_changes_nothing(found, others, minimum):
    absent = [each for each in others if each.withdrawn_at or each.digest != DIGEST]
    attributes = ("sex", "age")
    assert verdict(*found, minimum=minimum, attributes=attributes) == verdict(
        *found, *absent, minimum=minimum, attributes=attributes
    )


@settings(deadline=None)
@given(some.lists(PIECES), some.floats(0, 1))
def test_allowed_means_that_every_attribute_has_a_figure_that_suffices(found, minimum):
    decided = verdict(*found, minimum=minimum, attributes=("sex", "age"))
    assert decided.allowed == all(check.value is not None and check.value >= minimum for check in decided.checks)
