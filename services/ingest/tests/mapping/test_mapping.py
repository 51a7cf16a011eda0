"""Mappings through the running service: suggest, decide, learn, export, replay."""

import grpc
import pytest
from raia.ingest.v1 import mapping_decision_service_pb2 as decisions_pb2
from raia.ingest.v1 import mapping_service_pb2 as pb2
from raia.ingest.v1 import target_schema_service_pb2 as schemas_pb2

from ..rig import failure_of, wait_until

CODE = grpc.StatusCode
CLAIMS = "claim_number,policy_number,LossDate,claim_amt,veh_make\n" + "".join(
    f"C{n:04d},P{n % 40:03d},2024-{n % 12 + 1:02d}-{n % 28 + 1:02d},{100 + n * 7.5},{('Fiat', 'Opel')[n % 2]}\n"
    for n in range(60)
)
SQL = """
create table orders (
    order_id varchar primary key,
    order_date date not null,
    total decimal(10, 2),
    status varchar check (status in ('open', 'shipped', 'cancelled'))
);
create table lines (line_id varchar primary key, order_id varchar references orders (order_id), quantity int);
comment on column orders.total is 'Amount of the order';
"""


def test_the_insurance_schema_is_there_from_the_start(mapper):
    found = mapper.call(mapper.schemas.ListTargetSchemas, schemas_pb2.ListTargetSchemasRequest())
    assert [(each.name, each.format) for each in found.target_schemas] == [("insurance", "built_in")]
    schema = mapper.call(
        mapper.schemas.GetTargetSchema, schemas_pb2.GetTargetSchemaRequest(id=found.target_schemas[0].id)
    )
    entities = {each.name: each for each in schema.entities}
    assert {"FACILITIES", "SENSORS", "READINGS", "POLICIES", "CLAIMS", "RISKS", "ANOMALIES"} <= set(entities)
    sensor = {each.name: each.references for each in entities["SENSORS"].fields}
    assert sensor["facility_id"] == "FACILITIES.facility_id"


def test_a_schema_comes_from_sql(mapper):
    made = mapper.schema(name="shop", format="sql", content=SQL)
    entities = {each.name: {field.name: field for field in each.fields} for each in made.entities}
    orders, lines = entities["orders"], entities["lines"]
    assert orders["order_id"].key and orders["order_date"].required and orders["order_date"].type == "date"
    assert orders["total"].type == "float" and orders["total"].description == "Amount of the order"
    assert [each.value for each in orders["status"].values] == ["open", "shipped", "cancelled"]
    assert lines["order_id"].references == "orders.order_id" and lines["quantity"].type == "integer"
    failure = failure_of(lambda: mapper.schema(name="shop", format="sql", content=SQL))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "TARGET_SCHEMA_NAME_TAKEN")


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("sql", "select 1"),
        ("sql", "create table ("),
        ("json_schema", "{"),
        ("json_schema", '{"type": "string"}'),
        ("csv", "a,b\n1,2\n"),
        ("csv", "entity,field,references\nA,x,B.y\n"),
    ],
)
def test_what_is_no_schema_is_refused(mapper, form, content):
    failure = failure_of(lambda: mapper.schema(name="bad", format=form, content=content))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "TARGET_SCHEMA_INVALID")


def test_columns_are_mapped_with_probabilities_and_reasons(mapper):
    mapping = mapper.suggest(CLAIMS, "claims.csv")
    columns = mapper.columns(mapping.id)
    best = {name: each.candidates[0].field for name, each in columns.items()}
    assert best["claim_amt"] == "CLAIMS.amount"
    assert best["veh_make"] == "VEHICLES.make"
    for each in columns.values():
        probabilities = [candidate.probability for candidate in each.candidates]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) + each.no_match_probability <= 1.0001
    assert columns["claim_amt"].candidates[0].reasons
    assert mapping.column_count == 5
    assert mapping.accepted_count + mapping.open_count == 5


def test_decisions_change_the_next_suggestion_at_once(mapper):
    first = mapper.suggest("xq7,kind\n" + "".join(f"{n}.5,a\n" for n in range(30)), "first.csv")
    before = mapper.columns(first.id)["xq7"]
    assert before.status == "suggested"
    decided = mapper.decide(
        first.id, {"column": "xq7", "decision": "correct", "field": "POLICIES.premium"},
        {"column": "kind", "decision": "none"},
    )  # fmt: skip
    assert (decided.feedback_version, decided.accepted_count, decided.open_count) == (2, 1, 0)
    assert mapper.columns(first.id)["xq7"].status == "corrected"
    second = mapper.suggest("xq7,kind,other\n" + "".join(f"{n}.25,b,z\n" for n in range(30)), "second.csv")
    after = mapper.columns(second.id)
    assert after["xq7"].candidates[0].field == "POLICIES.premium"
    assert after["xq7"].candidates[0].probability > 0.5
    assert "feedback" in {reason.kind for reason in after["xq7"].candidates[0].reasons}
    assert after["kind"].no_match_probability > 0.9
    assert second.feedback_version == 2


def test_a_rejected_candidate_is_not_suggested_again(mapper):
    mapping = mapper.suggest(CLAIMS, "claims.csv")
    mapper.decide(mapping.id, {"column": "claim_amt", "decision": "reject", "field": "CLAIMS.amount"})
    assert "CLAIMS.amount" not in {each.field for each in mapper.columns(mapping.id)["claim_amt"].candidates}
    again = mapper.suggest(CLAIMS.replace("claim_amt", "claim_amt "), "again.csv")
    column = next(each for name, each in mapper.columns(again.id).items() if name.startswith("claim_amt"))
    assert column.candidates[0].field != "CLAIMS.amount"


