"""Files of the tenants: content-addressed objects in a local folder, S3, GCS or Azure, never held whole in memory."""

import logging
import os
import queue
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

from raia_kit.errors import InvalidArgument, NotFound, OutOfRange, RaiaError, ResourceExhausted, Unavailable
from raia_kit.ids import new_id
from raia_kit.object_intake import Incoming

_LOG = logging.getLogger(__name__)
_KEY = re.compile(r"org/[0-9a-f-]{36}/sha256/[0-9a-f]{2}/[0-9a-f]{64}")
_PART_BYTES = 8 << 20
"""Size of a part of an upload; with the 10,000 parts that S3 allows, an object may have 78 GiB."""
_PARTS_AT_ONCE = 3
_QUEUED_CHUNKS = 4
_COPY_BYTES = 5 << 30
"""The largest object that S3 copies in one request; larger ones are streamed from key to key."""
_STAGED_FOR = timedelta(days=7)
_FULL = re.compile(
    r"os error (?:28|122)\b|InsufficientStorage|QuotaExceeded|StorageFull|Insufficient Storage|status code: 507"
)
_CLIENT_KEYS = {"connect_timeout", "timeout", "allow_invalid_certificates", "proxy_url", "root_certificate"}


@dataclass(frozen=True)
class StoredObject:
    """An object that lies in the store."""

    key: str
    sha256: str
    """Hexadecimal digest of the bytes."""
    size: int


@dataclass(frozen=True)
class ListedObject:
    """What a listing says of an object."""

    key: str
    size: int
    modified_at: datetime


