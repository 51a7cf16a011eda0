"""The ring of signing keys: kept in memory, rotated when due, shared by every process through the database."""

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from joserfc.jwk import OKPKey
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import RaiaError, Unavailable

from raia_auth.keys.domain import TAIL, SigningKey, period_of_next, published, signer
from raia_auth.keys.repository import SigningKeyRepository
from raia_auth.keys.sealing import Sealer

ALGORITHM = "Ed25519"
_RELOAD_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_LOG = logging.getLogger(__name__)


def _purpose(kid: str) -> str:
    return f"signing-key:{kid}"


class KeyRing:
    """Signs with the key of the moment and publishes those whose tokens may be alive.

    The keys are read from the database once a minute at most; the reading that finds a successor due makes it, under
    a lock that lets one process do so.
    """

    def __init__(
        self,
        database: Database,
        keys: SigningKeyRepository,
        sealer: Sealer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._repository, self._sealer, self._now = database, keys, sealer, now
        self._lock = threading.Lock()
        self._keys: list[SigningKey] = []
        self._opened: dict[str, OKPKey] = {}
        self._loaded_at = float("-inf")

    def signing_key(self) -> OKPKey:
        """The private key that signs now; its ``kid`` goes into the token's header."""
        key = signer(self._current(), self._now())
        if key is None:
            raise Unavailable("no signing key is active", reason="SIGNING_KEY_MISSING", retry_after=1.0)
        return self._opened[key.kid]

    def public_keys(self) -> list[dict[str, str]]:
        """The JWK Set's keys, newest first, without private halves."""
        return [key.public_key for key in published(self._current(), self._now())]

    def reload(self) -> None:
        """Reads the keys again and makes the successor if one is due."""
        with self._lock:
            self._load()

    def _current(self) -> list[SigningKey]:
        with self._lock:
            stale = time.monotonic() - self._loaded_at > _RELOAD_SECONDS
            missing = signer(self._keys, self._now()) is None
            if stale or missing:
                self._refresh(missing)
            return self._keys

    def _refresh(self, needed: bool) -> None:
        """Reads the keys again; while the database is away, those in memory go on."""
        try:
            self._load()
        except RaiaError:
            if needed:
                raise
            _LOG.warning("signing keys could not be read again", exc_info=True)
            self._loaded_at = time.monotonic() - _RELOAD_SECONDS + _RETRY_SECONDS

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
        opened = {key.kid: self._opened.get(key.kid) or self._open(key) for key in published(keys, now)}
        self._keys, self._opened, self._loaded_at = keys, opened, time.monotonic()

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
