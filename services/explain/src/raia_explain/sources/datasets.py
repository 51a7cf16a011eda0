"""Dataset versions, which ingest owns: their description and rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import dataset_service_pb2, dataset_service_pb2_grpc, reader_service_pb2, reader_service_pb2_grpc
from raia_kit.channels import ServiceChannels

from raia_explain.errors import not_ready
from raia_explain.sources.files import FileCache, key_of

INGEST = "ingest"


@dataclass(frozen=True)
class DatasetVersion:
    """A dataset at one version that is ready."""

    id: UUID
    version: int
    row_count: int
    columns: Mapping[str, str]
    """Types by name."""


class DatasetSource:
    """Asks ingest."""

    def __init__(self, channels: ServiceChannels, files: FileCache, most_bytes: int) -> None:
        self._channels, self._files, self._most_bytes = channels, files, most_bytes

    def get(self, dataset_id: UUID, version: int, token: str | None = None) -> DatasetVersion:
        """The dataset at a version (the latest ready one when 0), for the caller or the bearer of ``token``.

        Raises what ingest answers (``NotFound``, ``PermissionDenied``) and ``NotReady``.
        """
        stub = self._channels.stub(dataset_service_pb2_grpc.DatasetServiceStub, INGEST, token)
        request = dataset_service_pb2.GetDatasetRequest(id=str(dataset_id), version=version)
        dataset = stub.GetDataset(request)
        if dataset.status != "ready":
            raise not_ready(dataset_id, dataset.version, dataset.status)
        columns = MessageToDict(dataset.schema_info).get("columns", [])
        return DatasetVersion(
            id=dataset_id,
            version=dataset.version,
            row_count=dataset.row_count,
            columns={column["name"]: column["type"] for column in columns},
        )

    @contextmanager
    def rows(self, dataset_id: UUID, version: int, token: str, reader: object) -> Iterator[Path]:
        """All rows of a version in a file, an Arrow IPC stream; ``reader`` says who reads, so that no other may."""
        stub = self._channels.stub(reader_service_pb2_grpc.DatasetReaderStub, INGEST, token)
        answers: Any = stub.Read(reader_service_pb2.ReadRequest(dataset_id=str(dataset_id), version=version))
        try:
            first = next(answers)
            key = key_of("rows", reader, dataset_id, first.version, first.sha256)
            with self._files.file(
                key, lambda: (answer.data for answer in chain([first], answers)), limit=self._most_bytes
            ) as path:
                answers.cancel()
                yield path
        finally:
            answers.cancel()
