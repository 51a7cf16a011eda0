"""Walks every rpc of every contract: tokens, permissions, tenants, constraints, internal access."""

import secrets
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from raia_auth.roles import ROLE_PERMISSIONS
from raia_kit.contract import Access, MethodContract, all_methods, job_permissions

from tests.conftest import Platform
from tests.contracts.violations import first_violation

METHODS = [method for method in all_methods() if method.access is not Access.PUBLIC and method.service != "gateway"]
GATEWAY = [method for method in all_methods() if method.access is not Access.PUBLIC and method.service == "gateway"]
WITH_PERMISSION = [method for method in METHODS if method.access is Access.ROUTED]
INTERNAL = [method for method in METHODS if method.access is Access.INTERNAL]
ABOUT_A_RESOURCE = [method for method in METHODS if method.resource_field and method.access is not Access.INTERNAL]
UNKNOWN = "00000000-0000-7000-8000-000000000000"


def name(method: MethodContract) -> str:
    return method.full_name


@cache
def channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address)


def message_class(descriptor: Any) -> type[Message]:
    return getattr(
        import_module(descriptor.file.name.removesuffix(".proto").replace("/", ".") + "_pb2"), descriptor.name
    )


def call(platform: Platform, method: MethodContract, values: dict[str, Any], token: str | None) -> grpc.RpcError | None:
    """Calls the rpc over gRPC with a request made of ``values``; answers the error, or None when it succeeded."""
    owner = "auth" if method.service == "platform" else method.service
    multi = {
        (False, False): "unary_unary",
        (False, True): "unary_stream",
        (True, False): "stream_unary",
        (True, True): "stream_stream",
    }[method.request_streaming, method.response_streaming]
    answer_class = (
        message_class(method.descriptor.output_type)
        if not method.descriptor.output_type.full_name.startswith("google.")
        else None
    )
    invoke = getattr(channel(platform.services()[owner]), multi)(
        method.full_name,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer_class.FromString if answer_class else bytes,
    )
    request = json_format.ParseDict(values, message_class(method.descriptor.input_type)())
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        answer = invoke(iter([request]) if method.request_streaming else request, metadata=metadata, timeout=30)
        if method.response_streaming:
            next(iter(answer), None)
            answer.cancel()
    except grpc.RpcError as error:
        return error
    return None


