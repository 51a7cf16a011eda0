from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from .rig import Person, Rig


@pytest.fixture(scope="session")
def rig(postgres, tmp_path_factory) -> Iterator[Rig]:
    """The service that most tests share: each makes its own people and organisations."""
    with postgres.service_database("ml", pool_size=8) as database:
        running = Rig(database, tmp_path_factory.mktemp("ml"))
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def scientist(rig) -> Person:
    """Somebody of a new organisation who may train, deploy and predict."""
    return rig.hire()


@pytest.fixture
def officer(rig, scientist) -> Person:
    """Somebody of the same organisation who may write policies."""
    return rig.hire("officer", scientist.org_id)


@pytest.fixture(scope="session")
def loans() -> pa.Table:
    """A small table with a target that can be learnt."""
    random = np.random.default_rng(4)
    rows = 200
    income = random.lognormal(3, 0.5, rows)
    city = random.choice(["Rome", "Oslo", "Lima"], rows)
    score = income / 20 + (city == "Rome") + random.normal(0, 0.5, rows)
    return pa.table({"income": income, "city": city, "y": np.where(score > np.median(score), "good", "bad")})
