from collections.abc import Iterator

import pytest

from .rig import Rig


@pytest.fixture(scope="session")
def rig(postgres, tmp_path_factory) -> Iterator[Rig]:
    """The service that most tests share: each makes its own people and organisations."""
    with postgres.service_database("auth", pool_size=8) as database:
        running = Rig(database, tmp_path_factory.mktemp("auth"))
        try:
            yield running
        finally:
            running.close()
