"""Writing, changing, importing, exporting and suggesting rules through the running service."""

import grpc
import pytest
import yaml

from ..rig import failure_of
from .calls import Quality

CODE = grpc.StatusCode
CSV = "id,age,mail\n" + "".join(f"{n},{20 + n % 50},p{n}@example.com\n" for n in range(200))


@pytest.fixture
def quality(rig, analyst) -> Quality:
    return Quality(rig, analyst)


def test_a_rule_is_created_changed_and_deleted(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    rule = quality.rule(dataset.id, {"range": {"column": "age", "minimum": 18}}, description="adults", gates=True)
    assert (rule.name, rule.kind, rule.severity, rule.enabled) == ("range age", "range", "error", True)
    assert quality.call("GetQualityRule", id=rule.id) == rule
    failure = failure_of(lambda: quality.rule(dataset.id, {"range": {"column": "age", "minimum": 0}}))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "QUALITY_RULE_EXISTS")
    changed = quality.call("UpdateQualityRule", id=rule.id, enabled=False, tolerance=0.25, etag=rule.etag)
    assert (changed.enabled, changed.tolerance, changed.description, changed.gates) == (False, 0.25, "adults", True)
    assert changed.check.range.minimum.number_value == 18
    stale = failure_of(lambda: quality.call("UpdateQualityRule", id=rule.id, name="x", etag=rule.etag))
    assert stale.reason == "ETAG_MISMATCH"
    cleared = quality.call("UpdateQualityRule", id=rule.id, update_mask="description,enabled")
    assert (cleared.description, cleared.enabled) == ("", True)
    wrong = failure_of(lambda: quality.call("UpdateQualityRule", id=rule.id, severity="info"))
    assert (wrong.reason, wrong.metadata["field"]) == ("QUALITY_RULE_INVALID", "gates")
    quality.call("DeleteQualityRule", id=rule.id)
    assert failure_of(lambda: quality.call("GetQualityRule", id=rule.id)).code is CODE.NOT_FOUND
    assert len(rig.audited(analyst, "quality_rule.create")) == 1


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"range": {"column": "years", "minimum": 18}}, "no column 'years'"),
        ({"range": {"column": "Age", "minimum": 18}}, "'age' is written differently"),
        ({"range": {"column": "mail", "minimum": 18}}, "numbers, dates and times"),
        ({"range": {"column": "age"}}, "a minimum, a maximum or both"),
        ({"range": {"column": "age", "minimum": "old"}}, "cannot be compared"),
        ({"set": {"column": "age", "values": ["x"]}}, "cannot be compared"),
        ({"pattern": {"column": "mail", "pattern": "(a"}}, "no regular expression"),
        ({"pattern": {"column": "mail", "pattern": "(?=a)b"}}, "RE2"),
        ({"length": {"column": "age", "maximum": 3}}, "for texts"),
        ({"length": {"column": "mail", "minimum": 3, "maximum": 2}}, "greater than the maximum"),
        ({"freshness": {"column": "age", "maximum_age": "10s"}}, "dates and times"),
        ({"type": {"column": "mail", "type": "email", "format": "%d"}}, "a format is for"),
        ({"row_condition": {"expression": "age >"}}, "position 6"),
        ({"row_condition": {"expression": "age > mail"}}, "integer cannot be compared with text"),
        ({"row_condition": {"expression": "age + 1"}}, "must be a condition"),
        ({"row_condition": {"expression": "pg_sleep(10)"}}, "no function pg_sleep"),
        ({"row_condition": {"expression": "sum(age) > 1"}}, "cross_table"),
        ({"row_condition": {"expression": "mail matches '(a'"}}, "no regular expression"),
        ({"row_condition": {"expression": "not " * 100 + "true"}}, "nested more than"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_field(rig, analyst, quality, check, words):
    dataset = rig.upload(analyst, CSV)
    failure = failure_of(lambda: quality.rule(dataset.id, check))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "QUALITY_RULE_INVALID")
    assert words in failure.message
    assert failure.metadata["field"] == f"check.{next(iter(check))}"


@pytest.mark.parametrize("schedule", ["every day", "* * * *", "61 * * * *", "* * * * * *"])
def test_a_schedule_is_five_cron_fields(rig, analyst, quality, schedule):
    dataset = rig.upload(analyst, CSV)
    failure = failure_of(lambda: quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, schedule=schedule))
    assert (failure.reason, failure.metadata["field"]) == ("QUALITY_RULE_INVALID", "schedule")


