"""Composes the room of target schemas."""

from raia.ingest.v1 import target_schema_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.target_schemas.guard import TargetSchemaGuard
from raia_ingest.target_schemas.repository import TargetSchemaRepository
from raia_ingest.target_schemas.service import TargetSchemaService
from raia_ingest.target_schemas.servicer import TargetSchemaServicer


def assemble(ground: Ground) -> Room:
    """Create, import, list, look at and delete."""
    schemas = TargetSchemaRepository()
    service = TargetSchemaService(schemas, ground.runtime.access, ground.at_once)
    described = target_schema_service_pb2.DESCRIPTOR.services_by_name["TargetSchemaService"]
    return Room(
        servicers=[Servicer(described, TargetSchemaServicer(service))],
        guards={"target_schema": TargetSchemaGuard(schemas)},
    )
