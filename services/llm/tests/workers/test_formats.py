"""What a file is, by its content."""

import io
import struct
import time
import zipfile

import pytest
from raia_llm.workers.chunks import chunks

from .papers import pdf, word


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("content", "filename", "file_type"),
    [
        (b"Some words.", "notes.txt", "text"),
        (b"Some words.", "notes", "text"),
        (b"# Title\n\nSome words.", "readme.md", "markdown"),
        (b"# Title\n\nSome words.", "readme.txt", "text"),
        (b"<!DOCTYPE html><p>Some words.", "page.txt", "html"),
        (b"<p>Some <b>words</b>.</p>", "fragment.html", "html"),
        ("<html><body>Some words.".encode("utf-16"), "page.html", "html"),
        (pdf([["Some words."]]), "page.txt", "pdf"),
        (word(("Normal", "Some words.")), "page.pdf", "docx"),
        (b"PKI policy: some words.", "policy.txt", "text"),
        (b"A PDF begins with %PDF-1.7; some words.", "formats.md", "markdown"),
        (b"cover\n" + pdf([["Some words."]]), "page.pdf", "pdf"),
        (b"<!-- a --> <!-- b -->\n<html><p>Some words.", "page", "html"),
    ],
)
def test_the_content_decides(extracted, content, filename, file_type):
    document = extracted(content, filename)
    assert document.file_type == file_type
    assert "words" in document.text


@pytest.mark.fast
@pytest.mark.parametrize(
    ("content", "filename", "reason", "told"),
    [
        (b"", "a.txt", "DOCUMENT_EMPTY", "empty"),
        (b" \n\t\n ", "a.txt", "DOCUMENT_EMPTY", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.txt", "DOCUMENT_UNREADABLE", "picture"),
        (b"\x1f\x8b\x08" + bytes(100), "a.txt", "DOCUMENT_UNREADABLE", "gzip"),
        (b"{\\rtf1 text}", "a.doc", "DOCUMENT_UNREADABLE", "rich text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", "DOCUMENT_UNREADABLE", "save it as DOCX"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "a.docx",
            "DOCUMENT_ENCRYPTED",
            "remove its password",
        ),
        (bytes(range(256)) * 40, "a.txt", "DOCUMENT_UNREADABLE", "binary"),
        (b"\x00\x01\x02\x03" * 5000, "a.md", "DOCUMENT_UNREADABLE", "binary"),
        (zipped("xl/workbook.xml"), "a.xlsx", "DOCUMENT_UNREADABLE", "workbook"),
        (zipped("ppt/slides.xml"), "a.pptx", "DOCUMENT_UNREADABLE", "presentation"),
        (zipped("mimetype", "content.xml"), "a.odt", "DOCUMENT_UNREADABLE", "OpenDocument"),
        (zipped("a.txt"), "a.zip", "DOCUMENT_UNREADABLE", "ZIP archive"),
        (zipped("word/document.xml")[:-30], "a.docx", "DOCUMENT_UNREADABLE", "damaged"),
    ],
)
def test_what_cannot_be_read_is_named(refused, content, filename, reason, told):
    error = refused(content, filename)
    assert error.reason == reason
    assert told in error.message
    assert error.metadata["filename"] == filename


@pytest.mark.fast
@pytest.mark.parametrize(
    ("signature", "at", "value"),
    [(b"PK\x01\x02", 6, struct.pack("<H", 99)), (b"PK\x01\x02", 46, b"\xff"), (b"PK\x01\x02", 10, b"\x0e")],
    ids=["version", "name", "method"],
)
def test_archives_that_the_library_cannot_open_are_damaged(refused, signature, at, value):
    packed = bytearray(word(("Normal", "Some words.")))
    place = packed.index(signature) + at
    packed[place : place + len(value)] = value
    if at == 46:  # the name is said to be UTF-8
        packed[place - 46 + 8 : place - 46 + 10] = struct.pack("<H", 0x800)
    assert refused(bytes(packed), "a.docx").reason == "DOCUMENT_UNREADABLE"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("content", "filename"),
    [
        ("<!-- note -->" * 600 + "Some words.", "a.md"),
        ("<!--" * 2000 + "Some words.", "a.txt"),
        ("words" + " " * 300_000 + "words", "a.txt"),
        ("words" + "." * 300_000 + "words", "a.txt"),
        ("words" + "\t" * 300_000 + "words", "a.txt"),
        ("# words" + " " * 300_000 + "words", "a.md"),
        ("# words" + " #" * 150_000 + " words", "a.md"),
        ("words\n" + " \n" * 150_000 + "words", "a.txt"),
        ("<html><pre>words" + "\t" * 300_000 + "words</pre>", "a.html"),
        (b"words " * 50_000 + b"\xfc words", "a.txt"),
    ],
    ids=["comments", "openings", "spaces", "dots", "tabs", "heading", "marks", "lines", "pre", "latin"],
)
def test_long_runs_take_time_in_proportion(extracted, content, filename):
    begin = time.monotonic()
    document = extracted(content, filename)
    assert list(chunks(document))
    assert time.monotonic() - begin < 5
