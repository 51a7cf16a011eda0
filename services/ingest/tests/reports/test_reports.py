"""Reports through the running service."""

from uuid import uuid4

import grpc
import plotly.graph_objects as go
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import profile_service_pb2, report_service_pb2_grpc
from raia.ingest.v1 import report_service_pb2 as pb2

from ..rig import failure_of

CODE = grpc.StatusCode
POLICIES = "policy_id,holder,email,region,country,premium\n" + "".join(
    f"P{n:05},{('Anna Smith', 'Peter Jones', 'Maria Rossi')[n % 3]},u{n}@example.org,"
    f"{('north', 'south', 'North ')[n % 3]},{'DE' if n % 3 == 1 else 'FR'},{100 + n * 37 % 500}\n"
    for n in range(120)
)
CLAIMS = "claim,policy_id,amount,paid,day\n" + "".join(
    f"{n},P{n * 7 % 120:05},{50 + n * 13 % 300},{25 + n * 13 % 300 / 2},2024-0{n % 9 + 1}-{n % 28 + 1:02}\n"
    for n in range(300)
)


@pytest.fixture
def reports(rig):
    return report_service_pb2_grpc.ReportServiceStub(rig.channel)


@pytest.fixture
def report(reports):
    def asked(person, dataset_id, wait=30, version=0):
        request = pb2.GetDatasetReportRequest(dataset_id=dataset_id, version=version, wait=Duration(seconds=wait))
        return reports.GetDatasetReport(request, metadata=person.metadata)

    return asked


def test_a_report_is_made_when_asked_for_and_never_again(rig, analyst, report):
    dataset = rig.ready(analyst, POLICIES, name="policies")
    found = report(analyst, dataset.id)
    assert (found.status, found.progress, found.version, found.error) == ("succeeded", 1.0, 1, "")
    assert (found.row_count, found.column_count) == (120, 6)
    assert "120 rows and 6 columns" in found.summary[0]
    assert any("holder (name), email (email)" in sentence for sentence in found.summary)
    assert ["policy_id"] in [list(key.columns) for key in found.analysis.candidate_keys]
    held = {(each.determinant, each.dependent) for each in found.analysis.dependencies if not each.violating_rows}
    assert {("holder", "region"), ("region", "country")} <= held
    assert [column.semantics.type for column in found.columns][:5] == [
        "policy_number", "person_name", "email", "category", "country",
    ]  # fmt: skip
    assert not found.analysis.HasField("drift")
    assert {"distribution", "categories", "association"} <= {chart.kind for chart in found.charts}
    for chart in found.charts:
        go.Figure(MessageToDict(chart.figure))  # raises ValueError for what Plotly's schema does not have
    assert report(analyst, dataset.id) == found
    assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetReady", "DatasetProfiled", "DatasetReported"]


def test_the_profile_that_a_report_needed_is_kept(rig, analyst, report):
    dataset = rig.ready(analyst, POLICIES, name="kept")
    report(analyst, dataset.id)
    request = profile_service_pb2.GetDatasetProfileRequest(dataset_id=dataset.id, wait=Duration())
    found = rig.profiles.GetDatasetProfile(request, metadata=analyst.metadata)
    assert (found.status, found.row_count) == ("succeeded", 120)


def test_references_between_datasets_are_found_from_either_side(rig, analyst, report):
    claims = rig.ready(analyst, CLAIMS, name="claims")
    assert list(report(analyst, claims.id).analysis.foreign_keys) == []
    policies = rig.ready(analyst, POLICIES, name="policies")
    again = rig.ready(analyst, CLAIMS + "300,P00001,1,1,2024-05-05\n", name="claims")
    (there,) = report(analyst, again.id).analysis.foreign_keys
    (back,) = report(analyst, policies.id).analysis.foreign_keys
    assert there == back
    assert (there.dataset_id, there.version, there.column) == (claims.id, 2, "policy_id")
    assert (there.referenced_dataset_id, there.referenced_column) == (policies.id, "policy_id")
    assert (there.referenced_dataset_name, there.distinct_count, there.inclusion) == ("policies", 120, 1.0)
    assert there.confidence == pytest.approx(1.0)
    assert "claims.policy_id refers to policies.policy_id" in report(analyst, policies.id).summary[-1]


def test_references_to_what_the_caller_may_not_read_are_left_out(rig, analyst, report):
    project = str(uuid4())
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(analyst.org_id), project_id=project, restricted=True)
    )
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(
            org_id=str(analyst.org_id), user_id=str(analyst.id), project_id=project, roles=["analyst"]
        )
    )
    rig.reload()
    rig.ready(analyst, POLICIES, name="policies", project_id=project)
    claims = rig.ready(analyst, CLAIMS, name="claims")
    assert len(report(analyst, claims.id).analysis.foreign_keys) == 1
    colleague = rig.hire("viewer", analyst.org_id)
    seen = report(colleague, claims.id)
    assert list(seen.analysis.foreign_keys) == []
    assert "policies" not in " ".join(seen.summary)


def test_drift_against_the_version_before(rig, analyst, report):
    rig.ready(analyst, CLAIMS, name="moving")
    later = CLAIMS.replace(",amount,", ",total,").replace("2024-", "2025-")
    dataset = rig.ready(analyst, later, name="moving")
    drift = report(analyst, dataset.id).analysis.drift
    assert (drift.previous_version, drift.previous_row_count) == (1, 300)
    assert (list(drift.added_columns), list(drift.removed_columns)) == (["total"], ["amount"])
    by_name = {each.column: each for each in drift.columns}
    assert (by_name["day"].magnitude, by_name["day"].statistic) == ("large", 1.0)
    assert (by_name["claim"].magnitude, by_name["claim"].psi) == ("none", 0.0)
    assert not report(analyst, dataset.id, version=1).analysis.HasField("drift")


def test_a_report_is_watched_and_cancelled_like_a_profile(rig, analyst, reports, report):
    content = "a,b,c\n" + "".join(f"{n},{n * 7 % 1000},text {n}\n" for n in range(150_000))
    dataset = rig.ready(analyst, content)
    started = report(analyst, dataset.id, wait=0)
    assert started.status in ("pending", "running")
    cancelled = reports.CancelDatasetReport(
        pb2.CancelDatasetReportRequest(dataset_id=dataset.id), metadata=analyst.metadata
    )
    assert (cancelled.status, cancelled.id) == ("cancelled", started.id)
    request = pb2.WatchDatasetReportRequest(dataset_id=dataset.id)
    seen = list(reports.WatchDatasetReport(request, metadata=analyst.metadata, timeout=120))
    assert (seen[-1].status, seen[-1].id) == ("succeeded", started.id)
    assert [each.progress for each in seen] == sorted(each.progress for each in seen)


def test_tables_of_hardly_anything_have_reports(rig, analyst, report):
    for number, content in enumerate(
        ("a\n1\n", "a,b\n1,\n,\n", "a,b\n", "x,y\n1,1\n1,1\n", "d\n2024-01-01\n2024-01-02\n")
    ):
        dataset = rig.ready(analyst, content, name=f"small {number}")
        found = report(analyst, dataset.id)
        assert found.status == "succeeded", (content, found.error)


def test_another_organisation_finds_nothing(rig, analyst, report):
    dataset = rig.ready(analyst, POLICIES)
    assert failure_of(lambda: report(rig.hire(), dataset.id)).code is CODE.NOT_FOUND
