"""Prefixes of object stores: which may be watched, and how they are listed and read."""

import ipaddress
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from raia_ingest.sources import faults
from raia_ingest.sources.domain import Entry, Vanished, wanted

_LOG = logging.getLogger(__name__)
_WINDOW = 8 << 20
_OPTIONS = {
    "s3": {"endpoint", "region", "virtual_hosted_style_request"},
    "gs": set[str](),
    "az": {"endpoint", "account_name"},
}
_CREDENTIALS = {
    "s3": {"access_key_id", "secret_access_key", "session_token"},
    "gs": {"service_account_key"},
    "az": {"account_key", "sas_token"},
}


def check(place: Mapping[str, Any], credentials: Mapping[str, str], *, private: bool) -> None:
    """Raises ``PlaceInvalid`` for a URL, option or credential that is not taken, and for a private address.

    Options are only those that name where the store is: none that would have the service read files or identities of
    its own machine. Host names are not looked up here but before each look.
    """
    url = urlsplit(place.get("url", ""))
    if url.scheme not in _OPTIONS or not url.hostname:
        advice = "a folder is a source of kind folder" if url.scheme == "file" else "use s3://, gs:// or az://"
        raise faults.place_invalid("objects.url", f"this is no URL of an object store: {advice}")
    options = place.get("options", {})
    for given, known, field in (
        (options, _OPTIONS[url.scheme], "objects.options"),
        (credentials, _CREDENTIALS[url.scheme], "credentials"),
    ):
        unknown = sorted(set(given) - known)
        if unknown:
            names = ", ".join(sorted(known)) or "none"
            raise faults.place_invalid(field, f"{unknown[0]} is not taken; known are {names}")
    endpoint = options.get("endpoint", "")
    if endpoint:
        where = urlsplit(endpoint)
        if where.scheme not in ("http", "https") or not where.hostname or where.username is not None:
            raise faults.place_invalid("objects.options", "endpoint is an address such as https://s3.example.com")
        if not private and _inner(where.hostname):
            raise faults.address_private(where.hostname)


def _inner(host: str) -> bool:
    """Whether the text itself is a private address."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def refuse_private(endpoint: str) -> None:
    """Raises ``PlaceInvalid`` when the host of an address is, or leads to, one in a private network."""
    where = urlsplit(endpoint)
    host = where.hostname or ""
    try:
        found = socket.getaddrinfo(host, where.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise faults.unreachable(host, "its name cannot be looked up") from error
    if any(not ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_global for each in found):
        raise faults.address_private(host)


class WatchedStore:
    """One prefix."""

    appears_whole = True

    def __init__(self, place: Mapping[str, Any], credentials: Mapping[str, str], *, private: bool) -> None:
        check(place, credentials, private=private)
        self._url, self._include = place["url"], list(place.get("include", []))
        self._endpoint = "" if private else place.get("options", {}).get("endpoint", "")
        config = {**place.get("options", {}), **credentials}
        if not credentials:
            config["skip_signature"] = "true"  # else the client would look for an identity of this machine
        config |= {"region": config.get("region", "us-east-1")} if self._url.startswith("s3://") else {}
        client: dict[str, Any] = {"connect_timeout": "5s", "timeout": "10min"}
        client["allow_http"] = config.get("endpoint", "").startswith("http://")
        retry = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
        build: Any = from_url  # its overloads know one store each
        try:
            self._store: Any = build(self._url, config=config, client_options=client, retry_config=retry)
        except (BaseError, ValueError) as error:
            raise faults.place_invalid("objects", "the store's client does not take these options") from error

    def entries(self) -> Iterator[Entry]:
        """Every object below the prefix, in the order of the store."""
        if self._endpoint:
            refuse_private(self._endpoint)
        try:
            with self._translated():
                for batch in obstore.list(self._store, chunk_size=1000):
                    for found in batch:
                        if wanted(found["path"].rpartition("/")[2], self._include):
                            yield Entry(found["path"], _fingerprint(found), found["size"], found["last_modified"])
        except Vanished as error:
            raise faults.unreachable(self._url, "it is not there") from error

    def read(self, key: str, fingerprint: str) -> Iterator[bytes]:
        """The bytes of an object, which must have the fingerprint before and after."""
        if self._endpoint:
            refuse_private(self._endpoint)
        size = self._require(key, fingerprint)
        for start in range(0, size, _WINDOW):
            with self._translated():
                yield bytes(obstore.get_range(self._store, key, start=start, end=min(start + _WINDOW, size)))
        self._require(key, fingerprint)

    def _require(self, key: str, fingerprint: str) -> int:
        with self._translated():
            found = obstore.head(self._store, key)
        if _fingerprint(found) != fingerprint:
            raise Vanished
        return int(found["size"])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise Vanished from error
        except (BaseError, OSError) as error:
            kind = type(error).__name__
            _LOG.warning("a watched object store failed: %s", kind)
            why = {
                "PermissionDeniedError": "it does not let these credentials in",
                "UnauthenticatedError": "it does not accept the credentials",
            }.get(kind, "it is away, or answers with an error")
            raise faults.unreachable(self._url, why) from error


def _fingerprint(found: Any) -> str:
    mark = found.get("e_tag") or found["last_modified"].isoformat()
    return f"{found['size']}-{mark}"
