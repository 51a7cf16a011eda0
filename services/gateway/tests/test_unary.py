"""REST calls with one request and one answer, through real HTTP and real gRPC."""

import gzip
import json
import socket
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest
import zstandard
from raia_kit.rate_limit import Rate

from .conftest import Gateway, start_gateway

pytestmark = pytest.mark.fast


def reason(answer: httpx.Response) -> str:
    details = {one["@type"].rpartition(".")[2]: one for one in answer.json()["details"]}
    return str(details["ErrorInfo"]["reason"])


def violations(answer: httpx.Response) -> dict[str, str]:
    details = {one["@type"].rpartition(".")[2]: one for one in answer.json()["details"]}
    return {one["field"]: one["description"] for one in details["BadRequest"]["field_violations"]}


def test_a_resource_lives_through_create_read_update_delete(client: httpx.Client) -> None:
    made = client.post("/api/v1/widgets", json={"name": "clamp", "tags": ["a", "b"]})
    assert made.status_code == 201
    widget = made.json()
    assert widget["name"] == "clamp"
    assert widget["size_bytes"] == "9007199254740993"
    assert made.headers["location"] == f"/api/v1/widgets/{widget['id']}"
    assert made.headers["etag"] == '"1"'
    assert made.headers["raia-audit-id"] == "audit-1"

    read = client.get(made.headers["location"])
    assert read.status_code == 200
    assert read.json() == widget
    assert client.get(made.headers["location"], headers={"if-none-match": '"0", W/"1"'}).status_code == 304

    changed = client.put(
        f"/api/v1/widgets/{widget['id']}",
        params={"update_mask": "name"},
        json={"name": "vice"},
        headers={"if-match": '"1"'},
    )
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.headers["etag"]) == ("vice", '"2"')
    stale = client.put(f"/api/v1/widgets/{widget['id']}", json={"name": "x"}, headers={"if-match": '"1"'})
    assert (stale.status_code, reason(stale)) == (412, "ETAG_MISMATCH")

    polished = client.post(f"/api/v1/widgets/{widget['id']}:polish", json={"strength": 3})
    assert polished.status_code == 202
    assert polished.headers["location"] == f"/api/v1/widgets/{widget['id']}"

    gone = client.delete(f"/api/v1/widgets/{widget['id']}", headers={"if-match": '"2"'})
    assert (gone.status_code, gone.content) == (204, b"")
    missing = client.get(f"/api/v1/widgets/{widget['id']}")
    assert (missing.status_code, reason(missing)) == (404, "RESOURCE_NOT_FOUND")
    assert missing.json()["code"] == 5
    assert missing.headers["raia-audit-id"] == "audit-of-failure"


def test_etags_that_are_tags_already_stay_as_they_are(gateway: Gateway, client: httpx.Client) -> None:
    made = client.post("/api/v1/widgets", json={"name": "clamp"}).json()
    gateway.sample.widgets[made["id"]].etag = 'W/"7"'
    path = f"/api/v1/widgets/{made['id']}"
    assert client.get(path).headers["etag"] == 'W/"7"'
    assert client.get(path, headers={"if-none-match": 'W/"7"'}).status_code == 304
    assert client.delete(path, headers={"if-match": 'W/"6"'}).status_code == 412
    assert client.delete(path, headers={"if-match": 'W/"7"'}).status_code == 204


def test_additional_bindings_fill_what_their_path_names(client: httpx.Client) -> None:
    made = client.post("/api/v1/widgets", json={"name": "clamp"}).json()
    assert client.get(f"/widgets/{made['id']}").json()["shelf"] == ""
    assert client.get(f"/api/v1/shelves/top%20one/widgets/{made['id']}").json()["shelf"] == "top one"


