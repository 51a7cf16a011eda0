"""Composes the room of reports."""

from raia.ingest.v1 import report_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.profiles.repository import ProfileRepository
from raia_ingest.profiles.service import ProfileComputing
from raia_ingest.reports.repository import ReportRepository
from raia_ingest.reports.service import ReportService
from raia_ingest.reports.servicer import ReportServicer


def assemble(ground: Ground) -> Room:
    """Exploratory reports of versions."""
    runtime = ground.runtime
    reports = ReportService(
        database=runtime.database,
        datasets=ground.datasets,
        reports=ReportRepository(),
        profiles=ProfileComputing(runtime.objects, ProfileRepository(), ground.settings),
        jobs=runtime.jobs,
        objects=runtime.objects,
        access=runtime.access,
        changes=ground.changes,
        settings=ground.settings,
    )
    described = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    return Room(servicers=[Servicer(described, ReportServicer(reports))])
