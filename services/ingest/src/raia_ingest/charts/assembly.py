"""Composes the room of charts."""

from raia.ingest.v1 import chart_service_pb2
from raia_kit.server import Servicer

from raia_ingest.charts.service import ChartService
from raia_ingest.charts.servicer import ChartServicer
from raia_ingest.ground import Ground, Room


def assemble(ground: Ground) -> Room:
    """Charts of rows."""
    charts = ChartService(
        database=ground.runtime.database,
        datasets=ground.datasets,
        objects=ground.runtime.objects,
        pool=ground.charts,
        settings=ground.settings,
    )
    described = chart_service_pb2.DESCRIPTOR.services_by_name["ChartService"]
    return Room(servicers=[Servicer(described, ChartServicer(charts))])
