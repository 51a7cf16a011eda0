"""The rpcs of TargetSchemaService."""

from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import target_schema_pb2, target_schema_service_pb2, target_schema_service_pb2_grpc
from raia_kit.context import current_call, current_unit, final_unit

from raia_ingest.target_schemas.converters import to_entities, to_proto
from raia_ingest.target_schemas.service import TargetSchemaService


class TargetSchemaServicer(target_schema_service_pb2_grpc.TargetSchemaServiceServicer):
    """Schemas that datasets are mapped to."""

    def __init__(self, schemas: TargetSchemaService) -> None:
        self._schemas = schemas

    def CreateTargetSchema(
        self, request: target_schema_service_pb2.CreateTargetSchemaRequest, _context: grpc.ServicerContext
    ) -> target_schema_pb2.TargetSchema:
        """Adds a schema."""
        caller = current_call().authenticated
        return to_proto(self._schemas.create(current_unit(), caller, request, to_entities(request.entities)))

    def ImportTargetSchema(
        self, request: target_schema_service_pb2.ImportTargetSchemaRequest, _context: grpc.ServicerContext
    ) -> target_schema_pb2.TargetSchema:
        """Adds a schema that is described in another language."""
        call = current_call()
        entities = self._schemas.parse(call, request)
        return to_proto(self._schemas.add_imported(final_unit(), call.authenticated, request, entities))

    def ListTargetSchemas(
        self, request: target_schema_service_pb2.ListTargetSchemasRequest, _context: grpc.ServicerContext
    ) -> target_schema_service_pb2.ListTargetSchemasResponse:
        """A page of schemas."""
        found, token = self._schemas.page(current_unit(), current_call().authenticated, request)
        return target_schema_service_pb2.ListTargetSchemasResponse(
            target_schemas=[to_proto(schema, entities=False) for schema in found], next_page_token=token
        )

    def GetTargetSchema(
        self, request: target_schema_service_pb2.GetTargetSchemaRequest, _context: grpc.ServicerContext
    ) -> target_schema_pb2.TargetSchema:
        """One schema."""
        return to_proto(self._schemas.get(current_unit(), UUID(request.id)))

    def DeleteTargetSchema(
        self, request: target_schema_service_pb2.DeleteTargetSchemaRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Hides a schema."""
        self._schemas.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()
