"""What happens to explanations and reports when children, processes or neighbours die."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from raia.explain.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    fairness_service_pb2,
    fairness_service_pb2_grpc,
)

from .rig import ROLES, SEX, Person, Rig, failure_of, wait_until


class Alone:
    """The service as a process of its own, with the rig's database, neighbours and people."""

    def __init__(self, rig: Rig, person: Person) -> None:
        settings = rig.settings.model_dump(mode="json") | {
            "database_url": rig.service_database.url,
            "objects_url": rig.settings.objects_url,
            "grpc_port": 0,
        }
        self._facts = json.dumps(
            {
                "settings": {name: value for name, value in settings.items() if value not in (None, "**********", "")},
                "key": rig.key.as_dict(private=True),
                "person": {"org_id": str(person.org_id), "user_id": str(person.id)},
                "roles": ROLES,
            }
        )
        self.start()

    def start(self) -> None:
        script = Path(__file__).with_name("explain_process.py")
        self.process = subprocess.Popen([sys.executable, str(script), self._facts], stdout=subprocess.PIPE, text=True)
        self.channel = grpc.insecure_channel(self.process.stdout.readline().strip())
        self.explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self.channel)
        self.fairness = fairness_service_pb2_grpc.FairnessServiceStub(self.channel)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.channel.close()


@pytest.fixture
def own(postgres, tmp_path):
    """A service of one test's own."""
    with postgres.service_database("explain", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        try:
            yield rig
        finally:
            rig.close()


@pytest.mark.slow
def test_killed_children_are_replaced(own):
    person = own.hire()
    owned = own.model(person)
    own.owners.hold_reading.clear()
    started = own.analyze(person, owned, [SEX])
    wait_until(lambda: own.report(person, owned, started.id).status == "running")
    own.owners.hold_reading.set()
    wait_until(lambda: own.runtime.compute._children)
    for child in list(own.runtime.compute._children):
        os.kill(child._process.pid, signal.SIGKILL)
    report = own.finished(person, owned, started.id)
    assert report.status == "succeeded"
    assert own.owners.recorded == 1
    assert own.events(started.id) == ["FairnessAnalyzed"]


@pytest.mark.slow
def test_killed_processes_leave_work_that_the_next_one_ends_once(postgres, tmp_path):
    with postgres.service_database("explain", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        person = rig.hire()
        owned = rig.model(person)
        rig.channel.close()
        rig.process.stop()
        alone = Alone(rig, person)
        try:
            rig.owners.hold_reading.clear()
            read = rig.owners.read
            started = alone.fairness.AnalyzeFairness(
                fairness_service_pb2.AnalyzeFairnessRequest(model_id=owned.id, protected_attributes=[SEX]),
                metadata=person.metadata,
            )
            shap = explanation_service_pb2.GetShapExplanationRequest(model_id=owned.id, rows=[1])
            asked = alone.explanations.GetShapExplanation(shap, metadata=person.metadata)
            wait_until(lambda: rig.owners.read > read)
            alone.kill()
            rig.owners.hold_reading.set()
            alone.start()
            get = fairness_service_pb2.GetFairnessReportRequest(model_id=owned.id, id=started.id)
            wait_until(
                lambda: alone.fairness.GetFairnessReport(get, metadata=person.metadata).status == "succeeded", 90
            )
            wait_until(
                lambda: alone.explanations.GetShapExplanation(shap, metadata=person.metadata).status == "succeeded", 90
            )
            assert alone.explanations.GetShapExplanation(shap, metadata=person.metadata).id == asked.id
            assert rig.owners.recorded == 1
            assert rig.events(started.id) == ["FairnessAnalyzed"]
            assert rig.events(asked.id) == ["ExplanationFinished"]
            here = f"-{alone.process.pid}-"
            assert not [path for path in tmp_path.glob("raia-explain-*") if here not in path.name]
        finally:
            alone.kill()
            rig.owners.close()


@pytest.mark.slow
def test_without_its_neighbours_nothing_is_started_and_later_it_works(own):
    person = own.hire()
    owned = own.model(person)
    port, server = own.owners.port, own.owners
    server.server.stop(0).wait()
    failure = failure_of(lambda: own.shap(person, owned, rows=[0], wait={"seconds": 1}))
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert not own.rows("select 1 from explanation")
    server.serve(port)

    def works() -> bool:
        try:
            return own.shap(person, owned, rows=[0]).status == "succeeded"
        except grpc.RpcError:
            return False

    wait_until(works, 60)
