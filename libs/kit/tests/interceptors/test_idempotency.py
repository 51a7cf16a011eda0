"""A call repeated with a key is done once."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_kit.idempotency import StreamDigest, digest_of, without_secrets
from raia_kit.interceptors import requests, unit_of_work
from sqlalchemy import text

from .rig import Answer, Rig, eventually


@pytest.fixture(autouse=True)
def _fresh(rig: Rig) -> None:
    rig.servicer.calls.clear()
    rig.servicer.entered.clear()
    rig.servicer.proceed.set()


def together(*calls: Any) -> list[Answer]:
    answers: list[Answer | None] = [None] * len(calls)

    def run(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answer in answers if answer is not None]


@pytest.mark.parametrize("rpc", ["CreateThing", "ComputeThing"])
@pytest.mark.parametrize("by", ["metadata", "field"])
def test_a_repeated_call_is_answered_as_the_first_was(rig: Rig, rpc: str, by: str) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="once", request_id="k" if by == "field" else "")
    metadata = {"idempotency_key": "k"} if by == "metadata" else {}
    first, second = (rig.call(rpc, request, token, **metadata) for _ in range(2))
    assert first.code == second.code == "OK", second.error
    assert first.message == second.message
    assert first.trailers["raia-audit-id"] == second.trailers["raia-audit-id"]
    assert "raia-replayed" not in first.trailers
    assert second.trailers["raia-replayed"] == "true"
    assert second.trailers["raia-request-id"] != first.trailers["raia-request-id"]
    assert rig.servicer.calls == ["once"]
    assert rig.things(rig.org(token)) == ["once"]
    assert len(rig.ledger(rig.org(token))) == 1


@pytest.mark.parametrize("rpc", ["CreateThing", "ComputeThing"])
def test_a_key_belongs_to_one_request(rig: Rig, rpc: str) -> None:
    token = rig.user("things.create")
    rig.call(rpc, rig.pb.CreateThingRequest(name="one"), token, idempotency_key="k")
    answer = rig.call(rpc, rig.pb.CreateThingRequest(name="two"), token, idempotency_key="k")
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED")
    assert rig.things(rig.org(token)) == ["one"]


def test_a_key_is_the_caller_s_and_the_rpc_s_own(rig: Rig) -> None:
    token = rig.user("things.create")
    colleague = rig.user("things.create", org_id=rig.org(token))
    request = rig.pb.CreateThingRequest(name="x")
    answers = [
        rig.call("CreateThing", request, token, idempotency_key="k"),
        rig.call("CreateThing", request, colleague, idempotency_key="k"),
        rig.call("ComputeThing", request, token, idempotency_key="k"),
        rig.call("CreateThing", request, rig.user("things.create"), idempotency_key="k"),
    ]
    assert len({answer.message.id for answer in answers}) == 4


def test_a_deletion_is_replayed_though_its_resource_is_gone(rig: Rig) -> None:
    token = rig.user("things.delete")
    request = rig.pb.GetThingRequest(id=rig.put(token), request_id="k")
    assert rig.call("DeleteThing", request, token).code == "OK"
    assert rig.call("DeleteThing", request, token).trailers["raia-replayed"] == "true"
    assert rig.call("DeleteThing", rig.pb.GetThingRequest(id=request.id), token).code == "NOT_FOUND"


@pytest.mark.parametrize("rpc", ["CreateThing", "ComputeThing"])
@pytest.mark.parametrize("fault", ["raise", "refuse"])
def test_a_failed_call_leaves_its_key_free(rig: Rig, rpc: str, fault: str) -> None:
    token = rig.user("things.create")
    failed = rig.call(rpc, rig.pb.CreateThingRequest(name="x", fault=fault), token, idempotency_key="k")
    assert failed.code != "OK"
    assert rig.keys(rig.org(token)) == []
    assert rig.call(rpc, rig.pb.CreateThingRequest(name="y"), token, idempotency_key="k").code == "OK"


@pytest.mark.parametrize("rpc", ["CreateThing", "ComputeThing"])
def test_calls_at_the_same_time_are_done_once(rig: Rig, rpc: str) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="x", milliseconds=200)
    answers = together(*[lambda: rig.call(rpc, request, token, idempotency_key="k")] * 4)
    assert {answer.code for answer in answers} == {"OK"}
    assert len({answer.message.id for answer in answers}) == 1
    assert rig.servicer.calls == ["x"]


def test_a_call_that_waits_in_vain_is_aborted(rig: Rig) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="x")
    rig.servicer.proceed.clear()
    answers: list[Answer] = []
    first = threading.Thread(
        target=lambda: answers.append(rig.call("ComputeThing", request, token, request_id="", idempotency_key="k"))
    )
    first.start()
    assert rig.servicer.entered.wait(5)
    second = rig.call("ComputeThing", request, token, timeout=1, idempotency_key="k")
    assert (second.code, second.reason) == ("ABORTED", "IDEMPOTENCY_KEY_RUNNING")
    rig.servicer.proceed.set()
    first.join()
    assert answers[0].code == "OK"
    assert [entry.outcome for entry in rig.ledger(rig.org(token))] == ["success"]


def test_an_expired_claim_is_taken_over_and_its_holder_writes_nothing(rig: Rig) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="x")
    rig.servicer.proceed.clear()
    answers: list[Answer] = []
    first = threading.Thread(
        target=lambda: answers.append(rig.call("ComputeThing", request, token, idempotency_key="k"))
    )
    first.start()
    assert rig.servicer.entered.wait(5)
    with rig.database.unit_of_work(rig.org(token)) as unit:
        unit.session.execute(text("update idempotency_key set claimed_until = clock_timestamp() - interval '1 second'"))
    takeover = threading.Thread(
        target=lambda: answers.append(rig.call("ComputeThing", request, token, idempotency_key="k"))
    )
    takeover.start()
    eventually(lambda: len(rig.servicer.calls) == 2)
    rig.servicer.proceed.set()
    first.join()
    takeover.join()
    assert sorted(answer.code for answer in answers) == ["ABORTED", "OK"]
    assert rig.things(rig.org(token)) == ["x"]


def test_secrets_are_neither_stored_nor_replayed(rig: Rig) -> None:
    token = rig.user("things.create")
    request = rig.pb.CreateThingRequest(name="x", password="hunter2")
    first = rig.call("IssueKey", request, token, idempotency_key="k")
    assert first.message.secret == "s3cret"
    second = rig.call("IssueKey", request, token, idempotency_key="k")
    inner = rig.pb.Key(id="inner")
    assert second.message == rig.pb.Key(id="k", more=[inner], named={"a": inner})
    (row,) = rig.keys(rig.org(token))
    assert b"s3cret" not in row.answer
    assert b"hush" not in row.answer


def test_a_digest_does_not_depend_on_secrets_or_the_key(rig: Rig) -> None:
    make = rig.pb.CreateThingRequest
    assert digest_of(make(name="a", password="x", request_id="1")) == digest_of(make(name="a", password="y"))
    assert digest_of(make(name="a")) != digest_of(make(name="b"))
    thing = rig.pb.Thing(id="1")
    assert without_secrets(thing) is thing


def test_a_key_of_yesterday_is_forgotten(rig: Rig) -> None:
    token = rig.user("things.create")
    first = rig.call("CreateThing", rig.pb.CreateThingRequest(name="x"), token, idempotency_key="k")
    with psycopg.connect(rig.admin_url) as connection:
        connection.execute("update raia_sample.idempotency_key set created_at = now() - interval '25 hours'")
    second = rig.call("CreateThing", rig.pb.CreateThingRequest(name="y"), token, idempotency_key="k")
    assert second.code == "OK"
    assert second.message.id != first.message.id


def test_a_key_has_a_limit(rig: Rig) -> None:
    answer = rig.call(
        "CreateThing", rig.pb.CreateThingRequest(name="x"), rig.user("things.create"), idempotency_key="k" * 256
    )
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "IDEMPOTENCY_KEY_INVALID")


def upload(
    rig: Rig, token: str, *chunks: bytes, name: str = "file", key: str = "", late: bool = False, **metadata: str
) -> Answer:
    meta = rig.pb.UploadThingRequest(metadata=rig.pb.UploadMetadata(name=name, request_id=key))
    parts = [rig.pb.UploadThingRequest(chunk=chunk) for chunk in chunks]
    finish = rig.pb.UploadThingRequest(finish=rig.pb.UploadFinish())
    messages = [*parts, meta, finish] if late else [meta, *parts, finish]
    return rig.call("UploadThing", iter(messages), token, **metadata)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("by", ["metadata", "field"])
def test_a_repeated_upload_is_answered_as_the_first_was(rig: Rig, by: str, late: bool) -> None:
    token = rig.user("things.create")
    key = {"key": "k"} if by == "field" else {"idempotency_key": "k"}
    first = upload(rig, token, b"abc", b"def", late=late, **key)
    assert first.message.name == "file:6", first.error
    again = upload(rig, token, b"abcd", b"ef", late=not late, **key)
    assert again.message == first.message
    assert again.trailers["raia-replayed"] == "true"
    other = upload(rig, token, b"abcdxx", late=late, **key)
    assert (other.code, other.reason) == ("INVALID_ARGUMENT", "IDEMPOTENCY_KEY_REUSED")
    assert rig.things(rig.org(token)) == ["file"]
    assert rig.servicer.calls == ["upload file 6"]


def test_a_failed_upload_leaves_its_key_free(rig: Rig) -> None:
    token = rig.user("things.create")
    broken = [rig.pb.UploadThingRequest(metadata=rig.pb.UploadMetadata(name="file", request_id="k"))]
    assert rig.call("UploadThing", iter(broken), token).reason == "UPLOAD_INCOMPLETE"
    assert rig.keys(rig.org(token)) == []
    assert upload(rig, token, b"abc", key="k").code == "OK"


def test_uploads_without_a_key_are_made_anew_and_validated(rig: Rig) -> None:
    token = rig.user("things.create")
    assert upload(rig, token, b"abc").message.id != upload(rig, token, b"abc").message.id
    assert "chunk" in upload(rig, token, b"x" * 1025).violations


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5), st.integers(0, 5))
def test_a_stream_s_digest_does_not_depend_on_how_it_is_cut(rig: Rig, data: bytes, cuts: list[int], place: int) -> None:
    def digest(pieces: list[bytes], at: int) -> bytes:
        messages = [rig.pb.UploadThingRequest(chunk=piece) for piece in pieces]
        messages.insert(at, rig.pb.UploadThingRequest(metadata=rig.pb.UploadMetadata(name="n")))
        digest = StreamDigest()
        for message in messages:
            digest.add(message)
        return digest.digest()

    ends = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]
    assert digest(pieces, min(place, len(pieces))) == digest([data], 0)
    assert digest([data + b"!"], 0) != digest([data], 0)


def test_a_long_upload_keeps_its_claim(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_RENEW_SECONDS", 0.0)
    monkeypatch.setattr(unit_of_work, "CLAIM_SECONDS", 0.5)
    token = rig.user("things.create")
    claims: list[Any] = []

    def slowly() -> Iterator[Any]:
        yield rig.pb.UploadThingRequest(metadata=rig.pb.UploadMetadata(name="file", request_id="k"))
        for _ in range(4):
            yield rig.pb.UploadThingRequest(chunk=b"x")
            threading.Event().wait(0.2)
            claims.append(rig.keys(rig.org(token))[0].claimed_until)
        yield rig.pb.UploadThingRequest(finish=rig.pb.UploadFinish())

    assert rig.call("UploadThing", slowly(), token).code == "OK"
    assert len(set(claims)) == 4
    assert upload(rig, token, b"xxxx", key="k").trailers["raia-replayed"] == "true"