def test_queries_fill_repeated_nested_and_enum_fields_in_both_spellings(client: httpx.Client) -> None:
    answer = client.get(
        "/api/v1/widgets?pageSize=7&tags=a&tags=b&colours=COLOUR_RED&colours=2&part.part_name=x&page_token=%C3%BC+%2B"
    )
    assert answer.status_code == 200
    assert answer.json()["next_page_token"] == "[1, 2]|x|ü +"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("nonsense=1", "nonsense"),
        ("page_size=many", "page_size"),
        ("page_size=1&page_size=2", "page_size"),
        ("page_size=1&pageSize=2", "page_size"),
        ("part.count=1.5", "part.count"),
        ("part=x", "part"),
        ("part.inner_part.inner_part.inner_part.inner_part.inner_part.inner_part.inner_part.count=1", ""),
        ("colours=PINK", "colours"),
        ("tags=%00", "tags"),
    ],
)
def test_queries_that_do_not_fit_are_refused_by_name(client: httpx.Client, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/widgets?{query}")
    assert answer.status_code == 400
    if field:
        assert field in violations(answer)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/v1/widgets?x=%ff", 400),
        ("/api/v1/widgets?" + "&".join(f"tags={n}" for n in range(1101)), 400),
        ("/api/v1/widgets?page_size=7&" + "&".join(f"tags={n}" for n in range(1000)), 200),
        ("/api/v1/widgets/%ff", 400),
        ("/api/v1/nothing", 404),
        ("/", 404),
        ("/api/v1/widgets/", 404),
        ("/api/v1//widgets", 404),
        ("/api/v1/widgets/%2e%2e", 404),
        ("/api/v1/files/folder/%2e%2e/secret", 404),
        ("/api/v1/files/folder/a%2Fb", 404),
        ("/api/v1/files/elsewhere/a", 404),
    ],
)
def test_paths_and_queries_are_taken_or_refused_whole(gateway: Gateway, target: str, status: int) -> None:
    answer = raw(
        gateway, f"GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer user\r\nconnection: close\r\n\r\n"
    )
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


