"""Composes the room of differences between versions."""

from raia.ingest.v1 import version_diff_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.version_diffs.repository import VersionDiffRepository
from raia_ingest.version_diffs.service import VersionDiffService
from raia_ingest.version_diffs.servicer import VersionDiffServicer
from raia_ingest.version_diffs.work import DiffWork


def assemble(ground: Ground) -> Room:
    """Differences between versions."""
    runtime = ground.runtime
    found = VersionDiffRepository()
    DiffWork(
        datasets=ground.datasets,
        diffs=found,
        jobs=runtime.jobs,
        objects=runtime.objects,
        changes=ground.changes,
        settings=ground.settings,
    )
    diffs = VersionDiffService(
        database=runtime.database,
        datasets=ground.datasets,
        diffs=found,
        jobs=runtime.jobs,
        objects=runtime.objects,
        pool=ground.at_once,
        changes=ground.changes,
    )
    described = version_diff_service_pb2.DESCRIPTOR.services_by_name["VersionDiffService"]
    return Room(servicers=[Servicer(described, VersionDiffServicer(diffs))], references=found.references)
