"""Object stores as places; credentials and addresses."""

import base64
import os
import socket

import grpc
import obstore
import pytest
from obstore.store import from_url
from raia.ingest.v1 import source_pb2
from raia_ingest.sources.domain import wanted
from raia_ingest.sources.faults import PlaceInvalid
from raia_ingest.sources.notifications import concerns
from raia_ingest.sources.stores import check, refuse_private

from ..rig import Person, Rig, failure_of, wait_until
from .calls import Client, client_of

CODE = grpc.StatusCode


@pytest.fixture(scope="module")
def sealing(postgres, tmp_path_factory):
    """A service that may keep credentials and reach this machine."""
    with postgres.service_database("ingest", pool_size=8) as database:
        key = base64.b64encode(os.urandom(32)).decode()
        folder = tmp_path_factory.mktemp("sealing")
        running = Rig(database, folder, envelope_key=key, sources_private_addresses=True)
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def owner(sealing: Rig) -> Person:
    return sealing.hire()


@pytest.fixture
def client(sealing: Rig, owner: Person) -> Client:
    return client_of(sealing, owner)


def place_of(bucket: str, options: dict[str, str]) -> tuple[source_pb2.ObjectsPlace, dict[str, str]]:
    secret = {name: options[name] for name in ("access_key_id", "secret_access_key")}
    plain = {"endpoint": options["endpoint"], "region": options.get("region", "us-east-1")}
    return source_pb2.ObjectsPlace(url=f"s3://{bucket}/daily", options=plain, include=["*.csv"]), secret


@pytest.mark.servers("s3")
def test_objects_are_taken_once_and_anew_when_they_change(sealing, owner, client, s3_bucket, s3_options):
    place, secret = place_of(s3_bucket, s3_options)
    config = {name: s3_options[name] for name in ("endpoint", "region", "access_key_id", "secret_access_key")}
    outside = from_url(f"s3://{s3_bucket}", config=config, client_options={"allow_http": True})
    obstore.put(outside, "daily/1.csv", b"x\n1\n")
    obstore.put(outside, "daily/inner/2.csv", b"x\n2\n")
    obstore.put(outside, "daily/readme.md", b"no table")
    obstore.put(outside, "other/3.csv", b"x\n3\n")
    source = client.create(objects=place, credentials=secret, dataset_name="daily")
    items = client.ended(source, 2)
    assert [(item.key, item.status) for item in items] == [("1.csv", "taken"), ("inner/2.csv", "taken")]
    assert sealing.get(owner, items[0].dataset_id, 1).sha256 == items[0].sha256
    obstore.put(outside, "daily/1.csv", b"x\n1\n2\n")
    assert max(item.version for item in client.ended(source, 3)) == 3
    client.looked(source)
    assert len(client.items(source)) == 3


@pytest.mark.servers("s3")
def test_a_notification_has_the_prefix_looked_at(client, s3_bucket, s3_options):
    place, secret = place_of(s3_bucket, s3_options)
    source = client.create(objects=place, credentials=secret, poll_seconds=86_400)
    client.looked(source)
    config = {name: s3_options[name] for name in ("endpoint", "region", "access_key_id", "secret_access_key")}
    outside = from_url(f"s3://{s3_bucket}", config=config, client_options={"allow_http": True})
    obstore.put(outside, "daily/new day.csv", b"x\n1\n")
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": s3_bucket}, "object": {"key": "other/x"}}}
    assert client.notify(source, {"Records": [record]}).polled_at == client.get(source).polled_at
    record["s3"]["object"]["key"] = "daily/new+day.csv"
    client.notify(source, {"Records": [record]})
    assert [(item.key, item.status) for item in client.ended(source, 1)] == [("new day.csv", "taken")]


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        ({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "p/a%2Bb.csv"}}}]}, True),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "p/a+b.csv"}}}, True),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "pp/a.csv"}}}, False),
        ({"detail": {"bucket": {"name": "c"}, "object": {"key": "p/a.csv"}}}, False),
        ({"Records": [1, {"s3": 1}, {"s3": {"bucket": 1}}], "detail": []}, False),
        ({"Records": "x"}, False),
        ({}, False),
    ],
)
def test_which_notifications_concern_a_prefix(event, answer):
    assert concerns("s3://b/p", event) is answer


