"""Governance records over REST, collected from the services that really run."""

import json
import secrets
import time
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.conftest import Platform

pytestmark = pytest.mark.slow


def ended(client: httpx.Client, path: str, seconds: float = 120) -> dict[str, Any]:
    """The resource at a path once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["status"] not in ("pending", "running", "processing"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def started(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.headers["location"])


@pytest.fixture(scope="module")
def model(platform: Platform) -> dict[str, Any]:
    """A trained model with a fairness report."""
    rows = "".join(f"{n % 50},{'ab'[n // 3 % 2]},{int(n * 7 % 11 > 4)}\n" for n in range(400))
    name = f"record {secrets.token_hex(4)}"
    with platform.client(platform.admin_token()) as client:
        files = {"file": (f"{name}.csv", f"age,sex,y\n{rows}".encode())}
        dataset = client.post("/api/v1/datasets/upload", files=files).json()
        wanted = {"dataset_id": dataset["id"], "target": "y", "algorithm": "logistic_regression", "name": name}
        run = started(client, "/api/v1/models/train", wanted | {"favourable_class": "1"})
        assert run["status"] == "succeeded", run
        attribute = {"name": "sex", "column": "sex"}
        answer = client.post(f"/api/v1/fairness/analyze/{run['model_id']}", json={"protected_attributes": [attribute]})
        assert answer.status_code == 202, answer.text
        report = ended(client, f"/api/v1/fairness/reports/{run['model_id']}/{answer.json()['id']}")
        assert report["status"] == "succeeded", report
    return {"id": run["model_id"], "run": run, "report": report, "dataset": dataset}


def test_a_record_is_exported_downloaded_and_deleted(platform: Platform, model: dict[str, Any]) -> None:
    with platform.client(platform.admin_token()) as client:
        export = started(client, "/api/v1/export/pdf", {"model_id": model["id"]})
        assert (export["status"], export["omissions"]) == ("succeeded", []), export
        path = f"/api/v1/export/jobs/{export['id']}"
        whole = client.get(f"{path}/download")
        assert whole.headers["content-type"] == "application/pdf"
        assert whole.headers["etag"] == f'"{export["sha256"]}"'
        assert sha256(whole.content).hexdigest() == export["sha256"]
        part = client.get(f"{path}/download", headers={"range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, whole.content[5:10])
        cached = client.get(f"{path}/download", headers={"if-none-match": whole.headers["etag"]})
        assert cached.status_code == 304
        again = started(client, "/api/v1/export/pdf", {"model_id": model["id"]})
        assert again["sha256"] == export["sha256"]
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        assert client.get(f"/api/v1/export/jobs/{again['id']}/download").status_code == 200


def test_the_record_names_what_it_rests_on(platform: Platform, model: dict[str, Any]) -> None:
    with platform.client(platform.admin_token()) as client:
        export = started(client, "/api/v1/export/json", {"model_id": model["id"]})
        record = json.loads(client.get(f"/api/v1/export/jobs/{export['id']}/download").content)
    assert record["model"]["id"] == model["id"]
    assert record["training_run"]["id"] == model["run"]["id"]
    assert record["dataset"]["id"] == model["dataset"]["id"]
    assert [each["id"] for each in record["fairness_reports"]] == [model["report"]["id"]]
    assert [each["report_id"] for each in record["evidence"]] == [model["report"]["id"]]
    assert record["profile"]["status"] == "succeeded"
    assert {each["status"] for each in record["explanations"].values()} == {"succeeded"}
    assert {"model.train", "fairness.analyze"} <= {each["action"] for each in record["audit_entries"]}


def test_what_an_analyst_may_not_read_is_left_out_and_said_so(platform: Platform, model: dict[str, Any]) -> None:
    email, password = f"analyst-{secrets.token_hex(4)}@example.com", "analytical " + secrets.token_hex(8)
    with platform.client(platform.admin_token()) as client:
        answer = client.post("/api/v1/users", json={"email": email, "password": password, "roles": ["analyst"]})
        assert answer.status_code == 201, answer.text
    with platform.client(platform.sign_in(email, password)) as client:
        export = started(client, "/api/v1/export/json", {"model_id": model["id"]})
        assert export["omissions"] == ["audit trail: audit.read is needed"]
        kinds = {each["type"] for each in client.get("/api/v1/notifications").json()["notifications"]}
        assert kinds <= {"export_ready"}
        assert [job["id"] for job in client.get("/api/v1/export/jobs").json()["jobs"]] == [export["id"]]


def test_another_organisation_finds_no_model_to_export(platform: Platform, model: dict[str, Any]) -> None:
    with platform.client(platform.register()) as client:
        answer = client.post("/api/v1/export/json", json={"model_id": model["id"]})
        assert answer.status_code == 404
        assert client.get("/api/v1/export/jobs").json()["jobs"] == []
