"""Composes the room of rows, which other services read."""

from raia.ingest.v1 import reader_service_pb2
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.rows.servicer import ReaderServicer
from raia_ingest.rows.stream import RowStreamService


def assemble(ground: Ground) -> Room:
    """Streams of rows."""
    streams = RowStreamService(
        database=ground.runtime.database,
        datasets=ground.datasets,
        objects=ground.runtime.objects,
        pool=ground.streams,
        access=ground.runtime.access,
        settings=ground.settings,
    )
    described = reader_service_pb2.DESCRIPTOR.services_by_name["DatasetReader"]
    return Room(servicers=[Servicer(described, ReaderServicer(streams))])