class ObjectStore:
    """The store that ``url`` names: ``file:///path``, ``s3://bucket/prefix``, ``gs://…``, ``az://…``.

    ``options`` are the store's own (endpoint, region, access_key_id, …) and the client's (connect_timeout, timeout, …).
    ``owner`` is the service whose objects these are: they lie below its name, so that services may share a URL and none
    deletes or finds what another has stored. ``scratch`` is the folder of temporary copies. Every method raises
    ``Unavailable`` (``STORAGE_UNAVAILABLE``) while the store is away, and ``NotFound`` for a key that is not there.
    """

    def __init__(
        self, url: str, options: Mapping[str, str] | None = None, *, owner: str = "", scratch: Path | None = None
    ) -> None:
        self.owner = owner
        self.scratch = scratch
        self._folder: Path | None = None
        url = f"{url.rstrip('/')}/{owner}" if owner else url
        if urlsplit(url).scheme == "file":
            self._folder = Path(unquote(urlsplit(url).path))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store: Any = LocalStore(self._folder)
        else:
            self._store = _remote(url, dict(options or {}))

    def put_stream(
        self, org_id: UUID, chunks: Iterable[bytes], *, max_bytes: int, expected_sha256: str | None = None
    ) -> StoredObject:
        """Stores the bytes under their digest and returns where; nothing is left behind when it fails.

        The same bytes have the same key within an organisation; storing them again makes the object young again.
        Raises ``InvalidArgument`` (``PAYLOAD_TOO_LARGE``, ``DIGEST_MISMATCH``), ``ResourceExhausted``
        (``STORAGE_FULL``), and whatever ``chunks`` raises.
        """
        incoming = Incoming(chunks, max_bytes)
        temporary = f"tmp/{new_id()}"
        try:
            self._upload(temporary, incoming)
            digest = incoming.digest.hexdigest()
            if expected_sha256 is not None and digest != expected_sha256.lower():
                raise InvalidArgument(
                    "the bytes received do not have the stated sha256; send them again",
                    reason="DIGEST_MISMATCH",
                    metadata={"expected": expected_sha256, "received": digest},
                )
            key = f"org/{org_id}/sha256/{digest[:2]}/{digest}"
            with _translated(key):
                self._move(temporary, key, incoming.size)
        except BaseException:
            with suppress(Exception):
                obstore.delete(self._store, temporary)
            raise
        return StoredObject(key, digest, incoming.size)

    def put_file(self, org_id: UUID, path: Path, *, max_bytes: int | None = None) -> StoredObject:
        """Stores a local file, as ``put_stream`` does."""
        limit = path.stat().st_size if max_bytes is None else max_bytes
        with path.open("rb") as file:
            return self.put_stream(org_id, iter(lambda: file.read(1 << 20), b""), max_bytes=limit)

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` up to, not including, ``end``; fewer where the object ends before.

        Raises ``OutOfRange`` when the range is empty or begins behind the end of the object.
        """
        if not 0 <= start < end:
            raise OutOfRange(f"{start}-{end} is no range of bytes", reason="RANGE_INVALID")
        with _translated(_checked(key)):
            return bytes(obstore.get_range(self._store, key, start=start, end=end))

    def stream(self, key: str, chunk: int = 1 << 20, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The object, or a range of it, in pieces of at most ``chunk`` bytes."""
        size = self.size(key)
        stop = size if end is None else min(end, size)
        if start < 0 or stop < start:
            raise OutOfRange(f"bytes {start}-{end} lie outside of the object", reason="RANGE_INVALID")
        # A request for each window: one long request would time out under a slow reader.
        window = max(chunk, _PART_BYTES // chunk * chunk)
        for offset in range(start, stop, window):
            view = memoryview(self.read_range(key, offset, min(offset + window, stop)))
            for begin in range(0, len(view), chunk):
                yield bytes(view[begin : begin + chunk])

    def sign(self, key: str, lasts: timedelta) -> str | None:
        """An address at which the store itself answers ``GET`` of an object for a while; None where it cannot sign."""
        return self._signed("GET", _checked(key), lasts)

    def _signed(self, method: Literal["GET", "PUT"], path: str, lasts: timedelta) -> str | None:
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        with _translated(path):
            return str(obstore.sign(self._store, method, path, lasts))

    def sign_staged(self, folder: UUID, name: str, lasts: timedelta) -> str | None:
        """An address that takes a ``PUT`` of a part for a while, which waits in ``folder``; None where none is signed.

        Parts that nobody takes out are deleted after a week.
        """
        return self._signed("PUT", _staged(folder, name), lasts)

    def staged(self, folder: UUID) -> dict[str, int]:
        """The parts that wait in a folder, with their sizes."""
        found: dict[str, int] = {}
        with _translated("staged/"):
            for batch in obstore.list(self._store, f"staged/{folder}/"):
                found |= {item["path"].rsplit("/", 1)[1]: int(item["size"]) for item in batch}
        return found

    def stream_staged(self, folder: UUID, name: str, size: int) -> Iterator[bytes]:
        """A part that waits in a folder."""
        path = _staged(folder, name)
        for start in range(0, size, _PART_BYTES):
            with _translated(path):
                yield bytes(obstore.get_range(self._store, path, start=start, end=min(start + _PART_BYTES, size)))

    def delete_staged(self, folder: UUID) -> None:
        """Deletes the parts that wait in a folder."""
        for name in self.staged(folder):
            with suppress(FileNotFoundError), _translated(name):
                obstore.delete(self._store, _staged(folder, name))

    def delete(self, key: str) -> None:
        """Deletes the object; one that is not there is no error."""
        with suppress(NotFound), _translated(_checked(key)):
            obstore.delete(self._store, key)

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def size(self, key: str) -> int:
        """Bytes of the object."""
        with _translated(_checked(key)):
            return int(obstore.head(self._store, key)["size"])

    def local_path(self, key: str) -> Path | None:
        """The object's file in a local store, to be read only; None in any other."""
        _checked(key)
        if self._folder is None:
            return None
        path = self._folder / key
        if not path.is_file():
            raise NotFound.of("object", key)
        return path

    @contextmanager
    def materialise(self, key: str) -> Iterator[Path]:
        """A local file with the object's bytes, for libraries that need one; read it, and within the block only."""
        local = self.local_path(key)
        if local is not None:
            yield local
            return
        with tempfile.TemporaryDirectory(prefix="raia-object-", dir=self.scratch) as folder:
            path = Path(folder) / key.rsplit("/", 1)[1]
            try:
                with path.open("wb") as file:
                    file.writelines(self.stream(key, _PART_BYTES))
            except OSError as error:
                raise _translate(error, key) from error
            yield path

    def list(self, org_id: UUID | None = None) -> Iterator[ListedObject]:
        """Every object, or every one of an organisation, in no order."""
        prefix = f"org/{org_id}/" if org_id else "org/"
        with _translated(prefix):
            for batch in obstore.list(self._store, prefix):
                for item in batch:
                    if _KEY.fullmatch(item["path"]):
                        yield ListedObject(item["path"], item["size"], item["last_modified"])

    def sweep(self, before: datetime) -> int:
        """Deletes what uploads that never ended left before that time; returns how many."""
        swept = self._sweep("tmp/", before) + self._sweep("staged/", before - _STAGED_FOR)
        if self._folder is not None:
            # Parts that a killed process was writing are hidden from listings.
            for path in (self._folder / "tmp").glob("*#*"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        swept += 1
        return swept

    def _sweep(self, prefix: str, before: datetime) -> int:
        swept = 0
        with _translated(prefix):
            for batch in obstore.list(self._store, prefix):
                for item in batch:
                    if item["last_modified"] < before:
                        with suppress(FileNotFoundError):
                            obstore.delete(self._store, item["path"])
                            swept += 1
        return swept

    def modified_at(self, key: str) -> datetime:
        """When the object was last stored."""
        with _translated(_checked(key)):
            modified: datetime = obstore.head(self._store, key)["last_modified"]
            return modified

    def _upload(self, key: str, chunks: Iterable[bytes]) -> None:
        """Takes the chunks on this thread and uploads on another: a source that itself reads from a store would
        otherwise enter the client's runtime twice, which it answers with a panic."""
        upload = _Upload(self._store, key)
        try:
            for chunk in chunks:
                if not upload.write(chunk):
                    break
        except BaseException:
            upload.abort()
            raise
        upload.finish()

    def _move(self, temporary: str, key: str, size: int) -> None:
        if self._folder is not None:
            _sync(self._folder / temporary)
            obstore.rename(self._store, temporary, key)
            _sync((self._folder / key).parent)
        elif size <= _COPY_BYTES:
            obstore.rename(self._store, temporary, key)
        else:
            ends = ((start, min(start + _PART_BYTES, size)) for start in range(0, size, _PART_BYTES))
            self._upload(key, (bytes(obstore.get_range(self._store, temporary, start=a, end=b)) for a, b in ends))
            obstore.delete(self._store, temporary)


class _Aborted(Exception):
    """Makes the client give up an upload and the parts it has sent."""


class _Upload:
    """One upload under way on a thread of its own, fed through a short queue."""

    def __init__(self, store: Any, key: str) -> None:
        self._key = key
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_QUEUED_CHUNKS)
        self._aborted = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(store,), name="object-upload", daemon=True)
        self._thread.start()

    def write(self, chunk: bytes | None) -> bool:
        """Hands a chunk over, or None at the end; False when the upload has failed already."""
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._chunks.put(chunk, timeout=0.1)
                return True
        return False

    def finish(self) -> None:
        """Waits until everything is stored; raises what went wrong."""
        self.write(None)
        self._thread.join()
        if isinstance(self._error, FileNotFoundError):  # the bucket or the folder itself is missing
            raise _away(self._error, self._key) from self._error
        with _translated(self._key):
            if self._error is not None:
                raise self._error

    def abort(self) -> None:
        """Gives the upload up."""
        self._aborted = True
        self.write(None)
        self._thread.join()

    def _run(self, store: Any) -> None:
        try:
            obstore.put(store, self._key, self._take(), chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        except BaseException as error:  # told to whoever waits, panics of the client included
            self._error = error

    def _take(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None and not self._aborted:
            yield chunk
        if self._aborted:
            raise _Aborted


def _remote(url: str, options: dict[str, str]) -> Any:
    client: dict[str, Any] = {"connect_timeout": "5s", "timeout": "10min"}
    client |= {key: options.pop(key) for key in _CLIENT_KEYS & options.keys()}
    client["allow_http"] = options.pop("allow_http", "") == "true" or options.get("endpoint", "").startswith("http://")
    retry = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}
    build: Any = from_url  # its overloads know one store each, the options may be any store's
    return build(url, config=options, client_options=client, retry_config=retry)


def _staged(folder: UUID, name: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}", name):
        raise NotFound.of("part", name)
    return f"staged/{folder}/{name}"


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise NotFound.of("object", key)
    return key


def _sync(path: Path) -> None:
    """Makes a file or folder survive a power cut: a row will refer to it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise _translate(error, key) from error


def _translate(error: Exception, key: str) -> RaiaError:
    """The error a caller may see for a fault of the store."""
    told = str(error)
    if isinstance(error, FileNotFoundError):
        return NotFound.of("object", key)
    if _FULL.search(told) or (isinstance(error, OSError) and error.errno in (28, 122)):
        return ResourceExhausted("storage is full; nothing was written", reason="STORAGE_FULL", retry_after=60.0)
    if "Requested range was invalid" in told or "416 Range Not Satisfiable" in told:
        return OutOfRange("the range begins behind the end of the object", reason="RANGE_INVALID")
    return _away(error, key)


def _away(error: Exception, key: str) -> Unavailable:
    _LOG.error("object store failed at %s: %s", key, str(error).split("\n", 1)[0])
    return Unavailable("the object store is away; try again", reason="STORAGE_UNAVAILABLE", retry_after=2.0)
