from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from .rig import Rig

if TYPE_CHECKING:
    from raia_testing.postgres import ServiceDatabase


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.servers("kafka"))])
def backend(request: pytest.FixtureRequest) -> str:
    """Every conformance test runs against each of these."""
    return str(request.param)


@pytest.fixture
def rig(
    backend: str, service_database: "Callable[..., ServiceDatabase]", request: pytest.FixtureRequest
) -> Iterator[Rig]:
    """A service with the kit's tables and the log of a backend."""
    bootstrap = request.getfixturevalue("kafka_bootstrap") if backend == "kafka" else ""
    rig = Rig(backend, service_database("sample", pool_size=6), bootstrap)
    try:
        yield rig
    finally:
        rig.close()


@pytest.fixture
def postgres_rig(service_database: "Callable[..., ServiceDatabase]") -> Iterator[Rig]:
    """The same on PostgreSQL alone, for what no backend changes."""
    rig = Rig("postgres", service_database("sample", pool_size=6), "")
    try:
        yield rig
    finally:
        rig.close()
