from collections.abc import Iterator
from typing import Any

import pytest
from raia.ingest.v1 import mapping_decision_service_pb2 as decisions_pb2
from raia.ingest.v1 import (
    mapping_decision_service_pb2_grpc,
    mapping_run_service_pb2_grpc,
    mapping_service_pb2_grpc,
    target_schema_service_pb2_grpc,
)
from raia.ingest.v1 import mapping_run_service_pb2 as runs_pb2
from raia.ingest.v1 import mapping_service_pb2 as pb2
from raia.ingest.v1 import target_schema_service_pb2 as schemas_pb2

from ..rig import Person, Rig, wait_until


class Mapper:
    """A person who maps."""

    def __init__(self, rig: Rig, person: Person) -> None:
        self.rig, self.person = rig, person
        self.schemas = target_schema_service_pb2_grpc.TargetSchemaServiceStub(rig.channel)
        self.mappings = mapping_service_pb2_grpc.MappingServiceStub(rig.channel)
        self.decisions = mapping_decision_service_pb2_grpc.MappingDecisionServiceStub(rig.channel)
        self.runs = mapping_run_service_pb2_grpc.MappingRunServiceStub(rig.channel)

    def call(self, method: Any, request: Any) -> Any:
        return method(request, metadata=self.person.metadata)

    def suggest(self, content: str, filename: str = "table.csv", **more: Any) -> Any:
        """Uploads a file and waits for its mapping."""
        dataset = self.rig.ready(self.person, content, filename)
        made = self.call(self.mappings.CreateMapping, pb2.CreateMappingRequest(dataset_id=dataset.id, **more))
        return self.settled(made.id)

    def settled(self, mapping_id: str) -> Any:
        wait_until(lambda: self.get(mapping_id).status not in ("pending", "running"), 60)
        found = self.get(mapping_id)
        assert found.status == "ready", found.error
        return found

    def get(self, mapping_id: str) -> Any:
        return self.call(self.mappings.GetMapping, pb2.GetMappingRequest(id=mapping_id))

    def columns(self, mapping_id: str) -> dict[str, Any]:
        request = decisions_pb2.ListMappingColumnsRequest(id=mapping_id)
        return {each.column: each for each in self.call(self.decisions.ListMappingColumns, request).columns}

    def decide(self, mapping_id: str, *decisions: dict[str, Any], etag: str = "") -> Any:
        request = decisions_pb2.DecideMappingRequest(id=mapping_id, etag=etag)
        for each in decisions:
            request.decisions.add(**each)
        return self.call(self.decisions.DecideMapping, request)

    def run(self, mapping_id: str) -> Any:
        made = self.call(self.runs.StartMappingRun, runs_pb2.StartMappingRunRequest(mapping_id=mapping_id))
        return self.ran(made.id)

    def ran(self, run_id: str) -> Any:
        def look() -> Any:
            return self.call(self.runs.GetMappingRun, runs_pb2.GetMappingRunRequest(id=run_id))

        wait_until(lambda: look().status not in ("pending", "running"), 60)
        found = look()
        assert found.status == "succeeded", found.error
        return found

    def items(self, run_id: str, **more: Any) -> Any:
        return self.call(self.runs.ListReviewItems, runs_pb2.ListReviewItemsRequest(id=run_id, **more))

    def schema(self, **said: Any) -> Any:
        return self.call(self.schemas.ImportTargetSchema, schemas_pb2.ImportTargetSchemaRequest(**said))


@pytest.fixture
def mapper(rig: Rig, analyst: Person) -> Iterator[Mapper]:
    """Somebody of a new organisation."""
    yield Mapper(rig, analyst)
