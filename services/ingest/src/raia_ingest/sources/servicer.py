"""The rpcs of SourceService and SourceItemService."""

from typing import Any
from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from raia.ingest.v1 import (
    source_item_service_pb2,
    source_item_service_pb2_grpc,
    source_pb2,
    source_service_pb2,
    source_service_pb2_grpc,
)
from raia_kit.context import current_call, current_unit

from raia_ingest.sources.converters import (
    changed,
    credentials_of,
    item_to_proto,
    project_of,
    to_proto,
    to_spec,
)
from raia_ingest.sources.service import SourceService


class SourceServicer(source_service_pb2_grpc.SourceServiceServicer):
    """Watched sources."""

    def __init__(self, sources: SourceService) -> None:
        self._sources = sources

    def CreateSource(
        self, request: source_service_pb2.CreateSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """A new source."""
        made = self._sources.create(
            current_unit(),
            current_call().authenticated,
            to_spec(request),
            project_id=project_of(request),
            enabled=request.enabled if request.HasField("enabled") else True,
            credentials=dict(request.credentials),
        )
        return to_proto(made)

    def ListSources(
        self, request: source_service_pb2.ListSourcesRequest, _context: grpc.ServicerContext
    ) -> source_service_pb2.ListSourcesResponse:
        """A page of sources."""
        found, token = self._sources.page(current_unit(), current_call().authenticated, request)
        return source_service_pb2.ListSourcesResponse(
            sources=[to_proto(source) for source in found], next_page_token=token
        )

    def GetSource(
        self, request: source_service_pb2.GetSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """One source."""
        return to_proto(self._sources.get(current_unit(), UUID(request.id)))

    def UpdateSource(
        self, request: source_service_pb2.UpdateSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """A source, changed."""
        unit, source_id = current_unit(), UUID(request.id)
        spec = changed(self._sources.spec(unit, source_id, request.etag), request)
        return to_proto(self._sources.update(unit, source_id, spec, credentials_of(request)))

    def DeleteSource(
        self, request: source_service_pb2.DeleteSourceRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Hides a source."""
        self._sources.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()

    def StartSource(
        self, request: source_service_pb2.StartSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """Looked at again."""
        return to_proto(self._sources.start(current_unit(), UUID(request.id)))

    def StopSource(
        self, request: source_service_pb2.StopSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """Looked at no more."""
        return to_proto(self._sources.stop(current_unit(), UUID(request.id)))

    def PollSource(
        self, request: source_service_pb2.PollSourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """Looked at now."""
        return to_proto(self._sources.poll(current_unit(), UUID(request.id)))


class SourceItemServicer(source_item_service_pb2_grpc.SourceItemServiceServicer):
    """What sources have seen."""

    def __init__(self, sources: SourceService) -> None:
        self._sources = sources

    def ListSourceItems(
        self, request: source_item_service_pb2.ListSourceItemsRequest, _context: grpc.ServicerContext
    ) -> source_item_service_pb2.ListSourceItemsResponse:
        """A page of items."""
        found, token = self._sources.items(current_unit(), UUID(request.source_id), request)
        return source_item_service_pb2.ListSourceItemsResponse(
            source_items=[item_to_proto(item) for item in found], next_page_token=token
        )

    def RetrySourceItem(
        self, request: source_item_service_pb2.RetrySourceItemRequest, _context: grpc.ServicerContext
    ) -> source_pb2.SourceItem:
        """A failed item once more."""
        return item_to_proto(self._sources.retry(current_unit(), UUID(request.id)))

    def NotifySource(
        self, request: source_item_service_pb2.NotifySourceRequest, _context: grpc.ServicerContext
    ) -> source_pb2.Source:
        """Looked at now, if the notification is about it."""
        event: dict[str, Any] = MessageToDict(request.event)
        return to_proto(self._sources.notify(current_unit(), UUID(request.id), event))
