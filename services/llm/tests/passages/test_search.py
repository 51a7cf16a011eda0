"""Searching through the running service: what is found, and for whom."""

import grpc
import pytest
from raia.auth.v1 import access_pb2

from ..rig import failure_of

CODE = grpc.StatusCode
LEAVE = "# Leave\n\nEmployees have 25 days of annual leave.\n\n# Sickness\n\nA certificate is needed from day four."
BIKES = "Bicycles may be left in the basement garage. Helmets are recommended."


def names(passages):
    return [passage.filename for passage in passages]


def test_passages_are_fused_from_both_rankings(rig, analyst):
    rig.upload(analyst, LEAVE, "leave.md")
    rig.upload(analyst, BIKES, "bikes.txt")
    found = rig.search(analyst, "annual leave days")
    assert names(found)[0] == "leave.md"
    best = found[0]
    assert (best.vector_rank, best.text_rank) == (1, 1)
    assert best.score == pytest.approx(2 / 61)
    assert LEAVE[best.start : best.end] == best.text
    assert list(best.headings) == ["Leave"]
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


def test_forms_and_misspellings_are_found(rig, analyst):
    rig.upload(analyst, BIKES, "bikes.txt")
    rig.upload(analyst, LEAVE, "leave.md")
    assert names(rig.search(analyst, "bicycle"))[0] == "bikes.txt"  # by stem and by letters
    misspelt = rig.search(analyst, "bycicles in the basment")
    assert names(misspelt)[0] == "bikes.txt"
    assert misspelt[0].vector_rank == 1


def test_headings_lead_to_a_passage(rig, analyst):
    rig.upload(analyst, "# Sabbatical\n\nUp to six months, unpaid, after three years.", "time-off.md")
    rig.upload(analyst, BIKES, "bikes.txt")
    assert names(rig.search(analyst, "sabbatical"))[0] == "time-off.md"


@pytest.mark.parametrize(
    "query",
    ["'", "\\", "a & b | !c", ":*", "the of and", "'; drop table chunk; --", "%", "\u0301", "😀", "\x01", "x" * 2000],
)
def test_any_text_can_be_looked_for(rig, analyst, query):
    rig.upload(analyst, LEAVE, "leave.md")
    for passage in rig.search(analyst, query):
        assert passage.filename == "leave.md"


def test_another_organisation_is_never_found(rig, analyst):
    document = rig.upload(analyst, LEAVE, "leave.md")
    stranger = rig.hire()
    assert rig.search(stranger, "annual leave days") == []
    rig.upload(stranger, BIKES, "bikes.txt")
    assert "leave.md" not in names(rig.search(stranger, "annual leave days", 100))
    failure = failure_of(lambda: rig.search(stranger, "annual leave", only=[document.id]))
    assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert not rig.ask(stranger, "How many days of annual leave do employees have?").grounded
    for call in (rig.get, rig.delete):
        assert failure_of(lambda call=call: call(stranger, document.id)).code is CODE.NOT_FOUND


def test_only_some_documents(rig, analyst):
    first, second = rig.upload(analyst, LEAVE, "one.md"), rig.upload(analyst, LEAVE, "two.md")
    assert set(names(rig.search(analyst, "annual leave"))) == {"one.md", "two.md"}
    assert names(rig.search(analyst, "annual leave", only=[second.id])) == ["two.md"]
    answer = rig.ask(analyst, "How many days of annual leave do employees have?", document_ids=[first.id])
    assert {citation.document_id for citation in answer.citations} == {first.id}


def test_restricted_projects_are_found_by_their_members_alone(rig, analyst):
    project = "018f0000-0000-7000-8000-000000000001"
    org = str(analyst.org_id)
    rig.everybody.restrictions.append(access_pb2.ProjectRestriction(org_id=org, project_id=project, restricted=True))
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(org_id=org, project_id=project, user_id=str(analyst.id), roles=["analyst"])
    )
    colleague = rig.hire("analyst", analyst.org_id)
    rig.reload()
    secret = rig.upload(analyst, LEAVE, "secret.md", project_id=project)
    rig.upload(colleague, BIKES, "bikes.txt")
    assert names(rig.search(analyst, "annual leave"))[0] == "secret.md"
    assert "secret.md" not in names(rig.search(colleague, "annual leave", 100))
    assert not rig.ask(colleague, "How many days of annual leave do employees have?").grounded
    assert failure_of(lambda: rig.search(colleague, "leave", only=[secret.id])).code is CODE.NOT_FOUND
    assert failure_of(lambda: rig.get(colleague, secret.id)).code is CODE.NOT_FOUND
    assert failure_of(lambda: rig.upload(colleague, LEAVE, "x.md", project_id=project)).code is CODE.NOT_FOUND


def test_whoever_sees_projects_alone_finds_them_alone(rig, analyst):
    project = "018f0000-0000-7000-8000-000000000002"
    org = str(analyst.org_id)
    guest = rig.hire("nobody", analyst.org_id)
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(org_id=org, project_id=project, user_id=str(guest.id), roles=["viewer"])
    )
    rig.reload()
    rig.upload(analyst, LEAVE, "inside.md", project_id=project)
    rig.upload(analyst, LEAVE, "outside.md")
    assert names(rig.search(guest, "annual leave", 100)) == ["inside.md"]
    assert failure_of(lambda: rig.ask(guest, "annual leave?")).code is CODE.PERMISSION_DENIED


def test_a_deleted_document_is_never_found_again(rig, analyst):
    document = rig.upload(analyst, LEAVE, "leave.md")
    assert rig.search(analyst, "annual leave")
    rig.delete(analyst, document.id)
    assert rig.search(analyst, "annual leave") == []
    for table in ("chunk", "word", "document_words"):
        assert rig.rows(f"select count(*) from {table} where org_id = %s", analyst.org_id) == [(0,)]
    assert rig.rows("select chunks from corpus where org_id = %s", analyst.org_id) == [(0,)]


def test_limits_of_a_search(rig, analyst):
    for number in range(12):
        rig.upload(analyst, f"Annual leave rule number {number} for everybody.", f"{number}.txt")
    assert len(rig.search(analyst, "annual leave rule")) == 10
    assert len(rig.search(analyst, "annual leave rule", 3)) == 3
    assert len(rig.search(analyst, "annual leave rule", 100)) == 12
    assert failure_of(lambda: rig.search(analyst, "")).code is CODE.INVALID_ARGUMENT
    assert failure_of(lambda: rig.search(analyst, "x", 101)).code is CODE.INVALID_ARGUMENT
