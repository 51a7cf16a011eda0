"""Composes the room of mapping runs."""

from raia.ingest.v1 import mapping_run_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.mapping.repository import MappingRepository
from raia_ingest.mapping_runs.filling import RunJobs
from raia_ingest.mapping_runs.guard import MappingRunGuard
from raia_ingest.mapping_runs.repository import MappingRunRepository
from raia_ingest.mapping_runs.service import MappingRunService
from raia_ingest.mapping_runs.servicer import MappingRunServicer
from raia_ingest.target_schemas.repository import TargetSchemaRepository


def assemble(ground: Ground) -> Room:
    """Run mappings, and deal with what they reject."""
    runtime = ground.runtime
    mappings, runs = MappingRepository(), MappingRunRepository()
    jobs = RunJobs(
        jobs=runtime.jobs,
        datasets=ground.datasets,
        versions=ground.versions,
        schemas=TargetSchemaRepository(),
        mappings=mappings,
        runs=runs,
        objects=runtime.objects,
        changes=ground.changes,
        settings=ground.settings,
    )
    service = MappingRunService(
        database=runtime.database,
        mappings=mappings,
        runs=runs,
        jobs=jobs,
        access=runtime.access,
        changes=ground.changes,
    )
    described = mapping_run_service_pb2.DESCRIPTOR.services_by_name["MappingRunService"]
    return Room(
        servicers=[Servicer(described, MappingRunServicer(service))],
        guards={"mapping_run": MappingRunGuard(runs, ground.datasets)},
    )
