"""One suite for every kind of store; what only one kind has comes last."""

import hashlib
import logging
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_kit import objects
from raia_kit.errors import InvalidArgument, NotFound, OutOfRange, ResourceExhausted, Unavailable
from raia_kit.objects import ObjectStore

MIB = 1 << 20
ORG = UUID("01890000-0000-7000-8000-000000000001")


@pytest.fixture(
    params=[
        pytest.param("local", marks=pytest.mark.fast),
        pytest.param("s3", marks=pytest.mark.servers("s3")),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return ObjectStore(f"file://{tmp_path}/objects", owner="ingest")
    bucket = request.getfixturevalue("s3_bucket")
    return ObjectStore(
        f"s3://{bucket}/some/prefix", request.getfixturevalue("s3_options"), owner="ml", scratch=tmp_path
    )


def put(store: ObjectStore, data: bytes, org: UUID = ORG, limit: int = 1 << 30) -> str:
    return store.put_stream(org, [data], max_bytes=limit).key


def left_in(store: ObjectStore) -> int:
    """Objects, and leftovers of uploads, of any age."""
    return len(list(store.list())) + store.sweep(datetime.now(UTC) + timedelta(days=1))


def test_what_is_stored_is_read_back_and_addressed_by_content(store: ObjectStore) -> None:
    data = os.urandom(100_000)
    stored = store.put_stream(ORG, [data[:7], b"", data[7:]], max_bytes=100_000)
    digest = hashlib.sha256(data).hexdigest()
    assert (stored.sha256, stored.size) == (digest, 100_000)
    assert stored.key == f"org/{ORG}/sha256/{digest[:2]}/{digest}"
    assert b"".join(store.stream(stored.key)) == data
    assert store.exists(stored.key)
    assert store.size(stored.key) == 100_000
    assert [(item.key, item.size) for item in store.list()] == [(stored.key, 100_000)]


def test_an_object_may_be_stored_from_another(store: ObjectStore) -> None:
    data = os.urandom(9 * MIB)
    first = put(store, data)
    second = store.put_stream(uuid4(), (piece[::-1] for piece in store.stream(first, 9 * MIB)), max_bytes=1 << 30)
    assert b"".join(store.stream(second.key)) == data[::-1]


def test_an_empty_file_is_a_file(store: ObjectStore) -> None:
    key = put(store, b"")
    assert store.size(key) == 0
    assert b"".join(store.stream(key)) == b""
    with store.materialise(key) as path:
        assert path.read_bytes() == b""


def test_parts_are_put_together_in_order(store: ObjectStore) -> None:
    data = os.urandom(MIB)
    stored = store.put_stream(ORG, (data + bytes([i]) for i in range(20)), max_bytes=30 * MIB)
    assert stored.size == 20 * (MIB + 1)
    out = b"".join(store.stream(stored.key))
    assert hashlib.sha256(out).hexdigest() == stored.sha256
    assert store.read_range(stored.key, 17 * (MIB + 1) - 1, 17 * (MIB + 1)) == bytes([16])


def test_tenants_share_nothing(store: ObjectStore) -> None:
    other = uuid4()
    first, second = put(store, b"same bytes"), put(store, b"same bytes", other)
    assert first != second
    assert [item.key for item in store.list(other)] == [second]
    store.delete(first)
    assert store.exists(second)


def test_storing_again_is_no_error_and_makes_young(store: ObjectStore) -> None:
    key = put(store, b"again")
    before = store.modified_at(key)
    time.sleep(1.1)
    assert put(store, b"again") == key
    assert store.modified_at(key) > before
    assert left_in(store) == 1


def test_too_large_stores_nothing(store: ObjectStore) -> None:
    with pytest.raises(InvalidArgument) as caught:
        store.put_stream(ORG, (b"x" * MIB for _ in range(40)), max_bytes=20 * MIB)
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"
    assert left_in(store) == 0


def test_another_digest_stores_nothing(store: ObjectStore) -> None:
    with pytest.raises(InvalidArgument) as caught:
        store.put_stream(ORG, [b"abc"], max_bytes=10, expected_sha256="0" * 64)
    assert caught.value.reason == "DIGEST_MISMATCH"
    assert left_in(store) == 0
    right = hashlib.sha256(b"abc").hexdigest().upper()
    assert store.put_stream(ORG, [b"abc"], max_bytes=10, expected_sha256=right).size == 3


@pytest.mark.parametrize("error", [OSError(5, "the client's disk"), ValueError("the client"), FileNotFoundError("its")])
def test_a_failing_source_stores_nothing_and_keeps_its_error(store: ObjectStore, error: Exception) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * MIB
        raise error

    with pytest.raises(type(error), match=str(error.args[-1])):
        store.put_stream(ORG, chunks(), max_bytes=1 << 30)
    assert left_in(store) == 0


def test_ranges(store: ObjectStore) -> None:
    key = put(store, bytes(range(200)))
    assert store.read_range(key, 0, 1) == b"\x00"
    assert store.read_range(key, 190, 1000) == bytes(range(190, 200))
    assert b"".join(store.stream(key, 7, start=5, end=50)) == bytes(range(5, 50))
    assert {len(piece) for piece in store.stream(key, 7)} == {7, 200 % 7}
    assert b"".join(store.stream(key, start=200)) == b""
    for start, end in [(5, 5), (-1, 3), (200, 201)]:
        with pytest.raises(OutOfRange):
            store.read_range(key, start, end)
    with pytest.raises(OutOfRange):
        list(store.stream(key, start=201))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(data=st.binary(max_size=5000), cut=st.integers(1, 6000), chunk=st.integers(1, 3000), start=st.integers(0, 5000))
def test_any_cutting_gives_the_same_bytes(store: ObjectStore, data: bytes, cut: int, chunk: int, start: int) -> None:
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    key = store.put_stream(ORG, pieces, max_bytes=5000).key
    start = min(start, len(data))
    assert b"".join(store.stream(key, chunk, start=start)) == data[start:]


def test_what_is_not_there(store: ObjectStore) -> None:
    key = put(store, b"x")
    store.delete(key)
    store.delete(key)
    assert not store.exists(key)
    for read in (
        lambda: store.size(key),
        lambda: store.read_range(key, 0, 1),
        lambda: list(store.stream(key)),
        lambda: store.materialise(key).__enter__(),
    ):
        with pytest.raises(NotFound):
            read()


@pytest.mark.parametrize("key", ["../../etc/passwd", "tmp/x", "", "org/../x", "/etc/passwd", "org/x/sha256/aa/bb\n"])
def test_keys_of_another_shape_are_not_there(store: ObjectStore, key: str) -> None:
    with pytest.raises(NotFound):
        store.size(key)
    with pytest.raises(NotFound):
        store.local_path(key)
    assert not store.exists(key)


def test_a_local_file_for_libraries(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3 * MIB))
    stored = store.put_file(ORG, source)
    with store.materialise(stored.key) as path:
        assert path.read_bytes() == source.read_bytes()
    direct = store.local_path(stored.key)
    assert direct is None or direct.read_bytes() == source.read_bytes()
    assert direct == path or not path.exists()


def test_many_at_once(store: ObjectStore) -> None:
    keys: list[str] = []
    threads = [threading.Thread(target=lambda i=i: keys.append(put(store, b"%d" % (i % 4) * 1000))) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16
    assert len(set(keys)) == 4
    assert left_in(store) == 4


def test_sweeping_spares_the_young_and_the_finished(store: ObjectStore) -> None:
    put(store, b"finished")
    assert store.sweep(datetime.now(UTC) - timedelta(hours=24)) == 0
    assert len(list(store.list())) == 1


def test_large_objects_are_moved_without_a_copy_request(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_COPY_BYTES", 100)
    data = os.urandom(10 * MIB)
    key = put(store, data)
    assert b"".join(store.stream(key)) == data
    assert left_in(store) == 1


@pytest.mark.servers("s3")
def test_a_store_that_is_away_is_unavailable(s3_options: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    store = ObjectStore("s3://bucket/prefix", {**s3_options, "endpoint": "http://127.0.0.1:1"})
    with caplog.at_level(logging.ERROR), pytest.raises(Unavailable) as caught:
        put(store, b"x")
    assert caught.value.reason == "STORAGE_UNAVAILABLE"
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.servers("s3")
def test_a_missing_bucket_is_unavailable(s3_options: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        put(ObjectStore("s3://no-such-bucket/prefix", s3_options), b"x")


@pytest.mark.fast
def test_local_files_are_closed_to_others_and_killed_uploads_are_swept(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    store = ObjectStore(f"file://{tmp_path}/with%20space")
    assert folder.stat().st_mode & 0o777 == 0o700
    leftover = folder / "tmp" / "0198#1"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    assert store.sweep(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.sweep(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert not leftover.exists()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield lambda: folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.fast
@pytest.mark.account("root")  # others may not mount
def test_a_full_disk_stores_nothing_and_says_so(full_disk: Callable[[], Path]) -> None:
    store = ObjectStore(f"file://{full_disk()}")
    kept = put(store, b"kept" * 1000)
    with pytest.raises(ResourceExhausted) as caught:
        store.put_stream(ORG, (os.urandom(MIB) for _ in range(30)), max_bytes=1 << 30)
    assert caught.value.reason == "STORAGE_FULL"
    assert left_in(store) == 1
    assert store.read_range(kept, 0, 4) == b"kept"
    put(store, b"small again")


@pytest.mark.fast
def test_a_folder_signs_nothing(tmp_path: Path) -> None:
    store = ObjectStore(f"file://{tmp_path}/objects", owner="ingest")
    assert store.sign(put(store, b"x"), timedelta(minutes=1)) is None
    assert store.sign_staged(uuid4(), "1", timedelta(minutes=1)) is None
    assert store.staged(uuid4()) == {}


def send(address: str, data: bytes) -> None:
    # Said to be bytes: urllib would call them a form, which the test server then tries to read as one.
    request = urllib.request.Request(address, data, {"content-type": "application/octet-stream"}, method="PUT")
    urllib.request.urlopen(request, timeout=60).close()


@pytest.mark.servers("s3")
def test_a_bucket_takes_and_gives_by_signed_addresses(s3_options: dict[str, str], s3_bucket: str) -> None:
    store = ObjectStore(f"s3://{s3_bucket}/some", s3_options, owner="ingest")
    url = store.sign(put(store, b"hello"), timedelta(minutes=1))
    assert url is not None
    assert urllib.request.urlopen(url).read() == b"hello"
    folder, data = uuid4(), os.urandom(100_000)
    address = store.sign_staged(folder, "7", timedelta(minutes=1))
    assert address is not None
    send(address, data)
    assert store.staged(folder) == {"7": len(data)}
    assert b"".join(store.stream_staged(folder, "7", len(data))) == data
    with pytest.raises(NotFound):
        store.sign_staged(folder, "../7", timedelta(minutes=1))
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
    store.delete_staged(folder)
    assert store.staged(folder) == {}
    again = store.sign_staged(folder, "1", timedelta(minutes=1))
    send(again or "", b"x")
    assert store.sweep(datetime.now(UTC) + timedelta(days=8)) == 1
