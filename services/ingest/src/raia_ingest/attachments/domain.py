"""What an attached document is, and which of its words are about which column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from raia_ingest.datasets.descriptions import folded


@dataclass(frozen=True)
class Attachment:
    """A document attached to a dataset."""

    id: UUID
    dataset_id: UUID
    filename: str
    kind: str
    file_size: int
    sha256: str
    object_key: str
    summary: str
    fields: Sequence[Mapping[str, str]]
    """``name``, ``description``, ``type``, and the ``section`` of the document it stands in."""
    described_column_count: int
    created_by: UUID | None
    created_at: datetime


def descriptions(fields: Sequence[Mapping[str, str]], known_as: Iterable[str]) -> dict[str, str]:
    """What a document says of each field.

    A document may describe several tables and a field of each: the section that names this one (``known_as``: the
    dataset's name, its file's) is believed, else the first.
    """
    names = [name for name in (folded(each) for each in known_as) if len(name) >= 3]
    found: dict[str, tuple[bool, str]] = {}
    for field in fields:
        name, text = folded(field["name"]), field["description"]
        if not text:
            continue
        section = folded(field.get("section", ""))
        named = any(each in section for each in names)
        if name not in found or (named and not found[name][0]):
            found[name] = (named, text)
    return {name: text for name, (_, text) in found.items()}


def column_of(field: Mapping[str, str], columns: Iterable[str]) -> str:
    """The column that a field's name means; empty when there is none."""
    wanted = folded(field["name"])
    return next((column for column in columns if folded(column) == wanted), "")
