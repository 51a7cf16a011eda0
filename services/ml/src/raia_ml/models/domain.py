"""What a model and a version of it are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

DRAFT, PRODUCTION, RETIRED = "draft", "production", "retired"


@dataclass(frozen=True)
class NewVersion:
    """What a training made: the defining facts of a version, which never change."""

    algorithm: str
    framework: str
    digest: str
    object_key: str
    size_bytes: int
    holdout_key: str
    holdout_sha256: str
    accuracy: float | None
    signature: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    training_data_info: Mapping[str, Any]
    metadata: Mapping[str, Any]
    training_run_id: UUID


@dataclass(frozen=True)
class Version(NewVersion):
    """A version of a model."""

    number: int
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True)
class Model:
    """A model, shown at one of its versions; ``version`` is None while it has none."""

    id: UUID
    name: str
    type: str
    project_id: UUID | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    revision: int
    latest_version: int
    production_version: int | None
    status: str
    version: Version | None

    @property
    def etag(self) -> str:
        """Changes with every change of the model, and differs between versions shown."""
        return f"{self.revision}-{self.version.number if self.version else 0}"

    def has_etag(self, etag: str) -> bool:
        """Whether ``etag`` was read since the last change, at whichever version."""
        return etag.partition("-")[0] == str(self.revision)


@dataclass(frozen=True)
class Deployment:
    """The production pointer of a model, as its locked row has it."""

    model_id: UUID
    production_version: int | None
