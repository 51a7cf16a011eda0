"""The document is valid, complete and says what the gateway does; the page needs nothing from outside."""

import base64
import hashlib
import json
import re
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from raia_gateway.endpoint import compile_endpoints
from raia_gateway.openapi.comments import Comments, first_sentence
from raia_gateway.openapi.document import build_document
from raia_kit.contract import Access, all_methods, descriptor_set, methods_of

from .conftest import Gateway, start_gateway
from .protofiles import sample_descriptors, widgets

pytestmark = pytest.mark.fast


def sample_document() -> dict[str, Any]:
    contracts = list(methods_of([widgets().DESCRIPTOR.services_by_name["WidgetService"]]))
    return build_document(compile_endpoints(contracts), sample_descriptors(), "1.2.3")


SAMPLE = sample_document()
PLATFORM = build_document(compile_endpoints(all_methods()), descriptor_set(), "1.2.3")


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{verb.upper()} {path}": operation
        for path, item in document["paths"].items()
        for verb, operation in item.items()
    }


@pytest.mark.parametrize("document", [SAMPLE, PLATFORM], ids=["sample", "platform"])
def test_documents_are_valid(document: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    found = operations(document)
    identities = [operation["operationId"] for operation in found.values()]
    assert len(identities) == len(set(identities))
    for name, operation in found.items():
        assert operation["summary"], name
        assert all(one.get("description") for one in operation["parameters"]), name
    for name, schema in document["components"]["schemas"].items():
        assert schema, name
        jsonschema.Draft202012Validator.check_schema(schema)
    assert not [name for name in document["components"]["schemas"] if not name[0].isalpha()]


def test_every_route_is_there_and_no_internal_one() -> None:
    routed = [method for method in all_methods() if method.access is not Access.INTERNAL]
    assert len(operations(PLATFORM)) >= len(routed)
    assert not [name for name in operations(SAMPLE) if "Inside" in name]
    assert "POST /api/v1/widgets/{id}:polish" in operations(SAMPLE)
    assert "GET /api/v1/shelves/{shelf}/widgets/{id}" in operations(SAMPLE)


def test_parameters_come_from_path_query_and_body() -> None:
    found = operations(SAMPLE)
    listing = {one["name"]: one for one in found["GET /api/v1/widgets"]["parameters"]}
    assert listing["page_size"]["schema"] == {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1000}
    assert listing["tags"]["schema"]["type"] == "array"
    assert listing["part.part_name"]["description"] == "Its name."
    assert listing["colours"]["schema"]["items"] == {"$ref": "#/components/schemas/sample.v1.Colour"}
    update = found["PUT /api/v1/widgets/{id}"]
    assert update["parameters"][0]["name"] == "id"
    assert {one.get("name") for one in update["parameters"]} >= {"update_mask", "request_id"}
    assert update["requestBody"]["required"]
    assert "$ref" in update["requestBody"]["content"]["application/json"]["schema"]
    polish = found["POST /api/v1/widgets/{id}:polish"]["requestBody"]["content"]["application/json"]["schema"]
    assert list(polish["properties"]) == ["strength"]
    assert "If-Match" in {one["name"] for one in found["DELETE /api/v1/widgets/{id}"]["parameters"]}


def test_answers_security_and_uploads() -> None:
    found = operations(SAMPLE)
    assert found["POST /api/v1/echo"]["security"] == []
    assert "security" not in found["GET /api/v1/widgets"]
    assert found["GET /api/v1/widgets"]["x-permission"] == "widgets.read"
    assert set(found["POST /api/v1/widgets"]["responses"]) >= {"201", "401", "default"}
    assert set(found["POST /api/v1/widgets/{id}:polish"]["responses"]) >= {"202"}
    assert "content" not in found["DELETE /api/v1/widgets/{id}"]["responses"]["204"]
    upload = found["POST /api/v1/widgets/upload"]
    form = upload["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"name", "tags", "part", "shelf", "file"}
    assert "tags" in {one.get("name") for one in upload["parameters"]}
    assert "*/*" in found["GET /api/v1/widgets/{id}/content"]["responses"]["200"]["content"]
    assert "text/event-stream" in found["GET /api/v1/widgets/{id}/watch"]["responses"]["200"]["content"]


def test_constraints_are_shown() -> None:
    widget = SAMPLE["components"]["schemas"]["sample.v1.Widget"]
    assert widget["properties"]["name"]["minLength"] == 1
    assert widget["properties"]["name"]["maxLength"] == 100
    assert widget["properties"]["status"]["enum"] == ["", "raw", "polished"]
    assert widget["required"] == ["name"]
    login = PLATFORM["components"]["schemas"]["auth.v1.LoginRequest"]
    assert set(login["required"]) == {"email", "password"}
    assert login["properties"]["password"]["format"] == "password"
    assert login["properties"]["organisation"]["anyOf"][1]["format"] == "uuid"
    listing = operations(PLATFORM)["GET /api/v1/datasets"]["parameters"]
    assert next(one for one in listing if one["name"] == "order_by")["schema"]["examples"] == ["created_at desc"]


def test_comments_are_found_by_name() -> None:
    comments = Comments(sample_descriptors())
    assert comments.text("raia.sample.v1.Widget.name") == "Its name."
    assert comments.text("raia.sample.v1.Colour.COLOUR_RED") == "Red."
    assert (
        comments.summary("raia.sample.v1.WidgetService.Echo")
        == "Answers what it was asked, with the metadata that arrived"
    )
    assert comments.text("raia.sample.v1.Nothing") == ""
    assert first_sentence("One. Two.") == "One"
    assert first_sentence("no stop") == "no stop"


@pytest.fixture(scope="module")
def described() -> Any:
    gateway = start_gateway()
    gateway.application.describe(sample_descriptors(), "1.2.3")
    yield gateway
    gateway.stop()


def resolved(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": SAMPLE["components"]})


def test_answers_are_what_the_document_says(described: Gateway) -> None:
    with described.client() as client:
        document = client.get("/openapi.json").json()
        assert document == json.loads(json.dumps(SAMPLE))
        made = client.post("/api/v1/widgets", json={"name": "clamp"})
        schema = operations(document)["POST /api/v1/widgets"]["responses"]["201"]["content"]["application/json"][
            "schema"
        ]
        resolved(schema).validate(made.json())
        kinds = {
            "a_double": 1.5,
            "facts": {"a": [1]},
            "moment": "2026-01-01T00:00:00Z",
            "counts": {"a": "1"},
            "span": "1s",
        }
        echo = client.post("/api/v1/echo", json=kinds)
        schema = operations(document)["POST /api/v1/echo"]["responses"]["200"]["content"]["application/json"]["schema"]
        resolved(schema).validate(echo.json())
        error = client.post("/api/v1/widgets", json={"nme": 1})
        resolved(document["components"]["schemas"]["google.rpc.Status"]).validate(error.json())


def test_the_document_is_cached_by_its_etag(described: Gateway) -> None:
    with described.client(None) as client:
        first = client.get("/openapi.json")
        assert first.headers["content-encoding"] in ("gzip", "zstd")
        assert client.get("/openapi.json", headers={"if-none-match": first.headers["etag"]}).status_code == 304
        assert client.post("/openapi.json").status_code == 405


def test_the_page_needs_nothing_from_outside(described: Gateway) -> None:
    page = httpx.get(f"{described.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"https?://", page.text)
    policy = page.headers["content-security-policy"]
    for tag in ("script", "style"):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        assert inside is not None
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy
