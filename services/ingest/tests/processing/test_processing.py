"""Versions are routed and processed as they become ready."""

import uuid

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from raia.ingest.v1 import processing_service_pb2 as pb2
from raia.ingest.v1 import processing_service_pb2_grpc

from ..rig import Person, Rig, failure_of, wait_until

SALES = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,Lamp,2,2024-01-01 09:00:00,5.0,c1,France
1,B,Pen,10,2024-01-01 09:00:00,1.0,c1,France
2,A,Lamp,1,2024-01-02 15:00:00,5.0,c2,Spain
C3,A,Lamp,-1,2024-01-03 10:00:00,5.0,c1,France
"""
PEOPLE = "name,height,shoe\nAda,1.6,38\nBob,1.8,44\n"


class Client:
    def __init__(self, rig: Rig, person: Person) -> None:
        self.stub, self.headers = processing_service_pb2_grpc.ProcessingServiceStub(rig.channel), person.metadata

    def routing(self, dataset, version=0):
        return self.stub.GetRouting(
            pb2.GetRoutingRequest(dataset_id=dataset.id, version=version), metadata=self.headers
        )

    def results(self, filter_):
        request = pb2.ListProcessingResultsRequest(filter=filter_)
        return self.stub.ListProcessingResults(request, metadata=self.headers).processing_results

    def get(self, result_id):
        return self.stub.GetProcessingResult(pb2.GetProcessingResultRequest(id=result_id), metadata=self.headers)

    def start(self, dataset, processor, options=None):
        request = pb2.StartProcessingRequest(dataset_id=dataset.id, processor=processor)
        ParseDict(options or {}, request.options)
        return self.stub.StartProcessing(request, metadata=self.headers)

    def ended(self, dataset, count=1):
        query = f'dataset_id = "{dataset.id}"'
        wait_until(lambda: sum(each.completed_at.seconds > 0 for each in self.results(query)) >= count)
        return [self.get(each.id) for each in self.results(query)]


@pytest.fixture
def analyst(rig: Rig) -> Person:
    return rig.hire()


@pytest.fixture
def client(rig: Rig, analyst: Person) -> Client:
    return Client(rig, analyst)


def test_sales_are_routed_and_processed_by_themselves(rig, analyst, client):
    dataset = rig.ready(analyst, SALES, "day.csv")
    (result,) = client.ended(dataset)
    routing = client.routing(dataset)
    assert (routing.category, routing.decided_by, routing.status) == ("sales", "classifier", "succeeded")
    assert routing.confidence > 0.9
    assert {"InvoiceNo", "UnitPrice", "Quantity"} <= {each.column for each in routing.evidence}
    assert (result.processor, result.status, result.attempts) == ("sales", "succeeded", 1)
    totals = MessageToDict(result.results)["totals"]
    assert (totals["net_revenue"], totals["gross_revenue"], totals["returned_amount"]) == (20.0, 25.0, 5.0)
    assert result.headline == "Revenue 20.00 from 3 lines; returns 5.00."
    rig.events(dataset.id)  # waits until they are published
    published = rig.rows("select type from raia_log.event where key = %s order by position", dataset.id)
    assert [kind.rpartition(".")[2] for (kind,) in published][-2:] == ["DatasetRouted", "DatasetProcessed"]


def test_what_is_of_no_field_is_general(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    (result,) = client.ended(dataset)
    assert (client.routing(dataset).category, result.processor) == ("general", "general")
    assert result.headline == "2 rows in 3 columns."


def test_a_correction_stands_also_for_later_versions(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    client.ended(dataset)
    request = pb2.CorrectRoutingRequest(dataset_id=dataset.id, category="sensor")
    corrected = client.stub.CorrectRouting(request, metadata=analyst.metadata)
    assert (corrected.category, corrected.decided_by, corrected.confidence) == ("sensor", "person", 1.0)
    client.ended(dataset, 2)
    again = rig.ready(analyst, PEOPLE + "Cyd,1.7,40\n", "people.csv")
    wait_until(lambda: client.routing(again, 2).category == "sensor")
    assert client.routing(again, 2).decided_by == "person"


def test_what_a_processor_lacks_is_said_and_can_be_told(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    client.ended(dataset)
    started = client.start(dataset, "sales")
    wait_until(lambda: client.get(started.id).status == "failed")
    assert "options.columns" in client.get(started.id).error
    told = client.start(dataset, "sales", {"columns": {"amount": "height"}})
    assert told.id == started.id
    wait_until(lambda: client.get(told.id).status == "succeeded")
    assert client.get(told.id).headline.startswith("Revenue 3.40")
    assert [each.status for each in client.results('status = "failed"')] == []


def test_failed_ones_are_dead_letters_that_can_be_replayed(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    client.ended(dataset)
    started = client.start(dataset, "claims")
    wait_until(lambda: client.get(started.id).status == "failed")
    assert [each.id for each in client.results('status = "failed"')] == [started.id]
    retried = client.stub.RetryProcessing(pb2.RetryProcessingRequest(id=started.id), metadata=analyst.metadata)
    assert retried.status == "pending"
    wait_until(lambda: client.get(started.id).status == "failed")
    cancelled = client.stub.CancelProcessing(pb2.CancelProcessingRequest(id=started.id), metadata=analyst.metadata)
    assert cancelled.status == "failed"


def test_bad_options_name_the_fault(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    client.ended(dataset)
    for options, text in (({"colums": {}}, "colums"), ({"columns": {"amount": "no such"}}, "no such")):
        started = client.start(dataset, "sales", options)
        wait_until(lambda: client.get(started.id).status == "failed")  # noqa: B023 - called at once
        assert text in client.get(started.id).error
    failure = failure_of(lambda: client.start(dataset, "alchemy"))
    assert failure.code is grpc.StatusCode.NOT_FOUND


def test_others_see_nothing(rig, analyst, client):
    dataset = rig.ready(analyst, PEOPLE, "people.csv")
    (result,) = client.ended(dataset)
    stranger = Client(rig, rig.hire())
    assert not stranger.results("")
    for ask in (
        lambda: stranger.get(result.id),
        lambda: stranger.routing(dataset),
        lambda: client.get(str(uuid.uuid4())),
    ):
        assert failure_of(ask).code is grpc.StatusCode.NOT_FOUND


def test_the_platforms_own_processors_are_listed(rig, client):
    found = client.stub.ListProcessors(pb2.ListProcessorsRequest(), metadata=client.headers).processors
    assert {each.name for each in found if each.origin == "platform"} >= {
        "sales", "inventory", "sensor", "policy", "claims", "general",
    }  # fmt: skip
