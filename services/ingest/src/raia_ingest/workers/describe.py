"""The compute function that reads a document about a dataset: what it says of which field."""

from pathlib import Path
from typing import Any

from raia_ingest.workers.described_text import Described, fields_of_text
from raia_ingest.workers.document_text import Document, document_of
from raia_ingest.workers.exhaustion import explained

_MOST_FIELDS = 20_000
_LONGEST_DESCRIPTION = 2_000
_LONGEST_SUMMARY = 500


def describe_document(path: str, filename: str) -> dict[str, Any]:
    """Reads a document and returns ``kind``, ``summary`` and ``fields`` (name, description, type, section).

    Raises ``BadFile`` for what is no document that can be read.
    """
    with explained():
        document = document_of(Path(path), filename)
        fields = [*document.fields, *fields_of_text(document.lines)][:_MOST_FIELDS]
    return {
        "kind": document.kind,
        "summary": _summary(document),
        "fields": [_told(field) for field in fields],
    }


def _told(field: Described) -> dict[str, str]:
    return {
        "name": field.name[:255],
        "description": field.description[:_LONGEST_DESCRIPTION],
        "type": field.type[:255],
        "section": field.section[:1_000],
    }


def _summary(document: Document) -> str:
    """The title and the first paragraph."""
    title = paragraph = ""
    for line in document.lines:
        text = line.strip().strip("#*= ").strip()
        if not text:
            if paragraph:
                break
            continue
        if not title:
            title = text
        elif len(text) > 40 or paragraph:
            paragraph = f"{paragraph} {text}".strip()
        if len(paragraph) > _LONGEST_SUMMARY:
            break
    return (f"{title}: {paragraph}" if paragraph else title)[:_LONGEST_SUMMARY]
