"""What ml asks of ingest: a dataset's description, and its rows as an Arrow stream in a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from raia.ingest.v1 import (
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    reader_service_pb2,
    reader_service_pb2_grpc,
)
from raia_kit.channels import ServiceChannels
from raia_kit.errors import FailedPrecondition


@dataclass(frozen=True)
class Described:
    """A dataset version that is ready."""

    version: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Rows that were read."""

    sha256: str
    """The digest of the version's canonical form."""
    row_count: int


class DatasetNotReady(FailedPrecondition):
    """The dataset version is still being read, or failed."""

    domain = "raia.ingest"


class Datasets:
    """The datasets of ingest."""

    def __init__(self, channels: ServiceChannels) -> None:
        self._channels = channels

    def describe(self, dataset_id: UUID, version: int) -> Described:
        """The version, the latest ready one when 0, as the current call's caller sees it.

        Raises ``DatasetNotReady``, and ``NotFound`` or ``PermissionDenied`` as ingest decides.
        """
        stub = self._channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest")
        found = stub.GetDataset(dataset_service_pb2.GetDatasetRequest(id=str(dataset_id), version=version))
        if found.status != "ready":
            advice = found.error or "wait until it is read"
            raise DatasetNotReady(
                f"version {found.version} of dataset {dataset_id} is {found.status}: {advice}",
                reason="DATASET_NOT_READY",
                metadata={"status": found.status, "version": str(found.version)},
            )
        columns = found.schema_info.fields["columns"].list_value.values
        names = tuple(each.struct_value.fields["name"].string_value for each in columns)
        return Described(version=found.version, columns=names)

    def fetch(
        self,
        token: str,
        dataset_id: UUID,
        version: int,
        path: Path,
        *,
        columns: Sequence[str],
        check: Callable[[], None],
    ) -> Rows:
        """Writes the rows to ``path``, of ``columns`` or of all when empty, acting by ``token``.

        ``check`` may raise to stop.
        """
        stub = self._channels.stub(reader_service_pb2_grpc.DatasetReaderStub, "ingest", token=token)
        request = reader_service_pb2.ReadRequest(dataset_id=str(dataset_id), version=version, columns=columns)
        answers: Any = stub.Read(request)
        rows = Rows("", 0)
        try:
            with path.open("wb") as file:
                for answer in answers:
                    check()
                    if answer.sha256:
                        rows = Rows(answer.sha256, answer.row_count)
                    file.write(answer.data)
        finally:
            answers.cancel()
        return rows
