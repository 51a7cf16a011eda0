"""The settings that every process shares; each service extends them in its own settings.py."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Read once from the environment (prefix ``RAIA_``) and passed down; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="RAIA_", frozen=True, extra="ignore", use_attribute_docstrings=True)

    service: ClassVar[str] = ""

    grpc_host: str = "127.0.0.1"
    """Address that the gRPC server listens on."""
    grpc_port: int = 0
    """Port of the gRPC server; 0 takes a free one and logs it."""
    grpc_threads: int = Field(default=32, ge=4, le=512)
    """Threads that serve rpcs; streams that wait hold one each, half of them at most."""
    metrics_port: int = 0
    """Port of the Prometheus /metrics endpoint; 0 takes a free one."""
    services: dict[str, str] = {}
    """Addresses of the services by name, as JSON: {"auth": "127.0.0.1:7001", ...}."""

    database_url: SecretStr = SecretStr("")
    """PostgreSQL URL of this service's runtime role; may pass through a transaction-mode pooler."""
    database_direct_url: SecretStr = SecretStr("")
    """The same without a pooler, for listeners, relays and jobs; database_url when empty."""
    database_pool: int = Field(default=3, ge=1, le=100)
    """Connections of the process's pool."""

    events: Literal["postgres", "kafka"] = "postgres"
    """Event log backend."""
    kafka_bootstrap: str = ""
    """host:port of the Kafka brokers, comma separated; needed when events is kafka."""
    kafka_options: dict[str, bool | int | str] = {}
    """Options of every Kafka client as JSON, such as security_protocol, ssl_cafile and sasl_mechanism."""
    redis_url: SecretStr = SecretStr("")
    """Redis or Valkey for cache and rate limits; in-process when empty."""
    objects_url: str = ""
    """Where objects lie: file:///path, s3://bucket/prefix, gs://…, az://…"""
    objects_options: dict[str, str] = {}
    """Options of the object store as JSON, such as endpoint, region and credentials."""

    service_key_file: Path | None = None
    """Private Ed25519 JWK by which this service proves itself to auth."""
    issuer: str = "raia"
    """Issuer claim of access tokens."""
    access_max_age: float = Field(default=5.0, gt=0)
    """Seconds that roles, grants and revocations in memory may be behind before calls are answered UNAVAILABLE."""

    compute_children: int = Field(default=1, ge=1, le=64)
    """Compute children alive at once."""
    compute_idle_seconds: float = Field(default=60.0, gt=0)
    """Seconds after which an idle compute child ends."""
    compute_memory_bytes: int = Field(default=4 * 1024**3, ge=64 * 1024**2)
    """Resident memory at which a compute child is killed and its work fails."""
    jobs_concurrency: int = Field(default=2, ge=1, le=64)
    """Jobs that this process runs at once."""

    rate_limit_default: int = Field(default=6000, ge=1)
    """Calls a minute per caller in the default class."""
    rate_limit_heavy: int = Field(default=600, ge=1)
    """Calls a minute per caller that upload, export or start a job."""
    rate_limit_sign_in: int = Field(default=30, ge=1)
    """Sign-in calls a minute per address and per account."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""
    otlp_endpoint: str = ""
    """OTLP/HTTP endpoint for traces; none are sent when empty."""
    sentry_dsn: SecretStr = SecretStr("")
    """Sentry DSN for errors; none are sent when empty."""


class MigrationSettings(BaseSettings):
    """What ``python -m raia_<service> migrate`` reads, and no process that serves."""

    model_config = SettingsConfigDict(env_prefix="RAIA_", frozen=True, extra="ignore", use_attribute_docstrings=True)

    database_admin_url: SecretStr = SecretStr("")
    """PostgreSQL URL of a role that may create roles and schemas."""
    database_role_password: SecretStr = SecretStr("")
    """Password that the service's runtime role is given; the role keeps the one it has when empty."""