def test_another_organisation_learns_nothing_of_it(mapper, rig):
    from .conftest import Mapper

    mapping = mapper.suggest("xq7\n1.5\n2.5\n")
    mapper.decide(mapping.id, {"column": "xq7", "decision": "correct", "field": "POLICIES.premium"})
    stranger = Mapper(rig, rig.hire())
    found = stranger.columns(stranger.suggest("xq7\n1.5\n2.5\n").id)["xq7"]
    assert found.candidates[0].probability < 0.5
    failure = failure_of(lambda: stranger.get(mapping.id))
    assert failure.code is CODE.NOT_FOUND


def test_an_exported_mapping_is_imported(mapper):
    mapping = mapper.suggest(CLAIMS, "claims.csv")
    mapper.decide(mapping.id, {"column": "LossDate", "decision": "correct", "field": "CLAIMS.reported_at"})
    document = mapper.call(mapper.decisions.ExportMapping, decisions_pb2.ExportMappingRequest(id=mapping.id))
    other = mapper.suggest(CLAIMS + "C9,P1,2024-01-01,1,Seat\n", "more.csv", accept_at=2)
    assert mapper.get(other.id).accepted_count == 0
    done = mapper.call(
        mapper.decisions.ImportMapping, decisions_pb2.ImportMappingRequest(id=other.id, document=document)
    )
    assert done.accepted_count >= 1
    assert mapper.columns(other.id)["LossDate"].field == "CLAIMS.reported_at"
    document["format"] = "another"
    failure = failure_of(
        lambda: mapper.call(
            mapper.decisions.ImportMapping, decisions_pb2.ImportMappingRequest(id=other.id, document=document)
        )
    )
    assert failure.reason == "MAPPING_DOCUMENT_INVALID"


def test_feedback_is_replayed_over_past_files(mapper):
    mapping = mapper.suggest("xq7\n1.5\n2.5\n", "past.csv")
    mapper.decide(mapping.id, {"column": "xq7", "decision": "correct", "field": "POLICIES.premium"})
    request = decisions_pb2.ReplayMappingFeedbackRequest(schema_id=mapping.schema_id)
    replayed = mapper.call(mapper.decisions.ReplayMappingFeedback, request)
    assert [each.mapping_id for each in replayed.mappings] == [mapping.id]
    change = replayed.mappings[0].changes[0]
    assert (change.column, change.before, change.after) == ("xq7", "", "POLICIES.premium")
    listed = mapper.call(
        mapper.decisions.ListMappingFeedback, decisions_pb2.ListMappingFeedbackRequest(schema_id=mapping.schema_id)
    )
    assert [(each.version, each.column, each.verdict) for each in listed.feedback] == [(1, "xq7", "accepted")]


def test_wrong_decisions_are_refused_and_nothing_is_kept(mapper):
    mapping = mapper.suggest(CLAIMS, "claims.csv")
    good = {"column": "claim_amt", "decision": "accept"}
    failure = failure_of(lambda: mapper.decide(mapping.id, good, {"column": "nowhere", "decision": "none"}))
    assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "COLUMN_NOT_FOUND")
    failure = failure_of(
        lambda: mapper.decide(mapping.id, good, {"column": "LossDate", "decision": "correct", "field": "X.y"})
    )
    assert failure.reason == "TARGET_FIELD_NOT_FOUND"
    assert mapper.get(mapping.id).feedback_version == 0
    failure = failure_of(lambda: mapper.decide(mapping.id, good, etag="0"))
    assert failure.reason == "ETAG_MISMATCH"


def test_watching_ends_and_events_tell(mapper, rig):
    dataset = rig.ready(mapper.person, CLAIMS)
    made = mapper.call(mapper.mappings.CreateMapping, pb2.CreateMappingRequest(dataset_id=dataset.id))
    seen = list(mapper.mappings.WatchMapping(pb2.WatchMappingRequest(id=made.id), metadata=mapper.person.metadata))
    assert seen[-1].status == "ready"
    mapper.decide(made.id, {"column": "claim_amt", "decision": "accept"})
    assert rig.events(made.id) == ["MappingSuggested", "MappingDecided"]
    cancelled = mapper.call(mapper.mappings.CancelMapping, pb2.CancelMappingRequest(id=made.id))
    assert cancelled.status == "ready"
    mapper.call(mapper.mappings.DeleteMapping, pb2.DeleteMappingRequest(id=made.id))
    wait_until(lambda: failure_of(lambda: mapper.get(made.id)).code is CODE.NOT_FOUND)


def test_a_deleted_dataset_takes_its_mappings_along(mapper, rig):
    from raia.ingest.v1 import dataset_service_pb2

    mapping = mapper.suggest(CLAIMS, "claims.csv")
    listed = mapper.call(mapper.mappings.ListMappings, pb2.ListMappingsRequest())
    assert [each.id for each in listed.mappings] == [mapping.id]
    mapper.call(rig.datasets.DeleteDataset, dataset_service_pb2.DeleteDatasetRequest(id=mapping.dataset_id))
    assert not mapper.call(mapper.mappings.ListMappings, pb2.ListMappingsRequest()).mappings
    assert failure_of(lambda: mapper.get(mapping.id)).code is CODE.NOT_FOUND