def raw(gateway: Gateway, request: str | bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    address = urlparse(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request.encode() if isinstance(request, str) else request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_a_path_may_span_segments(client: httpx.Client) -> None:
    assert client.get("/api/v1/files/folder/a/b%20c.txt").json()["path"] == "folder/a/b c.txt"


def test_the_method_must_fit(client: httpx.Client) -> None:
    answer = client.delete("/api/v1/widgets")
    assert (answer.status_code, reason(answer)) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST"
    assert client.head("/api/v1/widgets").status_code == 200
    assert client.options("/api/v1/widgets").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.request("PROPFIND", "/api/v1/widgets").status_code == 405


def test_the_body_may_be_one_field_and_the_answer_another(client: httpx.Client) -> None:
    document = {"a_string": "x", "moment": "2026-01-31T12:00:00.500Z", "facts": {"a": [1, None, {"b": True}]}}
    answer = client.post("/api/v1/echo?number=5", json=document).json()
    assert answer["number"] == 5
    assert {name: answer["kinds"][name] for name in document} == document
    part = client.post("/api/v1/echo/kinds", json=document).json()
    assert part["a_string"] == "x"
    by_query = client.get(
        "/api/v1/echo?kinds.a_string=y&kinds.span=2.5&kinds.moment=2026-01-31T12:00:00Z&number=1"
    ).json()
    assert (by_query["kinds"]["a_string"], by_query["kinds"]["span"]) == ("y", "2.500s")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "why"),
    [
        (b"{", "application/json", 400, "MALFORMED_BODY"),
        (b'{"name": NaN}', "application/json", 400, "MALFORMED_BODY"),
        (b'{"name": "\xff"}', "application/json", 400, "MALFORMED_BODY"),
        (b'{"name": "a", "name": "b"}', "application/json", 400, "MALFORMED_BODY"),
        (b"[]", "application/json", 400, "MALFORMED_BODY"),
        (b'{"tags": ' + b"[" * 5000, "application/json", 400, "MALFORMED_BODY"),
        (b'{"nme": "a"}', "application/json", 400, "INVALID_FIELD"),
        (b'{"name": 5}', "application/json; charset=UTF-8", 400, "INVALID_FIELD"),
        (b"name=a", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_bodies_that_do_not_fit_are_refused(
    client: httpx.Client, body: bytes, content_type: str, status: int, why: str
) -> None:
    answer = client.post("/api/v1/widgets", content=body, headers={"content-type": content_type})
    assert (answer.status_code, reason(answer)) == (status, why)


def test_the_path_may_be_repeated_in_the_body_but_not_contradicted(client: httpx.Client) -> None:
    made = client.post("/api/v1/widgets", json={"name": "clamp"}).json()
    path = f"/api/v1/widgets/{made['id']}"
    assert client.put(path, json={"id": made["id"], "name": "x"}).status_code == 200
    refused = client.put(path, json={"id": "other", "name": "x"})
    assert refused.status_code == 400
    assert "widget.id" in violations(refused)


def test_large_bodies_are_refused_early_and_compressed_ones_by_what_comes_out(gateway: Gateway) -> None:
    with gateway.client() as client:
        big = json.dumps({"name": "x" * 5_000_000}).encode()
        answer = client.post("/api/v1/widgets", content=big, headers={"content-type": "application/json"})
        assert (answer.status_code, reason(answer)) == (413, "PAYLOAD_TOO_LARGE")
        for encoding, pack in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
            headers = {"content-type": "application/json", "content-encoding": encoding}
            small = client.post("/api/v1/widgets", content=pack(b'{"name": "packed"}'), headers=headers)
            assert small.json()["name"] == "packed"
            bomb = client.post("/api/v1/widgets", content=pack(b" " * 50_000_000), headers=headers)
            assert (bomb.status_code, reason(bomb)) == (413, "PAYLOAD_TOO_LARGE")
            torn = client.post("/api/v1/widgets", content=pack(b'{"name": "packed"}')[:-3], headers=headers)
            assert torn.status_code == 400
            wrong = client.post("/api/v1/widgets", content=b"not packed", headers=headers)
            assert wrong.status_code == 400
        unknown = client.post(
            "/api/v1/widgets", content=b"{}", headers={"content-type": "application/json", "content-encoding": "br"}
        )
        assert unknown.status_code == 415


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_answers_are_compressed_when_it_pays(client: httpx.Client, encoding: str) -> None:
    large = {"a_string": "x" * 5000}
    packed = client.post("/api/v1/echo", json=large, headers={"accept-encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert packed.headers["vary"] == "accept-encoding"
    assert packed.json()["kinds"]["a_string"] == large["a_string"]
    plain = client.post("/api/v1/echo", json=large, headers={"accept-encoding": f"{encoding};q=0"})
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in client.get("/api/v1/echo?number=1", headers={"accept-encoding": encoding}).headers


def test_tokens_are_needed_unless_the_rpc_is_public(gateway: Gateway) -> None:
    with gateway.client(token=None) as client:
        answer = client.get("/api/v1/widgets")
        assert (answer.status_code, reason(answer)) == (401, "TOKEN_MISSING")
        assert answer.headers["www-authenticate"] == 'Bearer realm="raia"'
        assert client.get("/api/v1/echo").status_code == 200
        for header in ("Basic abc", "Bearer", "Bearer nonsense"):
            assert client.get("/api/v1/widgets", headers={"authorization": header}).status_code == 401
        assert client.post("/raia.sample.v1.WidgetService/Inside").status_code == 404


def test_a_token_is_verified_once(gateway: Gateway) -> None:
    with gateway.client("user:0") as client:
        client.get("/api/v1/widgets")
        asked = gateway.tokens.asked
        client.get("/api/v1/widgets")
        assert gateway.tokens.asked == asked


def test_metadata_carries_ids_trace_key_and_address(client: httpx.Client) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {
        "x-request-id": "request-7",
        "x-correlation-id": "flow-9",
        "traceparent": trace,
        "idempotency-key": "key-1",
        "request-timeout": "2.5",
    }
    answer = client.get("/api/v1/echo", headers=headers)
    seen = answer.json()["metadata"]
    assert answer.headers["x-request-id"] == seen["raia-request-id"] == "request-7"
    assert seen["raia-correlation-id"] == "flow-9"
    assert seen["traceparent"].split("-")[1] == trace.split("-")[1]
    assert seen["idempotency-key"] == "key-1"
    assert seen["authorization"] == "Bearer user"
    assert seen["raia-client-address"] == "127.0.0.1"
    assert 1.5 < float(seen["deadline"]) <= 2.5
    made = client.get("/api/v1/echo", headers={"x-request-id": "bad id!"})
    assert made.headers["x-request-id"] != "bad id!"
    assert client.get("/api/v1/echo", headers={"idempotency-key": "a b"}).status_code == 400
    assert client.get("/api/v1/echo", headers={"request-timeout": "soon"}).status_code == 400


@pytest.mark.parametrize(
    ("code", "why", "status"),
    [
        (3, "INVALID_FIELD", 400),
        (16, "TOKEN_INVALID", 401),
        (7, "PERMISSION_MISSING", 403),
        (5, "RESOURCE_NOT_FOUND", 404),
        (6, "NAME_TAKEN", 409),
        (10, "CONCURRENT_CHANGE", 409),
        (10, "ETAG_MISMATCH", 412),
        (8, "RATE_LIMITED", 429),
        (8, "STORAGE_FULL", 507),
        (3, "PAYLOAD_TOO_LARGE", 413),
        (12, "RPC_UNAVAILABLE", 501),
        (14, "DATABASE_UNAVAILABLE", 503),
        (4, "DEADLINE_EXCEEDED", 504),
        (13, "INTERNAL", 500),
    ],
)
def test_errors_keep_their_details_and_get_their_status(client: httpx.Client, code: int, why: str, status: int) -> None:
    answer = client.get("/api/v1/fail", params={"code": code, "reason": why})
    assert (answer.status_code, reason(answer), answer.json()["code"]) == (status, why, code)


def test_faults_of_a_service_show_nothing_of_it(client: httpx.Client) -> None:
    answer = client.get("/api/v1/fail", params={"reason": "CRASH"})
    assert (answer.status_code, reason(answer)) == (500, "INTERNAL")
    assert "secret" not in answer.text
    busy = client.get("/api/v1/fail", params={"code": 14, "reason": "DATABASE_BUSY", "retry_after": 2.2})
    assert busy.headers["retry-after"] == "3"


def test_deadlines_end_calls(client: httpx.Client) -> None:
    answer = client.get("/api/v1/fail", params={"sleep": 5})
    assert (answer.status_code, reason(answer)) == (504, "DEADLINE_EXCEEDED")


def test_a_client_that_goes_cancels_its_call() -> None:
    def patient(parts: Any) -> None:
        from dataclasses import replace

        parts.contracts = [replace(contract, timeout=30.0) for contract in parts.contracts]

    gateway = start_gateway(patient)
    try:
        with gateway.client() as client, pytest.raises(httpx.ReadTimeout):
            client.get("/api/v1/fail", params={"sleep": 10}, timeout=1.5)
        assert gateway.sample.cancelled.wait(5)
    finally:
        gateway.stop()


def test_a_service_that_is_away_is_503() -> None:
    gateway = start_gateway()
    try:
        gateway.services.pop().stop(0).wait(5)
        with gateway.client() as client:
            answer = client.get("/api/v1/widgets")
            assert (answer.status_code, reason(answer)) == (503, "SERVICE_UNAVAILABLE")
            assert answer.headers["retry-after"] == "1"
            assert "127.0.0.1" not in answer.text
    finally:
        gateway.stop()


def test_security_headers_and_cors(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.get("/api/v1/widgets", headers={"origin": "https://console.example.com"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["access-control-allow-origin"] == "https://console.example.com"
        assert "origin" in answer.headers["vary"]
        foreign = client.get("/api/v1/widgets", headers={"origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in foreign.headers
        preflight = {"origin": "https://console.example.com", "access-control-request-method": "PUT"}
        allowed = client.options("/api/v1/widgets/x", headers=preflight)
        assert allowed.status_code == 204
        assert "PUT" in allowed.headers["access-control-allow-methods"]
        assert "idempotency-key" in allowed.headers["access-control-allow-headers"]
        assert (
            "access-control-allow-methods"
            not in client.options(
                "/api/v1/widgets/x", headers={**preflight, "origin": "https://evil.example.com"}
            ).headers
        )


def test_headers_that_decide_something_may_not_stand_twice(gateway: Gateway) -> None:
    answer = raw(
        gateway,
        "GET /api/v1/widgets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer user\r\nauthorization: Bearer other\r\n"
        "connection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_callers_who_call_too_often_are_told_when_to_come_back() -> None:
    gateway = start_gateway(rates={0: Rate(capacity=3, per_second=0.5)})
    try:
        with gateway.client() as client:
            statuses = [client.get("/api/v1/widgets").status_code for _ in range(4)]
            assert statuses == [200, 200, 200, 429]
            assert int(client.get("/api/v1/widgets").headers["retry-after"]) >= 1
        with gateway.client("user:1") as client:
            assert client.get("/api/v1/widgets").status_code == 200
    finally:
        gateway.stop()
