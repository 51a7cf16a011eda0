"""The pytest plugin: one fixture per server, each starting at its first use.

| fixture | scope | gives |
|---|---|---|
| ``postgres`` | session | a ``PostgresServer`` |
| ``service_database`` | function | a function: service names → ``ServiceDatabase``, fresh and migrated |
| ``sample_database`` | function | the ``ServiceDatabase`` of a service that has the kit's tables alone |
| ``redis_url``, ``kafka_bootstrap``, ``s3_url`` | session | where the server is |
| ``spark_packages`` | session | the folder of pyspark, empty when it is installed |
| ``s3_options``, ``s3_bucket`` | session, function | ``objects_options`` for the S3 server, a new bucket's name |
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from raia_testing import requirement

if TYPE_CHECKING:
    from raia_testing.postgres import PostgresServer, ServiceDatabase


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors in the tests; these are kafka-python's own, raised while it is imported."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A PostgreSQL server with pgvector."""
    from raia_testing import postgres as module

    with module.server() as server:
        yield server


@pytest.fixture
def service_database(postgres: "PostgresServer") -> "Iterator[Callable[..., ServiceDatabase]]":
    """Makes a database with the schemas of the services named; dropped after the test."""
    with contextlib.ExitStack() as stack:

        def create(*services: str, pool_size: int = 3) -> "ServiceDatabase":
            return stack.enter_context(postgres.service_database(*services, pool_size=pool_size))

        yield create


@pytest.fixture
def sample_database(postgres: "PostgresServer") -> "Iterator[ServiceDatabase]":
    """A database whose only schema holds the kit's tables."""
    from raia_testing.postgres import SAMPLE

    with postgres.service_database(SAMPLE) as database:
        yield database


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """URL of a Redis server."""
    from raia_testing import servers

    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """host:port of a Kafka broker."""
    from raia_testing import servers

    with servers.kafka() as address:
        yield address


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Endpoint of an S3 server."""
    from raia_testing import servers

    with servers.s3() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def spark_packages() -> str:
    """Folder of the packages that run Spark; empty when they are installed."""
    from raia_testing import servers

    return servers.spark_packages()


@pytest.fixture(scope="session")
def s3_options(s3_url: str) -> dict[str, str]:
    """``objects_options`` by which the object store reaches the S3 server."""
    from raia_testing import servers

    return servers.s3_options(s3_url)


@pytest.fixture
def s3_bucket(s3_url: str) -> str:
    """Name of a new, empty bucket."""
    from raia_testing import servers

    return servers.create_bucket(s3_url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends the run with one line on what was skipped for want of a server."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    line = requirement.summary(reasons)
    if line is not None:
        terminalreporter.write_line(line, yellow=True)
