"""The ring of signing keys: kept in memory, rotated when due, shared by every process through the database."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from joserfc.jwk import OKPKey
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Unavailable
from raia_kit.sealing import Sealer

from raia_auth.keys.domain import TAIL, SigningKey, period_of_next, published, signer
from raia_auth.keys.repository import SigningKeyRepository

ALGORITHM = "Ed25519"
_RELOAD_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_LOG = logging.getLogger(__name__)


def _purpose(kid: str) -> str:
    return f"signing-key:{kid}"


@dataclass(frozen=True)
class _Held:
    """The keys in memory, and the private halves of those that are published."""

    keys: tuple[SigningKey, ...] = ()
    opened: Mapping[str, OKPKey] = field(default_factory=dict)


class KeyRing:
    """Signs with the key of the moment and publishes those whose tokens may be alive.

    The keys are read from the database about once a minute; the reading that finds a successor due makes it, under a
    lock that lets one process do so. Who signs while keys are known never waits for that reading: it happens on a
    thread of its own, because callers may hold a connection and would wait for a second one of the same pool.
    """

    def __init__(
        self,
        database: Database,
        keys: SigningKeyRepository,
        sealer: Sealer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._repository, self._sealer, self._now = database, keys, sealer, now
        self._loading = threading.Lock()
        self._held = _Held()
        self._loaded_at = float("-inf")

    def signing_key(self) -> OKPKey:
        """The private key that signs now; its ``kid`` goes into the token's header."""
        held = self._current()
        key = signer(held.keys, self._now())
        if key is None:
            raise Unavailable("no signing key is active", reason="SIGNING_KEY_MISSING", retry_after=1.0)
        return held.opened[key.kid]

    def public_keys(self) -> list[dict[str, str]]:
        """The JWK Set's keys, newest first, without private halves."""
        return [key.public_key for key in published(self._current().keys, self._now())]

    def reload(self) -> None:
        """Reads the keys again and makes the successor if one is due."""
        with self._loading:
            self._load()

    def _current(self) -> "_Held":
        if signer(self._held.keys, self._now()) is None:
            with self._loading:
                if signer(self._held.keys, self._now()) is None:
                    self._load()
        elif time.monotonic() - self._loaded_at > _RELOAD_SECONDS and self._loading.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="signing-keys", daemon=True).start()
        return self._held

    def _refresh(self) -> None:
        """Reads the keys again and frees the lock; while the database is away, those in memory go on."""
        try:
            self._load()
        except Exception:
            _LOG.warning("signing keys could not be read again", exc_info=True)
            self._loaded_at = time.monotonic() - _RELOAD_SECONDS + _RETRY_SECONDS
        finally:
            self._loading.release()

    def _load(self) -> None:
        now = self._now()
        with self._database.platform_unit_of_work() as unit:
            keys = self._repository.all(unit)
            if period_of_next(keys, now) is not None:
                self._repository.lock(unit)
                keys = self._repository.all(unit)
                period = period_of_next(keys, now)
                if period is not None:
                    key = self._make(*period)
                    self._repository.add(unit, key)
                    self._repository.forget(unit, now)
                    keys.append(key)
            self._reseal(unit, keys)
        opened = {key.kid: self._held.opened.get(key.kid) or self._open(key) for key in published(keys, now)}
        self._held, self._loaded_at = _Held(tuple(keys), opened), time.monotonic()

    def _reseal(self, unit: UnitOfWork, keys: list[SigningKey]) -> None:
        """Moves keys to the envelope key of the settings after it was replaced."""
        for key in keys:
            if not self._sealer.is_current(key.private_key):
                private = self._sealer.unseal(key.private_key, _purpose(key.kid))
                self._repository.reseal(unit, key.kid, self._sealer.seal(private, _purpose(key.kid)))

    def _make(self, active_from: datetime, retires_at: datetime) -> SigningKey:
        pair = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        kid = str(pair.kid)
        private = json.dumps(pair.as_dict(private=True)).encode()
        public = {name: str(value) for name, value in pair.as_dict(private=False).items()}
        return SigningKey(
            kid, public, self._sealer.seal(private, _purpose(kid)), active_from, retires_at, retires_at + TAIL
        )

    def _open(self, key: SigningKey) -> OKPKey:
        return OKPKey.import_key(json.loads(self._sealer.unseal(key.private_key, _purpose(key.kid))))
