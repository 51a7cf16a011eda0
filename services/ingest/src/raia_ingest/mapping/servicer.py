"""The rpcs of MappingService and MappingDecisionService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from raia.ingest.v1 import (
    mapping_decision_service_pb2,
    mapping_decision_service_pb2_grpc,
    mapping_pb2,
    mapping_service_pb2,
    mapping_service_pb2_grpc,
)
from raia_kit.context import current_call, current_unit

from raia_ingest.mapping.converters import to_column, to_decisions, to_feedback, to_proto, to_replayed
from raia_ingest.mapping.deciding import DecidingService
from raia_ingest.mapping.replaying import ReplayService
from raia_ingest.mapping.service import MappingService

pb2, decisions_pb2 = mapping_service_pb2, mapping_decision_service_pb2


class MappingServicer(mapping_service_pb2_grpc.MappingServiceServicer):
    """Mappings of dataset versions to schemas."""

    def __init__(self, mappings: MappingService) -> None:
        self._mappings = mappings

    def CreateMapping(self, request: pb2.CreateMappingRequest, _context: grpc.ServicerContext) -> mapping_pb2.Mapping:
        """Starts a suggestion."""
        schema = UUID(request.schema_id) if request.schema_id else None
        unit, caller, dataset_id = current_unit(), current_call().authenticated, UUID(request.dataset_id)
        made = self._mappings.create(
            unit, caller, dataset_id, version=request.version, schema_id=schema, accept_at=request.accept_at
        )
        return to_proto(made)

    def ListMappings(
        self, request: pb2.ListMappingsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListMappingsResponse:
        """A page of mappings."""
        found, token = self._mappings.page(current_unit(), current_call().authenticated, request)
        return pb2.ListMappingsResponse(mappings=map(to_proto, found), next_page_token=token)

    def GetMapping(self, request: pb2.GetMappingRequest, _context: grpc.ServicerContext) -> mapping_pb2.Mapping:
        """One mapping."""
        return to_proto(self._mappings.get(current_unit(), UUID(request.id)))

    def WatchMapping(
        self, request: pb2.WatchMappingRequest, _context: grpc.ServicerContext
    ) -> Iterator[mapping_pb2.Mapping]:
        """A mapping each time it changes."""
        for shown in self._mappings.watch(current_call(), UUID(request.id)):
            yield to_proto(shown)

    def CancelMapping(self, request: pb2.CancelMappingRequest, _context: grpc.ServicerContext) -> mapping_pb2.Mapping:
        """Ends a suggestion."""
        return to_proto(self._mappings.cancel(current_unit(), UUID(request.id)))

    def DeleteMapping(self, request: pb2.DeleteMappingRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Hides a mapping."""
        self._mappings.delete(current_unit(), UUID(request.id))
        return empty_pb2.Empty()


class MappingDecisionServicer(mapping_decision_service_pb2_grpc.MappingDecisionServiceServicer):
    """Decisions on the columns of mappings."""

    def __init__(self, mappings: MappingService, deciding: DecidingService, replays: ReplayService) -> None:
        self._mappings, self._deciding, self._replays = mappings, deciding, replays

    def ListMappingColumns(
        self, request: decisions_pb2.ListMappingColumnsRequest, _context: grpc.ServicerContext
    ) -> decisions_pb2.ListMappingColumnsResponse:
        """A page of columns."""
        unit, mapping_id = current_unit(), UUID(request.id)
        found, token = self._mappings.columns(unit, mapping_id, request.page_size, request.page_token)
        return decisions_pb2.ListMappingColumnsResponse(columns=map(to_column, found), next_page_token=token)

    def DecideMapping(
        self, request: decisions_pb2.DecideMappingRequest, _context: grpc.ServicerContext
    ) -> mapping_pb2.Mapping:
        """Decides about columns."""
        decisions = to_decisions(request.decisions)
        return to_proto(self._deciding.decide(current_call(), UUID(request.id), decisions, request.etag))

    def ExportMapping(
        self, request: decisions_pb2.ExportMappingRequest, _context: grpc.ServicerContext
    ) -> struct_pb2.Struct:
        """What was decided, as a document."""
        return ParseDict(self._deciding.export(current_unit(), UUID(request.id)), struct_pb2.Struct())

    def ImportMapping(
        self, request: decisions_pb2.ImportMappingRequest, _context: grpc.ServicerContext
    ) -> mapping_pb2.Mapping:
        """Applies a document."""
        document = MessageToDict(request.document)
        return to_proto(self._deciding.bring_in(current_call(), UUID(request.id), document, request.etag))

    def ListMappingFeedback(
        self, request: decisions_pb2.ListMappingFeedbackRequest, _context: grpc.ServicerContext
    ) -> decisions_pb2.ListMappingFeedbackResponse:
        """A page of feedback."""
        unit, caller, schema_id = current_unit(), current_call().authenticated, UUID(request.schema_id)
        found, token = self._mappings.feedback(unit, caller, schema_id, request.page_size, request.page_token)
        return decisions_pb2.ListMappingFeedbackResponse(feedback=map(to_feedback, found), next_page_token=token)

    def ReplayMappingFeedback(
        self, request: decisions_pb2.ReplayMappingFeedbackRequest, _context: grpc.ServicerContext
    ) -> decisions_pb2.ReplayMappingFeedbackResponse:
        """What today's feedback would have changed."""
        call, schema_id = current_call(), UUID(request.schema_id)
        found, token = self._replays.page(
            call, schema_id, request.page_size, request.page_token, request.feedback_version
        )
        shown = [to_replayed(mapping, changes) for mapping, changes in found]
        return decisions_pb2.ReplayMappingFeedbackResponse(mappings=shown, next_page_token=token)
