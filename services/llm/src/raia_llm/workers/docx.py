"""Word documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docx import Document
from docx.table import Table
from docx.text.paragraph import Paragraph
from raia_kit.errors import RaiaError

from raia_llm import errors
from raia_llm.workers.archive import verify
from raia_llm.workers.extracted import Extracted, Limits, TextBuilder, clean

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_DEEPEST = 20


def extract_docx(path: Path, filename: str, limits: Limits) -> Extracted:
    """Paragraphs, headings, lists and tables in their order."""
    verify(path, filename, limits)
    try:
        document = Document(str(path))
        builder = TextBuilder(filename, limits)
        _write(builder, document.iter_inner_content(), 0)
        metadata = _metadata(document)
    except (RaiaError, MemoryError):
        raise
    except Exception as error:  # the library raises whatever a broken part leads it to
        raise errors.damaged(filename, "its parts do not make a Word document") from error
    return Extracted("docx", builder.text(), headings=builder.headings, metadata=metadata)


def _write(builder: TextBuilder, blocks: Iterator[Paragraph | Table], depth: int) -> None:
    for block in blocks:
        if isinstance(block, Paragraph):
            _paragraph(builder, block)
        elif depth < _DEEPEST:
            _table(builder, block, depth)


def _paragraph(builder: TextBuilder, paragraph: Paragraph) -> None:
    text = clean(paragraph.text).strip()
    if not text:
        return
    style = (paragraph.style.name if paragraph.style is not None else "") or ""
    heading = _HEADING.match(style)
    if heading:
        builder.heading(int(heading[1]), text)
    elif style == "Title":
        builder.heading(1, text)
    else:
        builder.paragraph(f"- {text}" if style.startswith("List") else text)


def _table(builder: TextBuilder, table: Table, depth: int) -> None:
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:
            # A merged cell is given once for each place that it spans.
            if id(cell._tc) in seen:
                continue
            seen.add(id(cell._tc))
            inner = TextBuilder("", Limits())
            _write(inner, cell.iter_inner_content(), depth + 1)
            cells.append(" ".join(inner.text().split()))
        if any(cells):
            builder.paragraph(" | ".join(cells))


def _metadata(document: Any) -> dict[str, str]:
    properties = document.core_properties
    found = {
        "title": properties.title,
        "author": properties.author,
        "subject": properties.subject,
        "keywords": properties.keywords,
        "language": properties.language,
        "created": properties.created.isoformat() if properties.created else "",
        "modified": properties.modified.isoformat() if properties.modified else "",
    }
    return {name: clean(str(value))[:200] for name, value in found.items() if value}
