"""What a stream is, and the rules on its connection, schema and landing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

KAFKA = "kafka"
WEBHOOK = "webhook"
INACTIVE = "inactive"
RUNNING = "running"
FAILED = "failed"
OTHER_FIELDS = "other_fields"
"""The column that keeps fields which the schema does not name."""

_MAX_RECORDS, _MAX_SECONDS = 100_000, 300
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_NUMBERS = ("integer", "float")
_LARGEST_PORT = 65_535


@dataclass(frozen=True)
class Stream:
    """A stream, with what it has taken."""

    id: UUID
    name: str
    description: str
    project_id: UUID | None
    source_type: str
    connection_config: Mapping[str, Any]
    schema_info: Mapping[str, Any]
    schema_version: int
    landing: Mapping[str, Any]
    status: str
    error: str
    accept_gap: bool
    records_received: int
    records_rejected: int
    records_landed: int
    records_lost: int
    deliveries_repeated: int
    landings: int
    batches: int
    last_record_at: datetime | None
    landing_job_id: int | None
    dataset_id: UUID | None
    dataset_version: int | None
    revision: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    deleted: bool

    @property
    def etag(self) -> str:
        """Changes with every change by hand."""
        return str(self.revision)

    @property
    def stored(self) -> int:
        """Records that were as they must be."""
        return self.records_received - self.records_rejected

    @property
    def waiting(self) -> int:
        """Stored records that are in no dataset version yet."""
        return self.stored - self.records_landed

    @property
    def takes_records(self) -> bool:
        """Whether it runs."""
        return self.status == RUNNING and not self.deleted

    @property
    def max_records(self) -> int:
        """How many records may wait."""
        return int(self.landing.get("max_records", 0)) or _MAX_RECORDS

    @property
    def max_seconds(self) -> int:
        """How long a record may wait."""
        return int(self.landing.get("max_seconds", 0)) or _MAX_SECONDS

    @property
    def dataset_name(self) -> str:
        """The dataset that records land in."""
        return str(self.landing.get("dataset_name", "")).strip() or self.name


@dataclass(frozen=True)
class Taken:
    """What a compute child made of a batch of records."""

    content: bytes
    """The stored records as Arrow."""
    stored: int
    rejections: Sequence[Mapping[str, str]]
    """position, field, code, reason and record of each."""

    @property
    def received(self) -> int:
        """How many records there were."""
        return self.stored + len(self.rejections)


@dataclass(frozen=True)
class Place:
    """How far a partition is read."""

    partition: int
    next_offset: int
    end_offset: int | None


@dataclass(frozen=True)
class Batch:
    """A batch that waits to be landed, without its records."""

    number: int
    stored: int
    rejected: int


@dataclass(frozen=True)
class Fault:
    """What is wrong with a stream as it was asked for."""

    field: str
    message: str


def columns_of(schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """The columns of the dataset that a stream lands in."""
    kinds = {"json": "string"}
    columns = []
    for each in schema["fields"]:
        column = {
            "name": each["name"],
            "type": kinds.get(each["type"], each["type"]),
            "original_name": each["name"],
        }
        columns.append(column | ({"timezone": "UTC"} if each["type"] == "datetime" else {}))
    if schema.get("unknown_fields") == "keep":
        columns.append({"name": OTHER_FIELDS, "type": "string", "original_name": OTHER_FIELDS})
    return columns


def faults(source_type: str, connection: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Fault]:
    """What makes a stream impossible."""
    yield from _kafka_faults(connection) if source_type == KAFKA else _webhook_faults(connection)
    yield from _schema_faults(schema)


def _kafka_faults(connection: Mapping[str, Any]) -> Iterator[Fault]:
    brokers = connection.get("bootstrap_servers", [])
    if not brokers:
        yield Fault("connection_config.bootstrap_servers", "name at least one broker as host:port")
    for place, broker in enumerate(brokers):
        found = _BROKER.fullmatch(broker)
        if found is None or not 0 < int(found[2]) <= _LARGEST_PORT:
            yield Fault(f"connection_config.bootstrap_servers[{place}]", "a broker is given as host:port")
    topic = connection.get("topic", "")
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        yield Fault("connection_config.topic", "a topic has letters, digits, dots, hyphens and underscores")


def _webhook_faults(connection: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in connection.items():
        if value:
            yield Fault(f"connection_config.{name}", "a webhook stream needs no connection: leave it out")


def _schema_faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    fields = schema.get("fields", [])
    if not fields:
        yield Fault("schema_info.fields", "name at least one field")
    names: set[str] = {OTHER_FIELDS} if schema.get("unknown_fields") == "keep" else set()
    for place, each in enumerate(fields):
        path = f"schema_info.fields[{place}]"
        if each["name"] in names:
            yield Fault(f"{path}.name", f"the name {each['name']!r} is taken")
        names.add(each["name"])
        low, high = each.get("minimum"), each.get("maximum")
        if each["type"] not in _NUMBERS and (low is not None or high is not None):
            yield Fault(f"{path}.minimum" if low is not None else f"{path}.maximum", "only numbers have a range")
        elif low is not None and high is not None and low > high:
            yield Fault(f"{path}.minimum", "it is above the maximum")
        if each["type"] != "string" and (each.get("allowed") or each.get("max_length")):
            part = "allowed" if each.get("allowed") else "max_length"
            yield Fault(f"{path}.{part}", "only texts are limited so")
