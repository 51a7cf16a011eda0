"""What every service is composed of, made from its settings: each piece when it is first asked for."""

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from raia_kit.access import AccessIndex, AccessSource, AuthAccessSource
from raia_kit.channels import ServiceChannels
from raia_kit.database import Database, open_engine
from raia_kit.events.log import EventLog
from raia_kit.events.postgres import PostgresEventLog
from raia_kit.events.session import DirectSession
from raia_kit.faults import Faults
from raia_kit.identity import Jwk, JwksSource, ServiceIdentity, TokenVerifier, jwks_of_auth
from raia_kit.metrics import RpcMetrics
from raia_kit.rate_limit import RateLimiter, limiter
from raia_kit.settings import ServiceSettings
from raia_kit.telemetry import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raia_kit.cache import Cache
    from raia_kit.compute import ComputePool
    from raia_kit.jobs import JobQueue
    from raia_kit.objects import ObjectStore


class Runtime:
    """Database, objects, events, jobs, compute, channels, identity and access of one process.

    ``auth`` is its own source of keys and access: it sets ``jwks_source``, ``access_source`` and ``service_keys``
    before anything asks for ``verifier`` or ``access``.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.service = settings.service
        self.faults = Faults(self.service, settings.sentry_dsn.get_secret_value(), version_of(self.service))
        self.rpc_metrics = RpcMetrics(self.service)
        self.database = Database(
            settings.database_url.get_secret_value(), service=self.service, pool_size=settings.database_pool
        )
        self.session = DirectSession(self.direct_url, service=self.service)
        """The one connection that listens and holds advisory locks."""
        self.channels = ServiceChannels(settings)
        self.jwks_source: JwksSource | None = None
        """Where the issuer's keys come from; auth's KeyService when None."""
        self.access_source: AccessSource | None = None
        """Where roles, grants and revocations are loaded from; auth's AccessService when None."""
        self.service_keys: Mapping[str, Jwk] | None = None
        """Public keys of the services, whose assertions are then taken; for auth alone."""

    @property
    def direct_url(self) -> str:
        """The database's URL without a pooler in between."""
        settings = self.settings
        return settings.database_direct_url.get_secret_value() or settings.database_url.get_secret_value()

    @cached_property
    def log(self) -> EventLog:
        """The event log that the settings name."""
        if self.settings.events == "kafka":
            from raia_kit.events.kafka import KafkaEventLog

            return KafkaEventLog(self.settings.kafka_bootstrap, options=self.settings.kafka_options)
        return PostgresEventLog(self._log_engine, self.session)

    @cached_property
    def _log_engine(self) -> Engine:
        """A connection of the log's readers alone: transactions that take long must not make access decisions stale."""
        return open_engine(self.settings.database_url.get_secret_value(), self.service, 1)

    @cached_property
    def identity(self) -> ServiceIdentity:
        """What proves this service to others; raises ``ValueError`` when the settings name no key."""
        if self.settings.service_key_file is None:
            raise ValueError("RAIA_SERVICE_KEY_FILE must name this service's private key")
        return ServiceIdentity(self.service, self.settings.service_key_file, self.channels)

    @cached_property
    def verifier(self) -> TokenVerifier:
        """Verifies the tokens of callers."""
        source = self.jwks_source or jwks_of_auth(self.channels)
        return TokenVerifier(source, self.settings.issuer, service_keys=self.service_keys)

    @cached_property
    def access(self) -> AccessIndex:
        """Who may do what, in memory."""
        return AccessIndex(self.access_source or AuthAccessSource(self.channels, self.identity), self.log)

    @cached_property
    def limiter(self) -> RateLimiter:
        """The rate limiter that the settings name."""
        return limiter(self.settings)

    @cached_property
    def cache(self) -> "Cache":
        """The cache that the settings name."""
        from raia_kit.cache import cache

        return cache(self.settings)

    @cached_property
    def objects(self) -> "ObjectStore":
        """The object store that the settings name."""
        from raia_kit.objects import ObjectStore

        return ObjectStore(self.settings.objects_url, self.settings.objects_options, owner=self.service)

    @cached_property
    def compute(self) -> "ComputePool":
        """The process's compute children."""
        from raia_kit.compute import ComputePool

        settings = self.settings
        return ComputePool(settings.compute_children, settings.compute_idle_seconds, settings.compute_memory_bytes)

    @cached_property
    def jobs(self) -> "JobQueue":
        """The service's jobs."""
        from raia_kit.jobs import JobQueue

        return JobQueue()

    def made(self, name: str) -> bool:
        """Whether the piece of this name was ever asked for."""
        return name in self.__dict__

    def close(self) -> None:
        """Ends everything that was made: children, channels, the log, connections."""
        if self.made("compute"):
            self.compute.close()
        self.channels.close()
        if self.made("log"):
            self.log.close()
        if self.made("_log_engine"):
            self._log_engine.dispose()
        self.database.close()
        self.faults.close()
