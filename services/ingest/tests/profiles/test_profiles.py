"""Profiles through the running service."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from raia.ingest.v1 import profile_service_pb2 as pb2

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode
CSV = "id,name,score\n" + "".join(f"{n},name {n % 3},{n / 4}\n" for n in range(100)) + "100,,inf\n"


def profile(rig, person, dataset_id, wait=20, version=0):
    request = pb2.GetDatasetProfileRequest(dataset_id=dataset_id, version=version, wait=Duration(seconds=wait))
    return rig.profiles.GetDatasetProfile(request, metadata=person.metadata)


def test_a_profile_is_made_when_asked_for_and_never_again(rig, analyst):
    dataset = rig.upload(analyst, CSV)
    found = profile(rig, analyst, dataset.id)
    assert (found.status, found.progress, found.version) == ("succeeded", 1.0, 1)
    assert (found.row_count, found.column_count, found.duplicate_row_count) == (101, 3, 0)
    identity, name, score = found.columns
    assert (identity.type, identity.distinct_count, identity.numeric.mean) == ("integer", 101, 50.0)
    assert (name.missing_count, name.distinct_count, name.text.maximum_length) == (1, 3, 6)
    assert [(top.value.string_value, top.count) for top in name.top_values] == [
        ("name 0", 34), ("name 1", 33), ("name 2", 33),
    ]  # fmt: skip
    assert (score.infinite_count, score.numeric.maximum) == (1, 24.75)
    assert found.correlations[0].coefficient == pytest.approx(1.0)
    assert "infinite_values" in {note.kind for note in found.notes}
    assert profile(rig, analyst, dataset.id) == found
    assert len(rig.rows("select 1 from dataset_profile where dataset_id = %s", dataset.id)) == 1
    assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetReady", "DatasetProfiled"]


def test_notes_of_reading_are_in_the_profile(rig, analyst):
    dataset = rig.upload(analyst, b"a,a,\n1,NA,\n2,5,\n3\n")
    kinds = {note.kind for note in profile(rig, analyst, dataset.id).notes}
    assert {"renamed_header", "null_tokens", "ragged_rows", "all_missing"} <= kinds


def test_many_who_ask_at_once_get_one_profile(rig, analyst):
    dataset = rig.upload(analyst, CSV)
    futures = [
        rig.profiles.GetDatasetProfile.future(
            pb2.GetDatasetProfileRequest(dataset_id=dataset.id, wait=Duration(seconds=20)), metadata=analyst.metadata
        )
        for _ in range(6)
    ]
    assert len({future.result().id for future in futures}) == 1
    assert rig.events(dataset.id).count("DatasetProfiled") == 1


def test_watching_ends_with_the_profile(rig, analyst):
    dataset = rig.upload(analyst, CSV)
    request = pb2.WatchDatasetProfileRequest(dataset_id=dataset.id)
    seen = list(rig.profiles.WatchDatasetProfile(request, metadata=analyst.metadata, timeout=60))
    assert seen[-1].status == "succeeded"
    assert [each.progress for each in seen] == sorted(each.progress for each in seen)


def test_a_cancelled_profile_starts_anew_when_asked_for(rig, analyst):
    content = "a,b,c\n" + "".join(f"{n},{n * 7 % 1000},text {n}\n" for n in range(200_000))
    dataset = rig.ready(analyst, content)
    started = profile(rig, analyst, dataset.id, wait=0)
    assert started.status in ("pending", "running")
    cancelled = rig.profiles.CancelDatasetProfile(
        pb2.CancelDatasetProfileRequest(dataset_id=dataset.id), metadata=analyst.metadata
    )
    assert (cancelled.status, cancelled.id) == ("cancelled", started.id)
    again = profile(rig, analyst, dataset.id, wait=30)
    assert (again.status, again.id) == ("succeeded", started.id)
    unchanged = rig.profiles.CancelDatasetProfile(
        pb2.CancelDatasetProfileRequest(dataset_id=dataset.id), metadata=analyst.metadata
    )
    assert unchanged.status == "succeeded"


def test_cancelling_what_nobody_asked_for_is_not_found(rig, analyst):
    dataset = rig.upload(analyst, CSV)
    request = pb2.CancelDatasetProfileRequest(dataset_id=dataset.id)
    failure = failure_of(lambda: rig.profiles.CancelDatasetProfile(request, metadata=analyst.metadata))
    assert failure.code is CODE.NOT_FOUND


def test_each_version_has_its_own(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n", name="two")
    rig.upload(analyst, "a\n1\n2\n", name="two")
    assert profile(rig, analyst, dataset.id).row_count == 2
    assert profile(rig, analyst, dataset.id, version=1).row_count == 1


def test_deleting_the_dataset_ends_its_profile(rig, analyst):
    from ..rig import pb2 as datasets

    content = "a,b,c\n" + "".join(f"{n},{n * 7 % 1000},text {n}\n" for n in range(200_000))
    dataset = rig.ready(analyst, content)
    profile(rig, analyst, dataset.id, wait=0)
    rig.datasets.DeleteDataset(datasets.DeleteDatasetRequest(id=dataset.id), metadata=analyst.metadata)
    assert failure_of(lambda: profile(rig, analyst, dataset.id)).code is CODE.NOT_FOUND
    wait_until(
        lambda: (
            rig.rows("select status from dataset_profile where dataset_id = %s", dataset.id)[0][0]
            in ("cancelled", "succeeded")
        )
    )


def test_asking_for_the_profile_of_a_file_that_is_being_read_waits_for_both(rig, analyst):
    content = "a,b\n" + "".join(f"{n},text number {n} of a larger file\n" for n in range(300_000))
    dataset = rig.upload(analyst, content)
    assert profile(rig, analyst, dataset.id, wait=30).status == "succeeded"


def test_a_version_that_failed_has_none(rig, analyst):
    content = "a,b\n" + "".join(f"{n},{'x' * 50}\n" for n in range(200_000)) + '1,"never closed\n'
    dataset = rig.ready(analyst, content)
    assert (dataset.status, dataset.row_count) == ("failed", 0)
    assert "never closes it" in dataset.error
    failure = failure_of(lambda: profile(rig, analyst, dataset.id, wait=5))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "DATASET_NOT_READY")
    assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetFailed"]
