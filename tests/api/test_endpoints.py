"""The endpoints that the specification names and this release serves."""

import json
from pathlib import Path

import httpx
import pytest

from tests.conftest import Platform

SERVED = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "served_endpoints.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("method", "path"), SERVED, ids=lambda value: value)
def test_it_is_served_and_guarded(platform: Platform, method: str, path: str) -> None:
    document = json.loads(httpx.get(f"{platform.url}/openapi.json", timeout=30).content)
    operation = document["paths"][path][method.lower()]
    sample = path.replace("{", "").replace("}", "") if "{" not in path else None
    url = sample or path[: path.index("{")] + "00000000-0000-7000-8000-000000000000" + path[path.index("}") + 1 :]
    with platform.client() as client:
        answer = client.request(method, url, json={} if method in ("POST", "PUT") else None)
    public = operation.get("security") == []
    assert answer.status_code == 401 or (public and answer.status_code < 500 and answer.status_code not in (404, 405))
