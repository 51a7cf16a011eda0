"""Profiles between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import profile_pb2

from raia_ingest.datasets.domain import Dataset
from raia_ingest.derived.domain import Derived


def to_proto(dataset: Dataset, profile: Derived) -> profile_pb2.DatasetProfile:
    """The profile as the contract has it, with the notes of reading before those of profiling."""
    version = dataset.version
    message = profile_pb2.DatasetProfile(
        id=str(profile.id),
        dataset_id=str(profile.dataset_id),
        version=profile.version,
        status=profile.status,
        progress=profile.progress,
        error=profile.error,
        row_count=version.row_count or 0,
        column_count=version.column_count or 0,
        stored_bytes=version.stored_bytes or 0,
    )
    message.created_at.FromDatetime(profile.created_at)
    if profile.completed_at is not None:
        message.completed_at.FromDatetime(profile.completed_at)
    if profile.result is not None:
        found = dict(profile.result)
        found["notes"] = [*(version.schema_info or {}).get("notes", []), *found["notes"]]
        ParseDict(found, message)
    return message
