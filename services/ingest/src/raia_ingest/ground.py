"""What the resources of the service stand on, and what each of them gives to the process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from raia_kit.compute import ComputePool
from raia_kit.database import UnitOfWork
from raia_kit.events.consumer import Consumer
from raia_kit.process import Part
from raia_kit.resources import ResourceGuard
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer

from raia_ingest.changes import Changes
from raia_ingest.datasets.arrivals import Arrivals
from raia_ingest.datasets.making import VersionMaker
from raia_ingest.datasets.reading import FileReader
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.profiles.service import ProfileService
from raia_ingest.settings import IngestSettings


@dataclass(frozen=True)
class Ground:
    """What is made once and used by every resource."""

    settings: IngestSettings
    runtime: Runtime
    changes: Changes
    datasets: DatasetRepository
    reader: FileReader
    versions: VersionMaker
    arrivals: Arrivals
    """Tells of versions that become ready."""
    profiles: ProfileService
    at_once: ComputePool
    """Children for short work that a caller waits for."""
    streams: ComputePool
    """Children that stream rows."""
    charts: ComputePool
    """Children that draw charts and try recipes: what takes seconds, while somebody waits."""


@dataclass(frozen=True)
class Room:
    """What one resource gives: its servicers, its guards, its consumers, and the objects that its rows refer to."""

    servicers: Sequence[Servicer]
    guards: Mapping[str, ResourceGuard] = field(default_factory=dict)
    references: Callable[[UnitOfWork], Iterable[str]] | None = None
    """Keys of an organisation's objects that must be kept."""
    consumers: Sequence[Consumer] = ()
    """What it wants to know of and what it then does."""
    background: Sequence[Part] = ()
    """What runs beside the server for as long as the process does."""
