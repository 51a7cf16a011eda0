"""The rpcs of VersionDiffService."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import grpc
from raia.ingest.v1 import version_diff_pb2, version_diff_service_pb2, version_diff_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.datasets.converters import to_column
from raia_ingest.version_diffs.converters import to_proto, to_row
from raia_ingest.version_diffs.domain import Subject
from raia_ingest.version_diffs.service import VersionDiffService

_WAIT_SECONDS = 2.0
pb2 = version_diff_service_pb2


class VersionDiffServicer(version_diff_service_pb2_grpc.VersionDiffServiceServicer):
    """Differences between versions."""

    def __init__(self, diffs: VersionDiffService) -> None:
        self._diffs = diffs

    def GetVersionDiff(
        self, request: pb2.GetVersionDiffRequest, _context: grpc.ServicerContext
    ) -> version_diff_pb2.VersionDiff:
        """A difference, started if there is none."""
        seconds = request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else _WAIT_SECONDS
        return to_proto(self._diffs.get(current_call(), _subject(request), seconds))

    def WatchVersionDiff(
        self, request: pb2.WatchVersionDiffRequest, _context: grpc.ServicerContext
    ) -> Iterator[version_diff_pb2.VersionDiff]:
        """A difference each time it changes."""
        for shown in self._diffs.watch(current_call(), _subject(request)):
            yield to_proto(shown)

    def CancelVersionDiff(
        self, request: pb2.CancelVersionDiffRequest, _context: grpc.ServicerContext
    ) -> version_diff_pb2.VersionDiff:
        """Ends a comparison that is not finished."""
        return to_proto(self._diffs.cancel(current_unit(), _subject(request)))

    def ListDifferingRows(
        self, request: pb2.ListDifferingRowsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListDifferingRowsResponse:
        """A page of rows that differ."""
        shown, rows, token = self._diffs.rows(
            current_call(), _subject(request), request.kind, request.page_size, request.page_token
        )
        return pb2.ListDifferingRowsResponse(
            diff_id=str(shown.diff.id),
            base_columns=[to_column(column) for column in shown.base.version.columns],
            columns=[to_column(column) for column in shown.dataset.version.columns],
            rows=[to_row(row) for row in rows],
            next_page_token=token,
        )


def _subject(request: Any) -> Subject:
    return Subject(UUID(request.dataset_id), request.version, request.base_version, tuple(request.key_columns))
