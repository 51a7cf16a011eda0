"""Data quality over REST: what fails is listed, kept from other services, told, and released on record."""

import secrets
import time

import pytest

from tests.conftest import Platform
from tests.platform.test_exports import ended, started

pytestmark = pytest.mark.slow

GOOD = "".join(f"{n},{n % 50},{int(n * 7 % 11 > 4)}\n" for n in range(300))
BAD = GOOD + "7,-3,1\n8,,0\n"


def test_a_version_that_breaks_its_rules_trains_nothing_until_it_is_released(platform: Platform) -> None:
    name = f"quality {secrets.token_hex(4)}"
    with platform.client(platform.register()) as client:
        files = {"file": (f"{name}.csv", f"id,age,y\n{GOOD}".encode())}
        dataset = client.post("/api/v1/datasets/upload", files=files).json()
        rule = {
            "dataset_id": dataset["id"],
            "name": "ages are possible",
            "check": {"range": {"column": "age", "minimum": 0}},
            "gates": True,
        }
        written = client.post("/api/v1/data-quality/rules", json=rule)
        assert written.status_code == 201, written.text
        assert client.get(written.headers["location"]).json()["kind"] == "range"
        validation = started(client, f"/api/v1/datasets/{dataset['id']}/validate", {})
        assert (validation["passed"], validation["quality_gate"]) == (True, "passed")

        files = {"file": (f"{name}.csv", f"id,age,y\n{BAD}".encode())}
        assert client.post("/api/v1/datasets/upload", files=files).json()["version"] == 2
        listed = client.get(f"/api/v1/datasets/{dataset['id']}/validations", params={"filter": "version = 2"}).json()
        validation = ended(client, f"/api/v1/validations/{listed['validations'][0]['id']}")
        assert (validation["trigger"], validation["passed"]) == ("version", False)
        rows = client.get(f"/api/v1/validations/{validation['id']}/failing-rows").json()["rows"]
        assert [(row["row_number"], row["values"]) for row in rows] == [("301", [7, -3, 1])]

        wanted = {"dataset_id": dataset["id"], "target": "y", "algorithm": "logistic_regression", "name": name}
        refused = started(client, "/api/v1/models/train", wanted)
        assert refused["status"] == "failed"
        assert "quarantine" in refused["error"]
        assert started(client, "/api/v1/models/train", {**wanted, "dataset_version": 1})["status"] == "succeeded"

        release = f"/api/v1/datasets/{dataset['id']}/versions/2:release"
        released = client.post(release, json={"reason": "one typing error in three hundred"})
        assert released.status_code == 200, released.text
        assert released.json()["quality_gate"] == "released"
        assert started(client, "/api/v1/models/train", wanted)["status"] == "succeeded"
        deadline = time.monotonic() + 15
        while True:
            entries = client.post("/api/v1/audit/search", json={"action": "dataset_version.release"}).json()["entries"]
            if entries:
                break
            assert time.monotonic() < deadline, "the release is not in the ledger"
            time.sleep(0.2)
        assert entries[0]["details"]["reason"] == "one typing error in three hundred"
        types = {each["type"] for each in client.get("/api/v1/notifications").json()["notifications"]}
        assert "dataset_quarantined" in types


def test_the_data_quality_endpoints_answer_to_the_letter(platform: Platform) -> None:
    with platform.client(platform.register()) as client:
        files = {"file": ("letters.csv", f"id,age,y\n{BAD}".encode())}
        dataset = client.post("/api/v1/datasets/upload", files=files).json()
        assessed = client.post(f"/api/v1/data-quality/assess/{dataset['id']}")
        assert assessed.status_code == 202, assessed.text
        report = ended(client, assessed.headers["location"])
        newest = client.get(f"/api/v1/data-quality/report/{dataset['id']}").json()
        assert newest["id"] == report["id"]
        for column in ("missing_values", "outliers", "duplicates", "data_types", "quality_issues", "recommendations"):
            assert column in newest, column
        assert 0 < newest["quality_score"] < 1
        assert client.get(f"/api/v1/datasets/{dataset['id']}").json()["quality_score"] == newest["quality_score"]
        issues = client.get(f"/api/v1/data-quality/issues/{dataset['id']}").json()["issues"]
        assert next((issue["kind"], issue["column"]) for issue in issues) == ("missing_values", "age")
        again = client.get(f"/api/v1/data-quality/issues/{dataset['id']}", params={"filter": 'severity = "error"'})
        assert again.json().get("issues", []) == []
