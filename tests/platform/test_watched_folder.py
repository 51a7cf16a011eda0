"""Daily files dropped in a watched folder are versioned, routed, processed, profiled and told of by themselves."""

import secrets
import time
from collections.abc import Callable, Mapping

import httpx
import pytest

from tests.conftest import Platform

DAYS = 6


def day(number: int) -> bytes:
    """A day's sales."""
    lines = "".join(
        f"{number}{line:03},S{line % 7},Item {line % 7},{line % 5 + 1},2010-12-{number:02} {9 + line % 9:02}:00:00,2.5,"
        f"c{line % 11},France\n"
        for line in range(50)
    )
    return b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" + lines.encode()


def within(seconds: float, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)


def every(client: httpx.Client, path: str, name: str, **parameters: str) -> list[dict[str, object]]:
    """All pages of a list."""
    found: list[dict[str, object]] = []
    token = ""
    while True:
        answer = client.get(path, params={"page_size": 200, "page_token": token, **parameters})
        assert answer.status_code == 200, answer.text
        found += answer.json().get(name, [])
        token = answer.json().get("next_page_token", "")
        if not token:
            return found


def watch(platform: Platform, files: Mapping[str, bytes], seconds: float) -> dict[str, object]:
    """Drops the files, each as a writer does who takes his time, and waits until everything is told; answers counts."""
    token = platform.register()
    with platform.client(token) as client:
        organisation = client.get("/api/v1/auth/me").json()["organisation"]["id"]
        folder = platform.home / "watched" / organisation / "sales"
        folder.mkdir(parents=True)
        wanted = {"name": secrets.token_hex(4), "dataset_name": "sales", "folder": {"path": "sales"}, "poll_seconds": 2}
        made = client.post("/api/v1/sources", json=wanted)
        assert made.status_code == 201, made.text
        source = made.json()["id"]
        for name, content in files.items():
            half = len(content) // 2
            with (folder / name).open("wb") as file:
                file.write(content[:half])
                file.flush()
                time.sleep(0.1)
                file.write(content[half:])

        def told(kind: str) -> list[dict[str, object]]:
            return [each for each in every(client, "/api/v1/notifications", "notifications") if each["type"] == kind]

        within(seconds, lambda: len(told("dataset_processed")) >= len(files))
        items = every(client, f"/api/v1/sources/{source}/items", "source_items")
        (dataset,) = {str(each["dataset_id"]) for each in items}
        results = every(client, "/api/v1/processing-results", "processing_results", filter=f'dataset_id = "{dataset}"')
        within(seconds, lambda: len(told("source_item_taken")) >= len(files))
        profiles = [
            client.get(f"/api/v1/datasets/{dataset}/profile", params={"version": each["version"], "wait": "30s"}).json()
            for each in items
        ]
        return {
            "items": sorted((each["key"], each["status"]) for each in items),
            "versions": sorted(int(str(each["version"])) for each in items),
            "results": [(each["processor"], each["status"]) for each in results],
            "headlines": [each["headline"] for each in results],
            "profiles": [each["status"] for each in profiles],
            "taken": len(told("source_item_taken")),
            "processed": len(told("dataset_processed")),
        }


@pytest.mark.slow
def test_daily_files_become_trusted_data_by_themselves(platform: Platform) -> None:
    files = {f"2010-12-{number:02}.csv": day(number) for number in range(1, DAYS + 1)}
    found = watch(platform, files, 180)
    assert found["items"] == [(name, "taken") for name in sorted(files)]
    assert found["versions"] == list(range(1, DAYS + 1))
    assert found["results"] == [("sales", "succeeded")] * DAYS
    assert found["profiles"] == ["succeeded"] * DAYS
    assert (found["taken"], found["processed"]) == (DAYS, DAYS)
