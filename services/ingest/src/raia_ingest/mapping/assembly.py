"""Composes the room of mappings."""

from raia.ingest.v1 import mapping_decision_service_pb2, mapping_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.mapping.deciding import DecidingService
from raia_ingest.mapping.guard import MappingGuard
from raia_ingest.mapping.replaying import ReplayService
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.mapping.service import MappingService
from raia_ingest.mapping.servicer import MappingDecisionServicer, MappingServicer
from raia_ingest.mapping.suggesting import SuggestJobs
from raia_ingest.target_schemas.repository import TargetSchemaRepository
from raia_ingest.target_schemas.service import TargetSchemaService


def assemble(ground: Ground) -> Room:
    """Suggest, decide, export, import, replay."""
    runtime = ground.runtime
    schemas, mappings = TargetSchemaRepository(), MappingRepository()
    suggestions = SuggestJobs(
        jobs=runtime.jobs,
        datasets=ground.datasets,
        schemas=schemas,
        mappings=mappings,
        objects=runtime.objects,
        changes=ground.changes,
        settings=ground.settings,
    )
    service = MappingService(
        database=runtime.database,
        datasets=ground.datasets,
        schemas=TargetSchemaService(schemas, runtime.access, ground.at_once),
        mappings=mappings,
        suggestions=suggestions,
        access=runtime.access,
        changes=ground.changes,
    )
    deciding = DecidingService(database=runtime.database, schemas=schemas, mappings=mappings, pool=ground.at_once)
    replays = ReplayService(
        database=runtime.database, schemas=schemas, mappings=mappings, access=runtime.access, pool=ground.at_once
    )
    described = mapping_service_pb2.DESCRIPTOR.services_by_name["MappingService"]
    decisions = mapping_decision_service_pb2.DESCRIPTOR.services_by_name["MappingDecisionService"]
    return Room(
        servicers=[
            Servicer(described, MappingServicer(service)),
            Servicer(decisions, MappingDecisionServicer(service, deciding, replays)),
        ],
        guards={"mapping": MappingGuard(mappings, ground.datasets)},
    )