def violated_fields(error: grpc.RpcError) -> list[str]:
    data = next(value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    fields = []
    for detail in status_pb2.Status.FromString(data).details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            fields += [violation.field for violation in bad.field_violations]
    return fields


@pytest.fixture(scope="module")
def token_without(platform: Platform) -> Callable[[str], str]:
    """Answers, for a permission, a token of a member of the first organisation that does not carry it."""

    @cache
    def of_role(role: str) -> str:
        email, password = f"{role}-{secrets.token_hex(4)}@example.com", "powerless " + secrets.token_hex(8)
        with platform.client(platform.admin_token()) as client:
            answer = client.post("/api/v1/users", json={"email": email, "password": password, "roles": [role]})
            assert answer.status_code == 201, answer.text
        return platform.sign_in(email, password)

    def of(permission: str) -> str:
        role = next((name for name, held in sorted(ROLE_PERMISSIONS.items()) if permission not in held), None)
        if role is not None:
            return of_role(role)
        # Every role holds it: a service acts for the user with a token that is limited to another permission.
        service, other = next(
            (name, allowed)
            for name in sorted({method.service for method in METHODS})
            for allowed in sorted(job_permissions(name))
            if allowed != permission
        )
        return platform.exchange(service, [other])

    return of


@pytest.fixture(scope="module")
def foreign(platform: Platform) -> Callable[[str], str]:
    """Answers, for a kind of resource, the id of one that another organisation owns."""
    token = platform.register()

    @cache
    def of(resource_type: str) -> str:
        return RESOURCES[resource_type](platform, token)

    return of


def foreign_dataset(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        answer = client.post("/api/v1/datasets/upload", files={"file": ("walk.csv", b"a,b\n1,2\n3,4\n")})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_processing_result(platform: Platform, token: str) -> str:
    dataset = foreign_dataset(platform, token)
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/datasets/{dataset}/process", json={"processor": "general"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_source(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        answer = client.post("/api/v1/sources", json={"name": secrets.token_hex(6), "folder": {}, "poll_seconds": 1})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_source_item(platform: Platform, token: str) -> str:
    source = foreign_source(platform, token)
    deadline = time.monotonic() + 30
    with platform.client(token) as client:
        organisation = client.get("/api/v1/auth/me").json()["organisation"]["id"]
        folder = platform.home / "watched" / organisation
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "walk.csv").write_text("a,b\n1,2\n")
        while True:
            found = client.get(f"/api/v1/sources/{source}/items").json().get("source_items", [])
            if found:
                return str(found[0]["id"])
            assert time.monotonic() < deadline, "the file was not seen"
            time.sleep(0.1)


def foreign_stream(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        wanted = {
            "name": f"walk {secrets.token_hex(4)}",
            "source_type": "webhook",
            "schema_info": {"fields": [{"name": "a", "type": "integer"}]},
        }
        answer = client.post("/api/v1/streams", json=wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_user(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        return str(client.get("/api/v1/auth/me").json()["user"]["id"])


def foreign_document(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        answer = client.post("/api/v1/documents/upload", files={"file": ("walk.txt", b"The walk is short. It ends.")})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_notification(platform: Platform, token: str) -> str:
    foreign_dataset(platform, token)
    deadline = time.monotonic() + 30
    with platform.client(token) as client:
        while True:
            found = client.get("/api/v1/notifications").json().get("notifications", [])
            if found:
                return str(found[0]["id"])
            assert time.monotonic() < deadline, "nobody was notified"
            time.sleep(0.1)


def training_run(platform: Platform, token: str) -> dict[str, str]:
    """A training run of a model that has a version."""
    rows = "".join(f"{number},{number % 7},{number % 2}\n" for number in range(60))
    with platform.client(token) as client:
        uploaded = client.post("/api/v1/datasets/upload", files={"file": ("train.csv", f"a,b,y\n{rows}".encode())})
        assert uploaded.status_code == 201, uploaded.text
        wanted = {
            "dataset_id": uploaded.json()["id"],
            "target": "y",
            "algorithm": "logistic_regression",
            "name": "walk",
        }
        answer = client.post("/api/v1/models/train", json=wanted)
        assert answer.status_code == 202, answer.text
        deadline = time.monotonic() + 90
        while True:
            run: dict[str, str] = client.get(f"/api/v1/training-runs/{answer.json()['id']}").json()
            if run["status"] == "succeeded":
                return run
            assert run["status"] in ("pending", "running"), run
            assert time.monotonic() < deadline, "nothing was trained"
            time.sleep(0.2)


def foreign_model(platform: Platform, token: str) -> str:
    return training_run(platform, token)["model_id"]


def foreign_run(platform: Platform, token: str) -> str:
    return training_run(platform, token)["id"]


def foreign_export(platform: Platform, token: str) -> str:
    model_id = foreign_model(platform, token)
    with platform.client(token) as client:
        answer = client.post("/api/v1/export/json", json={"model_id": model_id})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_report(platform: Platform, token: str) -> str:
    model_id = foreign_model(platform, token)
    wanted = {"protected_attributes": [{"name": "a", "bins": [30]}], "favourable_outcome": {"favourable_class": "1"}}
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/fairness/analyze/{model_id}", json=wanted)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_recipe(platform: Platform, token: str) -> str:
    wanted = {"name": "walk", "steps": [{"filter_rows": {"expression": "a > 0"}}]}
    with platform.client(token) as client:
        answer = client.post("/api/v1/recipes", json=wanted)
        assert answer.status_code in (201, 409), answer.text
        found = answer.json() if answer.status_code == 201 else client.get("/api/v1/recipes").json()["recipes"][0]
        return str(found["id"])


def foreign_recipe_run(platform: Platform, token: str) -> str:
    recipe, dataset = foreign_recipe(platform, token), foreign_dataset(platform, token)
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/recipes/{recipe}/runs", json={"dataset_id": dataset})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_quality_rule(platform: Platform, token: str) -> str:
    wanted = {"dataset_id": foreign_dataset(platform, token), "check": {"not_null": {"columns": ["a"]}}}
    with platform.client(token) as client:
        answer = client.post("/api/v1/data-quality/rules", json=wanted)
        if answer.status_code == 409:
            return str(client.get("/api/v1/data-quality/rules").json()["rules"][0]["id"])
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_validation(platform: Platform, token: str) -> str:
    dataset = foreign_dataset(platform, token)
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/datasets/{dataset}/validate", json={})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_quality_report(platform: Platform, token: str) -> str:
    dataset = foreign_dataset(platform, token)
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/data-quality/assess/{dataset}", json={})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_upload(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        answer = client.post("/api/v1/uploads", json={"filename": "walk.csv"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_schema(platform: Platform, token: str) -> str:
    with platform.client(token) as client:
        fields = [{"name": "a", "key": True}, {"name": "b"}]
        answer = client.post(
            "/api/v1/target-schemas",
            json={"name": f"walk {secrets.token_hex(4)}", "entities": [{"name": "WALK", "fields": fields}]},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def foreign_mapping(platform: Platform, token: str) -> str:
    dataset, schema = foreign_dataset(platform, token), foreign_schema(platform, token)
    with platform.client(token) as client:
        answer = client.post(f"/api/v1/datasets/{dataset}/mappings", json={"schema_id": schema})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def foreign_mapping_run(platform: Platform, token: str) -> str:
    mapping = foreign_mapping(platform, token)
    deadline = time.monotonic() + 60
    with platform.client(token) as client:
        while client.get(f"/api/v1/mappings/{mapping}").json()["status"] in ("pending", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        decided = {"decisions": [{"column": "a", "decision": "correct", "field": "WALK.a"}]}
        answer = client.post(f"/api/v1/mappings/{mapping}:decide", json=decided)
        assert answer.status_code == 200, answer.text
        answer = client.post(f"/api/v1/mappings/{mapping}/runs", json={})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


RESOURCES: dict[str, Callable[[Platform, str], str]] = {
    "dataset": foreign_dataset,
    "upload": foreign_upload,
    "quality_rule": foreign_quality_rule,
    "dataset_validation": foreign_validation,
    "data_quality_report": foreign_quality_report,
    "processing_result": foreign_processing_result,
    "source": foreign_source,
    "source_item": foreign_source_item,
    "stream": foreign_stream,
    "model": foreign_model,
    "training_run": foreign_run,
    "fairness_report": foreign_report,
    "notification": foreign_notification,
    "export_job": foreign_export,
    "document": foreign_document,
    "recipe": foreign_recipe,
    "recipe_run": foreign_recipe_run,
    "user": foreign_user,
    "target_schema": foreign_schema,
    "mapping": foreign_mapping,
    "mapping_run": foreign_mapping_run,
}


@pytest.mark.parametrize("method", METHODS, ids=name)
def test_without_a_token_nobody_gets_in(platform: Platform, method: MethodContract) -> None:
    error = call(platform, method, {}, None)
    assert error is not None
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", WITH_PERMISSION, ids=name)
def test_without_the_permission_it_is_denied(
    platform: Platform, token_without: Callable[[str], str], method: MethodContract
) -> None:
    error = call(platform, method, {}, token_without(method.permission))
    assert error is not None
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", INTERNAL, ids=name)
def test_internal_rpcs_refuse_users(platform: Platform, method: MethodContract) -> None:
    error = call(platform, method, {}, platform.admin_token())
    assert error is not None
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("method", ABOUT_A_RESOURCE, ids=name)
@pytest.mark.parametrize("whose", ["absent", "foreign"])
def test_absent_and_foreign_resources_look_the_same(
    platform: Platform, foreign: Callable[[str], str], method: MethodContract, whose: str
) -> None:
    resource_id = UNKNOWN if whose == "absent" else foreign(method.resource_type)
    error = call(
        platform,
        method,
        {**VALID.get(method.full_name, {}), method.resource_field: resource_id},
        platform.admin_token(),
    )
    assert error is not None
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert resource_id in error.details()


VALID: dict[str, dict[str, Any]] = {
    "/raia.ingest.v1.RetentionService/ArchiveDatasetVersion": {"version": 1},
    "/raia.ingest.v1.ChartService/DrawDatasetChart": {"type": "bar", "columns": ["a"]},
    "/raia.ingest.v1.QualityRuleService/CreateQualityRule": {"check": {"not_null": {"columns": ["a"]}}},
    "/raia.ingest.v1.QualityRuleSetService/ImportQualityRules": {"content": "rules: []"},
    "/raia.ingest.v1.QualityValidationService/ReleaseDatasetVersion": {"version": 1, "reason": "walk"},
    "/raia.ingest.v1.QualityValidationService/QuarantineDatasetVersion": {"version": 1, "reason": "walk"},
    "/raia.ingest.v1.DatasetVersionService/CreateDatasetFromPart": {"part": "walk"},
    "/raia.ingest.v1.UploadService/SignUploadPart": {"number": 1},
    "/raia.ingest.v1.AttachmentService/GetAttachment": {"id": UNKNOWN},
    "/raia.ingest.v1.AttachmentService/DownloadAttachment": {"id": UNKNOWN},
    "/raia.ingest.v1.AttachmentService/DeleteAttachment": {"id": UNKNOWN},
    "/raia.ingest.v1.ProcessingService/CorrectRouting": {"category": "sales"},
    "/raia.ingest.v1.ProcessingService/StartProcessing": {"processor": "sales"},
    "/raia.ingest.v1.RecipeRunService/RunRecipe": {"dataset_id": UNKNOWN},
    "/raia.ingest.v1.RecipeRunService/CreateRecipeBinding": {"dataset_id": UNKNOWN},
    "/raia.ingest.v1.RecipeRunService/DeleteRecipeBinding": {"id": UNKNOWN},
    "/raia.ingest.v1.StreamService/DeliverRecords": {"delivery_id": "walk", "records": [{"a": 1}]},
    "/raia.ingest.v1.SourceItemService/NotifySource": {"event": {"Records": []}},
    "/raia.ml.v1.PredictionService/Predict": {"rows": [{"a": 1}]},
    "/raia.explain.v1.FairnessService/AnalyzeFairness": {"protected_attributes": [{"name": "a"}]},
    "/raia.explain.v1.FairnessService/GetFairnessReport": {"model_id": UNKNOWN},
    "/raia.explain.v1.FairnessService/WatchFairnessReport": {"model_id": UNKNOWN},
    "/raia.explain.v1.FairnessService/CancelFairnessReport": {"model_id": UNKNOWN},
    "/raia.ingest.v1.MappingDecisionService/DecideMapping": {"decisions": [{"column": "a", "decision": "none"}]},
    "/raia.ingest.v1.MappingDecisionService/ImportMapping": {"document": {"format": "raia.mapping.v1"}},
    "/raia.ingest.v1.MappingRunService/ResolveReviewItem": {"item_id": UNKNOWN, "action": "dismiss"},
    "/raia.ingest.v1.TargetSchemaService/CreateTargetSchema": {"name": "a", "entities": [{"name": "A"}]},
    "/raia.ingest.v1.TargetSchemaService/ImportTargetSchema": {"name": "a", "format": "csv", "content": "a"},
}
"""Whatever else a request needs to be valid, by rpc."""

UNCONSTRAINED = {
    method.full_name
    for method in METHODS
    if not method.request_streaming and first_violation(method.descriptor.input_type, set()) is None
}


@pytest.mark.parametrize("method", [m for m in METHODS if m.access is not Access.INTERNAL], ids=name)
def test_a_violated_constraint_names_the_field(platform: Platform, method: MethodContract) -> None:
    if method.full_name in UNCONSTRAINED:
        assert all(
            field.message_type is None or field.message_type.file.package.startswith("google")
            for field in method.descriptor.input_type.fields
        )
        return
    if method.request_streaming:
        metadata = method.descriptor.input_type.fields_by_name["metadata"].message_type
        field, value = first_violation(metadata, set()) or ("", None)
        error = call(platform, method, {"metadata": {field: value}}, platform.admin_token())
        field = f"metadata.{field}"
    else:
        field, value = first_violation(method.descriptor.input_type, set()) or ("", None)
        values = {method.resource_field: UNKNOWN} if method.resource_field and method.resource_field != field else {}
        error = call(
            platform, method, {**VALID.get(method.full_name, {}), **values, field: value}, platform.admin_token()
        )
    assert error is not None
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert any(violated.startswith(field) for violated in violated_fields(error))


@pytest.mark.parametrize("method", GATEWAY, ids=name)
def test_what_the_gateway_answers_itself_is_guarded_too(
    platform: Platform, token_without: Callable[[str], str], method: MethodContract
) -> None:
    rule = method.http_rule
    assert rule is not None
    verb = rule.WhichOneof("pattern") or "get"
    path = getattr(rule, verb)
    with platform.client() as client:
        assert client.request(verb.upper(), path).status_code == 401
    with platform.client(token_without(method.permission)) as client:
        assert client.request(verb.upper(), path).status_code == 403
    with platform.client(platform.admin_token()) as client:
        assert client.request(verb.upper(), path).status_code == 200
