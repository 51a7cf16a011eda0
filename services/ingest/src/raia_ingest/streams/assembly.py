"""Composes the room of streams."""

from raia.ingest.v1 import stream_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.streams.deliveries import DeliveryService
from raia_ingest.streams.guard import StreamGuard
from raia_ingest.streams.intake import IntakeRepository
from raia_ingest.streams.kafka import Means
from raia_ingest.streams.landing import LandingService
from raia_ingest.streams.repository import StreamRepository
from raia_ingest.streams.service import StreamService
from raia_ingest.streams.servicer import StreamServicer
from raia_ingest.streams.supervisor import StreamSupervisor


def assemble(ground: Ground) -> Room:
    """Streams, and the part of the process that runs them."""
    runtime, settings = ground.runtime, ground.settings
    streams, intake = StreamRepository(), IntakeRepository()
    landing = LandingService(
        database=runtime.database,
        streams=streams,
        intake=intake,
        jobs=runtime.jobs,
        objects=runtime.objects,
        versions=ground.versions,
        settings=settings,
    )
    means = Means(
        database=runtime.database,
        session=runtime.session,
        streams=streams,
        intake=intake,
        pool=ComputePool(settings.stream_children, settings.compute_idle_seconds, settings.compute_memory_bytes),
        private_brokers=settings.stream_private_brokers,
    )
    deliveries = DeliveryService(runtime.database, streams, intake, ground.at_once)
    servicer = StreamServicer(StreamService(streams, intake, runtime.access), deliveries)
    described = stream_service_pb2.DESCRIPTOR.services_by_name["StreamService"]
    return Room(
        servicers=[Servicer(described, servicer)],
        guards={"stream": StreamGuard(streams)},
        background=[StreamSupervisor(means, landing, most_readers=settings.stream_readers)],
    )
