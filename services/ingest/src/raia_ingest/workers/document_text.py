"""Takes the lines and tables out of documents: text, Markdown, HTML, PDF, DOCX, and tables of fields."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docx
import pypdf
import python_calamine as calamine
from docx.oxml.ns import qn
from lxml import html

from raia_ingest import errors
from raia_ingest.workers import dialect as dialects
from raia_ingest.workers import encoding as encodings
from raia_ingest.workers import package
from raia_ingest.workers.described_text import Described, fields_of_table
from raia_ingest.workers.encoding import Utf8Stream
from raia_ingest.workers.formats import Format, identify
from raia_ingest.workers.source import Limits

_MOST_TEXT = 8 * 1024**2
_MOST_PAGES = 2_000
_MOST_ROWS = 50_000
_ADVICE = "attach text, Markdown, HTML, PDF, DOCX, or a table of fields as CSV or Excel"


@dataclass
class Document:
    """What a document holds."""

    kind: str
    lines: Sequence[str] = ()
    fields: list[Described] = field(default_factory=list)
    """Those of its tables."""


def document_of(path: Path, filename: str) -> Document:
    """The lines and the fields of tables in a document; raises ``BadFile``."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise errors.empty(filename)
    if b"%PDF-" in head[:1024]:
        return _pdf(path, filename)
    if head.startswith(b"PK\x03\x04") and _is_word(path, filename):
        return _docx(path, filename)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        if identify(path, filename) is not Format.WORKBOOK:
            raise errors.unreadable(filename, "an archive", _ADVICE)
        return _workbook(path, filename)
    return _text(path, filename)


@contextmanager
def _damage(filename: str, what: str) -> Iterator[None]:
    """Libraries raise whatever damage makes them stumble over."""
    try:
        yield
    except errors.BadFile:
        raise
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise errors.corrupt(filename, what) from error


def _pdf(path: Path, filename: str) -> Document:
    lines: list[str] = []
    size = 0
    with _damage(filename, "it is no PDF that can be read"):
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise errors.encrypted(filename)
        for page in reader.pages[:_MOST_PAGES]:
            text = page.extract_text()
            size += len(text)
            lines += [*text.splitlines(), ""]
            if size > _MOST_TEXT:
                break
    if not any(line.strip() for line in lines):
        raise errors.unreadable(filename, "a PDF without text, such as a scan", _ADVICE)
    return Document("pdf", lines)


def _is_word(path: Path, filename: str) -> bool:
    with _damage(filename, "its archive ends in the middle or is broken"), zipfile.ZipFile(path) as archive:
        return "word/document.xml" in archive.namelist()


def _docx(path: Path, filename: str) -> Document:
    package.verify(path, filename, Limits(max_unpacked_bytes=256 * 1024**2))
    lines: list[str] = []
    fields: list[Described] = []
    with _damage(filename, "it is no Word document that can be read"):
        document = docx.Document(str(path))
        for block in document.element.body.iterchildren():
            if block.tag == qn("w:p"):
                lines.append("".join(node.text or "" for node in block.iter(qn("w:t"))))
            elif block.tag == qn("w:tbl"):
                rows = docx.table.Table(block, document)
                cells = [[cell.text for cell in row.cells] for row in rows.rows[:_MOST_ROWS]]
                fields += fields_of_table(cells, " ".join(lines[-5:]))
    return Document("docx", lines, fields)


def _workbook(path: Path, filename: str) -> Document:
    if zipfile.is_zipfile(path):
        package.verify(path, filename, Limits(max_unpacked_bytes=256 * 1024**2))
    fields: list[Described] = []
    with _damage(filename, "its workbook cannot be opened"):
        book = calamine.load_workbook(path)
        for name in book.sheet_names:
            rows = [list(map(str, row)) for row in book.get_sheet_by_name(name).to_python(nrows=_MOST_ROWS)]
            fields += fields_of_table(rows, name)
    return Document("table", (), fields)


def _text(path: Path, filename: str) -> Document:
    encoding = encodings.detect(path)
    if encoding.nulls > 8:
        raise errors.unreadable(filename, "binary data", _ADVICE)
    with Utf8Stream(path, encoding) as stream:
        text = stream.read(_MOST_TEXT).decode("utf-8", "replace")
    ending = filename.lower().rpartition(".")[2]
    start = text.lstrip()[:200].lower()
    if ending in ("html", "htm") or start.startswith(("<!doctype html", "<html")):
        return _html(text, filename)
    if ending in ("csv", "tsv", "tab"):
        found = dialects.detect(text[: dialects.SAMPLE_CHARACTERS], len(text) <= dialects.SAMPLE_CHARACTERS)
        rows = dialects.parse(text, found.delimiter, found.quote, found.escape, whole=True, most=_MOST_ROWS)
        return Document("table", (), fields_of_table(rows))
    kind = "markdown" if ending in ("md", "markdown", "rmd") else "text"
    return Document(kind, text.splitlines())


def _html(text: str, filename: str) -> Document:
    with _damage(filename, "it is no web page that can be read"):
        tree = html.document_fromstring(text)
    for dropped in tree.xpath("//script|//style|//head"):
        dropped.drop_tree()
    fields: list[Described] = []
    for table in tree.xpath("//table"):
        rows = [[_words(cell) for cell in row.xpath("./td|./th")] for row in table.xpath(".//tr")][:_MOST_ROWS]
        fields += fields_of_table(rows)
        table.drop_tree()
    lines: list[str] = []
    for block in tree.xpath("//h1|//h2|//h3|//h4|//p|//li|//dt|//dd|//pre"):
        mark = {"li": "- ", "dd": ": "}.get(str(block.tag), "")
        lines += [mark + line for line in _words(block).splitlines()] + ([""] if block.tag != "dt" else [])
    return Document("html", lines, fields)


def _words(element: Any) -> str:
    return " ".join(str(element.text_content()).split())
