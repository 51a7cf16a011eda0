"""Dataset versions, which ingest owns: their description and rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import dataset_service_pb2, dataset_service_pb2_grpc, reader_service_pb2, reader_service_pb2_grpc
from raia_kit.channels import ServiceChannels

from raia_explain.errors import columns_missing, columns_unsuitable, not_ready
from raia_explain.sources.files import FileCache, key_of

INGEST = "ingest"
NUMERIC = frozenset({"integer", "float"})
"""Types of columns that hold numbers."""
_MOST_NAMED = 10_000
"""Columns that a request may name; where more are needed, all are fetched."""
_NUMBERS_OR_NOTHING = NUMERIC | {"null"}


@dataclass(frozen=True)
class DatasetVersion:
    """A dataset at one version that is ready."""

    id: UUID
    version: int
    row_count: int
    columns: Mapping[str, str]
    """Types by name."""

    def require(self, columns: Iterable[str], numeric: Collection[str] = ()) -> None:
        """Raises ``ColumnsMissing`` unless it has these columns, with numbers in the numeric ones."""
        wanted = list(columns)
        missing = [name for name in wanted if name not in self.columns]
        if missing:
            raise columns_missing(missing)
        unsuitable = [name for name in wanted if name in numeric and self.columns[name] not in _NUMBERS_OR_NOTHING]
        if unsuitable:
            raise columns_unsuitable(unsuitable)


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
    def rows(
        self, dataset_id: UUID, version: int, columns: Iterable[str], token: str, reader: object
    ) -> Iterator[Path]:
        """All rows of a version in a file, an Arrow IPC stream of these columns.

        ``reader`` says who reads, so that no other may.
        """
        wanted = sorted(set(columns))
        request = reader_service_pb2.ReadRequest(dataset_id=str(dataset_id), version=version)
        if len(wanted) <= _MOST_NAMED:
            request.columns.extend(wanted)
        stub = self._channels.stub(reader_service_pb2_grpc.DatasetReaderStub, INGEST, token)
        answers: Any = stub.Read(request)
        try:
            first = next(answers)
            key = key_of("rows", reader, dataset_id, first.version, first.sha256, list(request.columns))
            with self._files.file(
                key, lambda: (answer.data for answer in chain([first], answers)), limit=self._most_bytes
            ) as path:
                answers.cancel()
                yield path
        finally:
            answers.cancel()
