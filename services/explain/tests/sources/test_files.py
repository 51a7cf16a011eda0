import shutil
import threading
from hashlib import sha256

import pytest
from raia_explain.errors import TransferBroken
from raia_explain.sources.files import FileCache, checked, key_of
from raia_kit.errors import ResourceExhausted

pytestmark = pytest.mark.fast


class Fetched:
    """Pieces of bytes, and how often they were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.times = pieces, 0

    def __call__(self):
        self.times += 1
        yield from self.pieces


@pytest.fixture
def cache(tmp_path):
    found = FileCache(tmp_path, 100)
    yield found
    found.close()
    assert not list(tmp_path.iterdir())


def test_a_file_is_fetched_once(cache):
    fetch = Fetched(b"one ", b"two")
    for _ in range(3):
        with cache.file("a", fetch, limit=1000) as path:
            assert path.read_bytes() == b"one two"
        assert not path.exists()
    assert fetch.times == 1


def test_the_least_recently_used_file_makes_room(cache):
    fetches = {name: Fetched(name.encode() * 40) for name in "abc"}

    def use(name):
        with cache.file(name, fetches[name], limit=1000) as path:
            assert path.read_bytes() == name.encode() * 40

    for name in ("a", "b", "a", "c", "a", "b"):
        use(name)
    assert {name: fetch.times for name, fetch in fetches.items()} == {"a": 1, "b": 2, "c": 1}


def test_a_file_in_use_survives_being_dropped(cache):
    with cache.file("a", Fetched(b"a" * 60), limit=1000) as path:
        with cache.file("b", Fetched(b"b" * 60), limit=1000):
            assert path.read_bytes() == b"a" * 60
        assert path.read_bytes() == b"a" * 60


def test_a_file_larger_than_the_cache_is_used_and_not_kept(cache):
    fetch = Fetched(b"x" * 101)
    for _ in range(2):
        with cache.file("a", fetch, limit=1000) as path:
            assert path.stat().st_size == 101
    assert fetch.times == 2


def test_more_than_the_limit_is_refused(cache):
    with pytest.raises(ResourceExhausted) as refused, cache.file("a", Fetched(b"x" * 6, b"y" * 6), limit=10):
        pass
    assert refused.value.reason == "PAYLOAD_TOO_LARGE"


def test_what_arrives_damaged_is_not_kept(cache):
    wanted = sha256(b"right").hexdigest()
    with pytest.raises(TransferBroken), cache.file("a", lambda: checked([b"wrong"], wanted), limit=100):
        pass
    with cache.file("a", lambda: checked([b"ri", b"ght"], wanted), limit=100) as path:
        assert path.read_bytes() == b"right"


def test_many_threads_share_files(cache):
    fetch = Fetched(b"shared")
    errors = []

    def use():
        try:
            for _ in range(20):
                with cache.file("a", fetch, limit=100) as path:
                    assert path.read_bytes() == b"shared"
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert 1 <= fetch.times <= 8


def test_a_folder_that_was_cleaned_up_is_made_anew(cache, tmp_path):
    fetch = Fetched(b"x")
    for _ in range(2):
        with cache.file("a", fetch, limit=100) as path:
            assert path.read_bytes() == b"x"
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
    assert fetch.times == 2


def test_keys_differ_with_each_part():
    parts = [("a", "b"), ("ab",), ("a", "c"), ("b", "a"), (["a\nb"],), (["a", "b"],)]
    assert len({key_of(*each) for each in parts}) == len(parts)
