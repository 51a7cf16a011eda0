"""The only reader of the environment of the test fixtures."""

from pathlib import Path

from platformdirs import user_cache_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TestSettings(BaseSettings):
    """Which servers exist already. A server that is not named is started, and stopped with the test session."""

    __test__ = False
    model_config = SettingsConfigDict(
        env_prefix="RAIA_TEST_", frozen=True, extra="ignore", use_attribute_docstrings=True, populate_by_name=True
    )

    ci: bool = Field(default=False, validation_alias="CI")
    """A server that cannot start is an error rather than a skip."""
    postgres_url: str = ""
    """URL of a superuser of a PostgreSQL server for tests alone: passwords of its raia roles are overwritten."""
    postgres_version: int = 18
    """Bundled PostgreSQL that is started: 16 or 18."""
    redis_url: str = ""
    """URL of a Redis or Valkey server."""
    kafka_bootstrap: str = ""
    """host:port of a Kafka broker."""
    s3_url: str = ""
    """Endpoint of an S3 server."""
    s3_access_key: str = "raia-test"
    """Access key of the S3 server."""
    s3_secret_key: str = "raia-test-secret"  # noqa: S105
    """Secret key of the S3 server."""
    cache: Path = Field(default_factory=lambda: user_cache_path("raia"))
    """Folder that keeps what was downloaded to start servers."""
