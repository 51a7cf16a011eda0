"""Retention through the running service."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from raia.ingest.v1 import retention_service_pb2 as pb2
from raia.ingest.v1 import retention_service_pb2_grpc, version_service_pb2
from raia_ingest.retention.domain import Held, Policy, outlived
from raia_kit.housekeeping import Housekeeping, Retention

from ..rig import ROLES, failure_of, wait_until
from ..rig import pb2 as datasets

CODE = grpc.StatusCode
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def retention(rig):
    return retention_service_pb2_grpc.RetentionServiceStub(rig.channel)


def versions(rig, person, count, name="daily"):
    for number in range(count):
        dataset = rig.ready(person, f"a,b\n{number},{name}\n", name=name)
    return dataset


def statuses(rig, person, dataset):
    return [rig.get(person, dataset.id, number).status for number in range(1, dataset.version + 1)]


def test_a_policy_archives_what_it_does_not_keep(rig, analyst, retention):
    dataset = versions(rig, analyst, 4)
    before = rig.get(analyst, dataset.id, 1)
    request = pb2.SetDatasetRetentionRequest(dataset_id=dataset.id, keep_versions=2)
    policy = retention.SetDatasetRetention(request, metadata=analyst.metadata)
    assert (policy.source, policy.keep_versions, policy.keep_days) == ("dataset", 2, 0)
    wait_until(lambda: statuses(rig, analyst, dataset) == ["archived", "archived", "ready", "ready"])
    left = rig.get(analyst, dataset.id, 1)
    assert (left.row_count, left.sha256, left.schema_info) == (before.row_count, before.sha256, before.schema_info)
    receipt = MessageToDict(left.archive)
    assert (receipt["reason"], receipt["forced"]) == ("only the latest 2 versions are kept", False)
    assert (receipt["file_sha256"], receipt["file_bytes"]) == (before.sha256, before.file_size)
    assert len(rig.audited(analyst, "dataset_version.archive")) == 2
    assert rig.events(dataset.id).count("DatasetVersionArchived") == 2
    shown = failure_of(
        lambda: rig.datasets.PreviewDataset(
            datasets.PreviewDatasetRequest(id=dataset.id, version=1), metadata=analyst.metadata
        )
    )
    assert (shown.reason, shown.metadata["status"]) == ("DATASET_NOT_READY", "archived")
    file = version_service_pb2.DownloadDatasetFileRequest(dataset_id=dataset.id, version=1)
    failure = failure_of(lambda: rig.versions.DownloadDatasetFile(file, metadata=analyst.metadata))
    assert failure.reason == "DATASET_NOT_READY"


def test_the_collector_deletes_the_bytes_of_archived_versions(rig, analyst, retention):
    dataset = versions(rig, analyst, 2, "bytes of two versions")
    keys = rig.rows(
        "select object_key, stored_key from dataset_version where dataset_id = %s and version = 1", dataset.id
    )[0]
    archive = pb2.ArchiveDatasetVersionRequest(dataset_id=dataset.id, version=1)
    assert retention.ArchiveDatasetVersion(archive, metadata=analyst.metadata).status == "archived"
    assert all(rig.runtime.objects.exists(key) for key in keys)
    collector = Housekeeping(
        rig.database,
        objects=rig.runtime.objects,
        references=lambda unit: [
            key for row in unit.session.connection().exec_driver_sql(
                "select object_key from dataset_version union select stored_key from dataset_version"
            ) for key in row if key
        ],
        retention=Retention(objects=timedelta(seconds=-60)),
    )  # fmt: skip
    collector.collect_objects()
    assert not any(rig.runtime.objects.exists(key) for key in keys)
    assert rig.get(analyst, dataset.id).status == "ready"


def test_what_is_needed_is_kept_unless_forced(rig, analyst, retention):
    dataset = versions(rig, analyst, 2, "needed")

    def archive(version, force=False):
        request = pb2.ArchiveDatasetVersionRequest(dataset_id=dataset.id, version=version, force=force)
        return retention.ArchiveDatasetVersion(request, metadata=analyst.metadata)

    with rig.database.unit_of_work(analyst.org_id) as unit:
        unit.session.connection().exec_driver_sql(
            "insert into trained_model values (%s, gen_random_uuid(), 1, 'm', null, %s, 1, now())",
            (analyst.org_id, dataset.id),
        )
    for version in (1, 2):
        failure = failure_of(lambda number=version: archive(number))
        assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "VERSION_KEPT")
    assert failure_of(lambda: archive(9)).code is CODE.NOT_FOUND
    assert failure_of(lambda: archive(2, force=True)).reason == "VERSION_KEPT"
    found = archive(1, force=True)
    assert MessageToDict(found.archive)["forced"] is True
    assert archive(1) == found


def test_the_organisations_policy_holds_where_there_is_no_other(rig, analyst, retention, monkeypatch):
    ours, theirs = versions(rig, analyst, 2, "ours"), versions(rig, analyst, 2, "theirs")
    own = pb2.SetDatasetRetentionRequest(dataset_id=ours.id)
    retention.SetDatasetRetention(own, metadata=analyst.metadata)
    request = pb2.SetOrganisationRetentionRequest(keep_versions=1)
    assert (
        failure_of(lambda: retention.SetOrganisationRetention(request, metadata=analyst.metadata)).code
        is CODE.PERMISSION_DENIED
    )
    monkeypatch.setitem(ROLES, "chief", ("datasets.read", "projects.admin"))
    rig.reload()
    chief = rig.hire("chief", analyst.org_id)
    assert retention.SetOrganisationRetention(request, metadata=chief.metadata).source == "organisation"
    wait_until(lambda: statuses(rig, analyst, theirs) == ["archived", "ready"])
    assert statuses(rig, analyst, ours) == ["ready", "ready"]
    for dataset, source in ((ours, "dataset"), (theirs, "organisation")):
        asked = pb2.GetDatasetRetentionRequest(dataset_id=dataset.id)
        assert retention.GetDatasetRetention(asked, metadata=analyst.metadata).source == source
    stranger = rig.hire()
    everywhere = retention.GetOrganisationRetention(pb2.GetOrganisationRetentionRequest(), metadata=stranger.metadata)
    assert (everywhere.source, everywhere.keep_versions) == ("none", 0)
    due = rig.rows("select count(*) from procrastinate_jobs where task_name = 'ingest.retention' and status = 'todo'")
    assert due[0][0] >= 1


@given(
    st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 5), st.integers(0, 365), st.booleans(),
)  # fmt: skip
def test_policies_archive_what_they_say(ages, keep_versions, keep_days, force):
    held = [Held(number, NOW - timedelta(days=age), referred) for number, (age, referred) in enumerate(ages, 1)]
    policy = Policy(None, keep_versions, keep_days, force)
    gone = {number for number, _ in outlived(policy, held, len(held), NOW)}
    for version in held:
        late = keep_versions and len(held) - version.number >= keep_versions
        old = keep_days and (NOW - version.created_at).days > keep_days
        needed = version.number == len(held) or (version.referred and not force)
        assert (version.number in gone) == bool((late or old) and not needed)
