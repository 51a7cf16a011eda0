"""Files over REST: parts, ranges, ledgers, other tables and documents, through the gateway."""

import time
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.conftest import Platform

pytestmark = pytest.mark.slow
CONTENT = b"id,name,day\n" + b"".join(
    b"%d,name %d,2024-01-01\n" % (n, n) if n % 500 else b"%d,a, b,2024-01-01\n" % n for n in range(20_000)
)
HALF = len(CONTENT) // 2


def until(client: httpx.Client, path: str, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = client.get(path).json()
        if found["status"] == status:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_a_file_in_parts_with_its_ledger_and_its_dictionary(platform: Platform) -> None:
    with platform.client(platform.register()) as client:
        wanted = {"filename": "policies.csv", "file_size": str(len(CONTENT)), "sha256": sha256(CONTENT).hexdigest()}
        answer = client.post("/api/v1/uploads", json=wanted)
        assert answer.status_code == 201, answer.text
        upload = f"/api/v1/uploads/{answer.json()['id']}"
        first = client.put(f"{upload}/parts/1", content=CONTENT[:HALF], headers={"content-type": "text/csv"})
        assert (first.status_code, first.json()["size"]) == (200, str(HALF)), first.text
        missing = client.post(f"{upload}:complete", json={})
        assert missing.status_code in (400, 409, 412), missing.text
        second = client.put(
            f"{upload}/parts/2", params={"sha256": sha256(CONTENT[HALF:]).hexdigest()}, content=CONTENT[HALF:]
        )
        assert second.status_code == 200, second.text
        completed = client.post(f"{upload}:complete", json={})
        assert completed.status_code == 202, completed.text
        done = until(client, upload, "completed")
        dataset = f"/api/v1/datasets/{done['dataset_id']}"
        read = until(client, dataset, "ready")
        assert (read["row_count"], read["repaired_row_count"], read["rejected_row_count"]) == ("20000", "40", "0")

        page = client.get(f"{dataset}/ledger", params={"page_size": 3}).json()
        assert [entry["record"] for entry in page["entries"]] == ["1", "501", "1001"]
        assert (page["records_read"], page["stored"], page["repaired"]) == ("20000", "19960", "40")
        following = client.get(
            f"{dataset}/ledger", params={"page_size": 3, "page_token": page["next_page_token"]}
        ).json()
        assert following["entries"][0]["record"] == "1501"

        part = client.get(f"{dataset}/file", headers={"range": "bytes=12-41"})
        assert (part.status_code, part.content) == (206, CONTENT[12:42])
        assert part.headers["content-range"] == f"bytes 12-41/{len(CONTENT)}"
        assert "policies.csv" in part.headers["content-disposition"]
        assert client.get(f"{dataset}/file").content == CONTENT
        tail = client.get(f"{dataset}/file", headers={"range": "bytes=-7"})
        assert (tail.status_code, tail.content) == (206, CONTENT[-7:])
        assert client.get(f"{dataset}/versions").json()["versions"][0]["shown"] is True
        assert client.post(f"{dataset}/file:sign", json={}).status_code in (400, 409, 412)

        document = {"file": ("dictionary.md", b"- `id`: Number of the policy\n- `day`: First day of cover\n")}
        attached = client.post(f"{dataset}/attachments", files=document)
        assert (attached.status_code, attached.json()["described_column_count"]) == (201, 2), attached.text
        columns = client.get(dataset).json()["schema_info"]["columns"]
        assert [column.get("description", "") for column in columns] == [
            "Number of the policy",
            "",
            "First day of cover",
        ]
        again = client.get(f"{dataset}/attachments/{attached.json()['id']}/file")
        assert again.content == document["file"][1]
        assert client.delete(f"{dataset}/attachments/{attached.json()['id']}").status_code == 204


def test_a_layout_and_a_part_are_fields_of_the_form(platform: Platform) -> None:
    layout = '[{"name": "id", "start": 1, "width": 3}, {"name": "name", "start": 4, "width": 4}]'
    with platform.client(platform.register()) as client:
        answer = client.post(
            "/api/v1/datasets/upload", files={"file": ("a.txt", b"001Ann \n002Bob \n")}, data={"layout": layout}
        )
        assert (answer.status_code, answer.json()["file_type"]) == (201, "fixed_width"), answer.text