def test_rules_are_listed_for_those_who_may_see_the_dataset(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, severity="warning", name="b")
    quality.rule(dataset.id, {"not_null": {"columns": ["id"]}}, name="a")
    assert [rule.name for rule in quality.call("ListQualityRules", order_by="name").rules] == ["a", "b"]
    found = quality.call("ListQualityRules", filter='severity = "warning" AND kind = "unique"').rules
    assert [rule.name for rule in found] == ["b"]
    assert list(Quality(rig, rig.hire()).call("ListQualityRules").rules) == []
    viewer = Quality(rig, rig.hire("viewer", analyst.org_id))
    assert len(viewer.call("ListQualityRules").rules) == 2
    denied = failure_of(lambda: viewer.rule(dataset.id, {"unique": {"columns": ["age"]}}))
    assert denied.code is CODE.PERMISSION_DENIED


def test_rules_leave_and_come_back_as_yaml_and_json(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV, name="one")
    other = rig.upload(analyst, CSV, name="two")
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, gates=True, description="keys")
    quality.rule(dataset.id, {"range": {"column": "age", "minimum": 18, "maximum": 99.5}}, severity="warning")
    quality.rule(dataset.id, {"row_condition": {"expression": "age > 0"}}, schedule="0 6 * * 1", tolerance=0.1)
    for form in ("yaml", "json"):
        document = quality.call("ExportQualityRules", dataset_id=dataset.id, format=form)
        assert document.rule_count == 3
        assert len(yaml.safe_load(document.content)["rules"]) == 3
        wanted = {"dataset_id": other.id, "content": document.content}
        tried = quality.call("ImportQualityRules", **wanted, dry_run=True)
        done = quality.call("ImportQualityRules", **wanted)
        expected = (3, 0) if form == "yaml" else (0, 3)
        assert (tried.created_count, tried.unchanged_count) == expected
        assert (done.created_count, done.unchanged_count) == expected
    assert quality.call("ExportQualityRules", dataset_id=other.id, format="json") == document
    less = "rules:\n- name: unique id\n  check:\n    unique: {columns: [id, age]}\n"
    done = quality.call("ImportQualityRules", dataset_id=other.id, content=less, replace=True)
    assert (done.created_count, done.updated_count, done.deleted_count) == (0, 1, 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("rules: [", "line 1"),
        ("a: 1", 'a list "rules"'),
        ("version: 2\nrules: []", "version must be 1"),
        ("rules: [1]", "rule 1 is no mapping"),
        ("rules: [{check: {nonsense: {}}}]", "rule 1"),
        ("rules: [{name: x}]", "rule 1"),
        ("rules: [{check: {unique: {columns: []}}}]", "rule 1"),
        ("rules: [{name: a, check: {unique: {columns: [id]}}}, {name: a, check: {json: 1}}]", "rule 2"),
        ("rules: [{check: {unique: {columns: [id]}}}, {check: {unique: {columns: [id]}}}]", "two rules"),
        ("a: &a [1]\nrules: [*a, *a]", "anchors"),
        ("rules: !!python/object/apply:os.system ['true']", "line 1"),
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_changes_nothing_and_says_where(rig, analyst, quality, content, words):
    dataset = rig.upload(analyst, CSV)
    failure = failure_of(lambda: quality.call("ImportQualityRules", dataset_id=dataset.id, content=content))
    assert failure.reason == "QUALITY_RULE_DOCUMENT_INVALID"
    assert words in failure.message


def test_the_profile_speaks_for_rules_and_the_version_keeps_them(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    found = quality.call("SuggestQualityRules", dataset_id=dataset.id, wait="20s")
    assert found.status == "succeeded"
    kinds = {(each.rule.check.WhichOneof("kind"), each.rule.name) for each in found.suggestions}
    assert {
        ("unique", "unique id"),
        ("not_null", "not_null age"),
        ("type", "type mail"),
        ("range", "range age"),
    } <= kinds
    assert [each.confidence for each in found.suggestions] == sorted(
        (each.confidence for each in found.suggestions), reverse=True
    )
    assert all(each.justification for each in found.suggestions)
    from google.protobuf.json_format import MessageToDict

    rules = [MessageToDict(each.rule, preserving_proto_field_name=True) for each in found.suggestions]
    validation = quality.validated(dataset.id, rules=rules)
    assert {result.status for result in validation.results} == {"passed"}
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}})
    again = quality.call("SuggestQualityRules", dataset_id=dataset.id, wait="20s")
    assert len(again.suggestions) == len(found.suggestions) - 1
