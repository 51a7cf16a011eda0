from collections.abc import Iterator

import pytest

from .rig import Person, Rig


@pytest.fixture(scope="session")
def rig(postgres, tmp_path_factory) -> Iterator[Rig]:
    """The service that most tests share: each makes its own people and organisations."""
    with postgres.service_database("explain", pool_size=8) as database:
        running = Rig(database, tmp_path_factory.mktemp("explain"))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def analyst(rig) -> Person:
    """Somebody of a new organisation who may explain and analyse."""
    return rig.hire()
