from types import SimpleNamespace

import pytest
from raia.ingest.v1 import recipe_run_service_pb2_grpc, recipe_service_pb2_grpc


@pytest.fixture
def stubs(rig) -> SimpleNamespace:
    """The recipe rpcs of the shared service."""
    return SimpleNamespace(
        recipes=recipe_service_pb2_grpc.RecipeServiceStub(rig.channel),
        runs=recipe_run_service_pb2_grpc.RecipeRunServiceStub(rig.channel),
    )
