"""Data quality reports and issues through the running service."""

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from ..rig import failure_of, wait_until
from .calls import Quality

CODE = grpc.StatusCode
ROWS = [f"{n},{'Berlin' if n % 2 else 'Paris'},{n % 20}.5,{n}" for n in range(100)]
ROWS += ["99,Berlin,1.5,99", "100,berlin ,2.5,x", "101,,900.5,101", "102,Paris,,102", "103"]
CSV = "id,city,price,code\n" + "\n".join(ROWS) + "\n"


@pytest.fixture
def quality(rig, analyst) -> Quality:
    return Quality(rig, analyst)


def test_a_report_counts_what_is_wrong_and_the_dataset_gets_its_score(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    assert not dataset.HasField("quality_score")
    report = quality.report(dataset.id)
    assert (report.status, report.version, report.row_count) == ("succeeded", 1, 104)
    plain = MessageToDict(report, preserving_proto_field_name=True)
    assert plain["missing_values"]["total"] == 2
    assert set(plain["missing_values"]["columns"]) == {"city", "price"}
    assert plain["outliers"]["columns"]["price"]["examples"] == [{"row_number": 103, "value": 900.5}]
    assert report.duplicates == 0
    assert plain["data_types"]["code"] == {"type": "string", "mostly": "number", "others": 1}
    issues = {(issue.kind, issue.column): issue for issue in report.quality_issues}
    assert {
        ("missing_values", "city"), ("missing_values", "price"), ("outliers", "price"), ("mixed_types", "code"),
        ("inconsistent_spelling", "city"), ("rejected_records", ""),
    } <= set(issues)  # fmt: skip
    mixed = issues["mixed_types", "code"]
    assert [(each.row_number, each.value.string_value) for each in mixed.examples] == [(102, "x")]
    assert "Mend or remove the values of code" in report.recommendations
    assert report.quality_score == pytest.approx(sum(part.score * part.weight for part in report.score_parts), abs=1e-4)
    assert sum(part.weight for part in report.score_parts) == pytest.approx(1)
    parts = {part.name: part.score for part in report.score_parts}
    assert parts["completeness"] == pytest.approx(1 - 2 / (104 * 4))
    assert parts["intake"] == pytest.approx(1 - 1 / 105)
    assert parts["validity"] == pytest.approx(1 - 1 / (104 * 4 - 2))
    assert rig.get(analyst, dataset.id).quality_score == report.quality_score
    assert "DatasetAssessed" in rig.events(dataset.id)
    assert quality.report(dataset.id) == report


def test_issues_are_paged_the_gravest_first(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}}, name="ids")
    assert quality.report(dataset.id).status == "succeeded"
    found = quality.call("ListQualityIssues", dataset_id=dataset.id, page_size=2)
    assert found.status == "succeeded"
    names = [issue.kind for issue in found.issues]
    while found.next_page_token:
        found = quality.call("ListQualityIssues", dataset_id=dataset.id, page_size=2, page_token=found.next_page_token)
        names += [issue.kind for issue in found.issues]
    assert names[0] == "rule_failed"
    assert len(names) == quality.report(dataset.id).issue_count
    (failed,) = quality.call("ListQualityIssues", dataset_id=dataset.id, filter='kind = "rule_failed"').issues
    assert (failed.severity, failed.count, failed.column) == ("error", 2, "id")
    assert [each.row_number for each in failed.examples] == [100, 101]
    by_count = quality.call("ListQualityIssues", dataset_id=dataset.id, order_by="count desc").issues
    assert [issue.count for issue in by_count] == sorted((issue.count for issue in by_count), reverse=True)


def test_assessing_again_makes_another_report_and_keeps_the_first(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    first = quality.report(dataset.id)
    quality.rule(dataset.id, {"unique": {"columns": ["id"]}})
    started = quality.call("AssessDataset", dataset_id=dataset.id)
    assert (started.status in ("pending", "running"), started.id != first.id) == (True, True)
    second = quality.report(dataset.id)
    assert (second.id, second.status) == (started.id, "succeeded")
    assert "rules" in {part.name for part in second.score_parts}
    assert second.quality_score < first.quality_score
    assert quality.call("GetAssessment", id=first.id) == first
    listed = quality.call("ListQualityReports", filter=f'dataset_id = "{dataset.id}"').reports
    assert [each.id for each in listed] == [second.id, first.id]
    assert quality.call("WatchAssessment", id=first.id)[-1] == first
    assert quality.call("CancelAssessment", id=first.id).status == "succeeded"


def test_many_who_ask_at_once_start_one_assessment(rig, analyst, quality):
    dataset = rig.ready(analyst, "a,b\n" + "".join(f"{n},{n * 7 % 1000}\n" for n in range(200_000)))
    ids = {quality.call("AssessDataset", dataset_id=dataset.id).id for _ in range(5)}
    assert len(ids) == 1
    cancelled = quality.call("CancelAssessment", id=ids.pop())
    assert cancelled.status == "cancelled"
    again = quality.report(dataset.id)
    assert again.status == "succeeded"


def test_duplicates_and_empty_tables(rig, analyst, quality):
    twice = rig.upload(analyst, "a,b\n1,x\n2,y\n1,x\n1,x\n")
    report = quality.report(twice.id)
    assert report.duplicates == 2
    (issue,) = [issue for issue in report.quality_issues if issue.kind == "duplicate_rows"]
    assert [each.row_number for each in issue.examples] == [3, 4]
    nothing = quality.report(rig.upload(analyst, "a,b\n").id)
    assert (nothing.status, nothing.quality_score) == ("succeeded", 0.0)
    assert [issue.kind for issue in nothing.quality_issues] == ["no_rows"]


def test_a_report_is_for_those_who_may_read_the_dataset(rig, analyst, quality):
    dataset = rig.upload(analyst, CSV)
    report = quality.report(dataset.id)
    stranger = Quality(rig, rig.hire())
    for rpc, request in (
        ("GetAssessment", {"id": report.id}),
        ("GetQualityReport", {"dataset_id": dataset.id}),
        ("ListQualityIssues", {"dataset_id": dataset.id}),
    ):
        assert failure_of(lambda rpc=rpc, request=request: stranger.call(rpc, **request)).code is CODE.NOT_FOUND
    assert list(stranger.call("ListQualityReports").reports) == []
    wait_until(lambda: not rig.rows("select 1 from outbox"))


def test_a_dataset_that_was_assessed_is_assessed_with_each_new_version(rig, analyst, quality):
    dataset = rig.upload(analyst, "a,b\n1,x\n2,y\n", name="again")
    rig.upload(analyst, "a,b\n1,x\n2,y\n3,z\n", name="again")
    listing = {"filter": f'dataset_id = "{dataset.id}"', "order_by": "created_at"}
    assert list(quality.call("ListQualityReports", **listing).reports) == []
    quality.report(dataset.id)
    rig.upload(analyst, "a,b\n1,x\n,y\n", name="again")
    wait_until(lambda: rig.get(analyst, dataset.id).HasField("quality_score"))
    assert [report.version for report in quality.call("ListQualityReports", **listing).reports] == [2, 3]