@pytest.mark.servers("s3")
def test_credentials_are_sealed_and_never_told(sealing, client, s3_bucket, s3_options):
    place, secret = place_of(s3_bucket, s3_options)
    source = client.create(objects=place, credentials=secret)
    assert list(source.credential_names) == ["access_key_id", "secret_access_key"]
    kept = secret["secret_access_key"]
    assert kept not in str(client.get(source))
    ((sealed,),) = sealing.rows("select sealed from source where id = %s", source.id)
    assert kept.encode() not in bytes(sealed)
    assert not sealing.rows("select 1 from audit_entry where details::text like %s", f"%{kept}%")
    # Credentials that somebody has entered are not sent to another place.
    elsewhere = source_pb2.ObjectsPlace(url=place.url, options={"endpoint": "http://127.0.0.1:1"})
    failure = failure_of(lambda: client.call("Update", source, objects=elsewhere))
    assert (failure.reason, failure.metadata["field"]) == ("SOURCE_PLACE_INVALID", "credentials")
    moved = client.call("Update", source, objects=elsewhere, credentials=secret)
    assert moved.objects.options["endpoint"] == "http://127.0.0.1:1"
    client.call("Delete", source)
    assert sealing.rows("select sealed from source where id = %s", source.id) == [(None,)]


@pytest.mark.servers("s3")
def test_a_store_that_answers_with_an_error_is_told_without_its_words(client, s3_options):
    place, secret = place_of("no-such-bucket", s3_options)
    source = client.create(objects=place, credentials=secret)
    wait_until(lambda: client.get(source).status == "failed", 60)
    assert client.get(source).error.startswith("s3://no-such-bucket/daily cannot be looked at: it is ")


def test_without_a_key_nothing_is_kept(rig, analyst):
    place = source_pb2.ObjectsPlace(url="s3://bucket/prefix")
    failure = failure_of(
        lambda: client_of(rig, analyst).create(
            objects=place, credentials={"access_key_id": "a", "secret_access_key": "b"}, enabled=False
        )
    )
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "SECRETS_UNAVAILABLE")


@pytest.mark.parametrize(
    ("url", "options", "credentials"),
    [
        ("file:///etc", {}, {}),
        ("http://example.com/x", {}, {}),
        ("s3://", {}, {}),
        ("s3://b/p", {"metadata_endpoint": "http://169.254.169.254"}, {}),
        ("s3://b/p", {"web_identity_token_file": "/etc/passwd"}, {}),
        ("gs://b/p", {"google_service_account": "/etc/passwd"}, {}),
        ("gs://b/p", {}, {"service_account_path": "/etc/passwd"}),
        ("s3://b/p", {"endpoint": "ftp://example.com"}, {}),
        ("s3://b/p", {"endpoint": "https://user@example.com"}, {}),
    ],
)
def test_only_what_names_a_store_is_taken(url, options, credentials):
    with pytest.raises(PlaceInvalid) as caught:
        check({"url": url, "options": options}, credentials, private=True)
    assert caught.value.reason == "SOURCE_PLACE_INVALID"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]"]
)
def test_private_addresses_are_refused(host):
    with pytest.raises(PlaceInvalid) as caught:
        check({"url": "s3://b/p", "options": {"endpoint": f"http://{host}:9000"}}, {}, private=False)
    assert caught.value.reason == "SOURCE_ADDRESS_PRIVATE"
    check({"url": "s3://b/p", "options": {"endpoint": f"http://{host}:9000"}}, {}, private=True)


def test_names_that_lead_to_private_addresses_are_refused():
    with pytest.raises(PlaceInvalid) as caught:
        refuse_private(f"http://{socket.gethostname() or 'localhost'}:9000")
    assert caught.value.reason == "SOURCE_ADDRESS_PRIVATE"


def test_private_addresses_are_refused_by_default(rig, analyst):
    place = source_pb2.ObjectsPlace(url="s3://bucket/prefix", options={"endpoint": "http://127.0.0.1:9000"})
    failure = failure_of(lambda: client_of(rig, analyst).create(objects=place))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "SOURCE_ADDRESS_PRIVATE")


@pytest.mark.parametrize(
    ("name", "include", "answer"),
    [
        ("a.csv", [], True),
        ("a.csv", ["*.csv"], True),
        ("a.CSV", ["*.csv"], False),
        ("a.csv.part", [], False),
        ("A.TMP", [], False),
        ("a.csv~", [], False),
        (".a.csv", ["*"], False),
        ("", [], False),
    ],
)
def test_which_files_are_wanted(name, include, answer):
    assert wanted(name, include) is answer
