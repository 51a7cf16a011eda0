from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from .rig import Rig, compile_sample, running

if TYPE_CHECKING:
    from raia_testing.postgres import PostgresServer


@pytest.fixture(scope="session")
def sample_contract(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The compiled contract of the tests."""
    return compile_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def rig(sample_contract: ModuleType, postgres: "PostgresServer") -> Iterator[Rig]:
    """One server for the tests of a module; each test takes organisations of its own."""
    with running(sample_contract, postgres) as rig:
        yield rig
