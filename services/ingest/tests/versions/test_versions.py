"""Versions, ledgers, files and further tables through the running service."""

import io
import zipfile

import grpc
import httpx
import pytest
from raia.ingest.v1 import dataset_pb2
from raia.ingest.v1 import version_service_pb2 as pb2

from ..rig import Rig, failure_of, wait_until

CODE = grpc.StatusCode
RAGGED = "id,name,day\n" + "".join(
    f"{n},name {n},2024-01-01\n" if n % 3 else f"{n},a, b,2024-01-01\n" if n % 2 else f"{n}\n" for n in range(6000)
)


def entries(rig, person, dataset_id, **request):
    found, token = [], ""
    while True:
        wanted = pb2.ListLedgerEntriesRequest(dataset_id=dataset_id, page_token=token, page_size=700, **request)
        page = rig.versions.ListLedgerEntries(wanted, metadata=person.metadata)
        found += page.entries
        token = page.next_page_token
        if not token:
            return page, found


@pytest.fixture(scope="module")
def ragged(rig):
    person = rig.hire()
    return person, rig.ready(person, RAGGED, "ragged.csv")


def test_every_record_that_is_not_stored_as_it_was_is_told(rig, ragged):
    person, dataset = ragged
    page, found = entries(rig, person, dataset.id)
    assert (page.records_read, page.stored, page.repaired, page.rejected) == (6000, 4000, 1000, 1000)
    assert (dataset.row_count, dataset.repaired_row_count, dataset.rejected_row_count) == (5000, 1000, 1000)
    assert [entry.record for entry in found] == [n + 1 for n in range(0, 6000, 3)]
    assert {(entry.record % 2, entry.outcome, entry.reason) for entry in found} == {
        (0, "repaired", "merged_cells"),
        (1, "rejected", "ragged"),
    }
    assert found[1].content == "3,a, b,2024-01-01"


def test_a_ledger_can_be_narrowed(rig, ragged):
    person, dataset = ragged
    _, rejected = entries(rig, person, dataset.id, outcome="rejected")
    assert len(rejected) == 1000
    assert not entries(rig, person, dataset.id, reason="stray_nul")[1]
    stranger = rig.hire()
    assert failure_of(lambda: entries(rig, stranger, dataset.id)).code is CODE.NOT_FOUND


def test_a_file_that_is_stored_as_it_was_has_no_entries(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n2\n")
    page, found = entries(rig, analyst, dataset.id)
    assert (page.records_read, page.stored, found) == (2, 2, [])


def test_versions_are_listed_newest_first(rig, analyst):
    first = rig.upload(analyst, "a\n1\n", name="many")
    for rows in range(2, 6):
        rig.upload(analyst, "a\n" + "1\n" * rows, name="many")

    def listed(**request):
        wanted = pb2.ListDatasetVersionsRequest(dataset_id=first.id, **request)
        return rig.versions.ListDatasetVersions(wanted, metadata=analyst.metadata)

    page = listed(page_size=3)
    rest = listed(page_size=3, page_token=page.next_page_token)
    assert [version.version for version in [*page.versions, *rest.versions]] == [5, 4, 3, 2, 1]
    assert [version.shown for version in page.versions] == [True, False, False]
    assert page.versions[0].created_by == str(analyst.id)
    assert [version.version for version in listed(filter="row_count < 3", order_by="version").versions] == [1, 2]


def downloaded(rig, person, dataset_id, range_="", **request):
    metadata = person.metadata + ([("range", range_)] if range_ else [])
    wanted = pb2.DownloadDatasetFileRequest(dataset_id=dataset_id, **request)
    call = rig.versions.DownloadDatasetFile(wanted, metadata=metadata)
    return b"".join(body.data for body in call), dict(call.initial_metadata())


def test_the_file_comes_back_as_it_came_whole_or_in_ranges(rig, ragged):
    person, dataset = ragged
    content = RAGGED.encode()
    whole, facts = downloaded(rig, person, dataset.id)
    assert (whole, facts["etag"], facts["file-size"]) == (content, dataset.sha256, str(len(content)))
    part, facts = downloaded(rig, person, dataset.id, "bytes=100-2099")
    assert (part, facts["content-range"]) == (content[100:2100], f"bytes 100-2099/{len(content)}")
    assert downloaded(rig, person, dataset.id, f"bytes={len(content) - 5}-")[0] == content[-5:]
    assert rig.audited(person, "dataset.download")
    assert failure_of(lambda: downloaded(rig, rig.hire(), dataset.id)).code is CODE.NOT_FOUND


def test_a_folder_signs_nothing(rig, analyst):
    dataset = rig.upload(analyst, "a\n1\n")
    request = pb2.SignDatasetFileRequest(dataset_id=dataset.id)
    failure = failure_of(lambda: rig.versions.SignDatasetFile(request, metadata=analyst.metadata))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "SIGNING_UNAVAILABLE")


