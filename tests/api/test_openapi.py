"""The published document is valid, complete, and true."""

import json
import re

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from raia_kit.contract import Access, all_methods

from tests.conftest import Platform


@pytest.fixture(scope="module")
def document(platform: Platform) -> dict:
    return json.loads(httpx.get(f"{platform.url}/openapi.json", timeout=30).content)


def test_it_is_valid(document: dict) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_of_every_contract_is_there_and_no_other(document: dict) -> None:
    expected = set()
    for method in all_methods():
        rule = method.http_rule
        if method.access is Access.INTERNAL or rule is None:
            continue
        for binding in [rule, *rule.additional_bindings]:
            verb = binding.WhichOneof("pattern")
            expected.add((verb, re.sub(r"\{\w+\.", "{", getattr(binding, verb))))
    found = {(verb, path) for path, item in document["paths"].items() for verb in item if verb != "parameters"}
    assert found == expected


def test_every_operation_is_described(document: dict) -> None:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            assert operation.get("description") or operation.get("summary"), f"{verb} {path}"
            assert operation["operationId"]
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), f"{verb} {path} {parameter['name']}"


def test_the_browser_page_needs_no_internet(platform: Platform) -> None:
    page = httpx.get(f"{platform.url}/docs", timeout=30)
    assert page.status_code == 200
    assert "http://" not in page.text.replace(platform.url, "").replace("http://www.w3.org", "")
    assert "https://" not in page.text