@pytest.mark.servers("s3")
def test_a_bucket_gives_a_file_out_by_a_signed_address(postgres, tmp_path, s3_options, s3_bucket):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, objects_url=f"s3://{s3_bucket}/files", objects_options=s3_options)
        try:
            person = rig.hire()
            dataset = rig.upload(person, "a\n1\n")
            request = pb2.SignDatasetFileRequest(dataset_id=dataset.id)
            signed = rig.versions.SignDatasetFile(request, metadata=person.metadata)
            assert httpx.get(signed.url).content == b"a\n1\n"
            ranged = httpx.get(signed.url, headers={"range": "bytes=2-2"})
            assert (ranged.status_code, ranged.content) == (206, b"1")
        finally:
            rig.close()


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("claims.csv", "id,sum\n1,2.5\n2,3\n")
        archive.writestr("policies.csv", "policy,holder\nP1,Ann\n")
        archive.writestr("about.md", "# about")
    return target.getvalue()


def test_the_other_tables_of_a_file_become_datasets_when_asked_for(rig, analyst):
    dataset = rig.upload(analyst, _zip(), "export.zip")
    assert (dataset.file_type, dataset.row_count) == ("csv", 2)
    assert [(part.name, part.table, part.chosen) for part in dataset.parts] == [
        ("claims.csv", True, True),
        ("policies.csv", True, False),
        ("about.md", False, False),
    ]
    request = pb2.CreateDatasetFromPartRequest(dataset_id=dataset.id, part="policies.csv")
    made = rig.settled(analyst, rig.versions.CreateDatasetFromPart(request, metadata=analyst.metadata))
    assert (made.name, made.status, made.row_count, made.sha256) == ("export policies.csv", "ready", 1, dataset.sha256)
    assert dict(made.origin) == {"kind": "part", "dataset_id": dataset.id, "version": 1, "part": "policies.csv"}
    wrong = pb2.CreateDatasetFromPartRequest(dataset_id=dataset.id, part="about.md")
    failure = failure_of(lambda: rig.versions.CreateDatasetFromPart(wrong, metadata=analyst.metadata))
    assert failure.reason == "PART_NOT_FOUND"


def test_all_tables_become_datasets_at_once(rig, analyst):
    rig.upload(analyst, _zip(), "all.zip", all_parts=True)
    listed = rig.datasets.ListDatasets

    def names():
        found = listed(dataset_service_request(), metadata=analyst.metadata).datasets
        return {dataset.name: dataset.status for dataset in found}

    wait_until(lambda: names() == {"all": "ready", "all policies.csv": "ready"}, 60)


def dataset_service_request():
    from raia.ingest.v1 import dataset_service_pb2

    return dataset_service_pb2.ListDatasetsRequest()


def test_a_part_and_a_layout_are_taken_at_upload(rig, analyst):
    assert rig.upload(analyst, _zip(), "one.zip", part="policies.csv").column_count == 2
    layout = [
        dataset_pb2.FixedWidthColumn(name="id", start=1, width=3),
        dataset_pb2.FixedWidthColumn(name="name", start=4, width=5),
    ]
    dataset = rig.upload(analyst, "001Ann  \n002Bob  \n", "fixed.txt", layout=layout)
    assert (dataset.file_type, dataset.row_count) == ("fixed_width", 2)
    failure = failure_of(lambda: rig.upload(analyst, "1\n", layout=[*layout, layout[0]]))
    assert failure.reason == "LAYOUT_INVALID"
