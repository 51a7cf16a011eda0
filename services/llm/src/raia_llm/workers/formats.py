"""Which format a file is in, by its content; its name decides only between kinds of text."""

import re
import zipfile
from pathlib import Path

from raia_llm import errors

_HEAD = 8192
_ADVICE = "upload text, Markdown, HTML, PDF or DOCX"
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG", "a picture", "run text recognition on it and upload the text"),
    (b"\xff\xd8\xff", "a picture", "run text recognition on it and upload the text"),
    (b"GIF8", "a picture", "run text recognition on it and upload the text"),
    (b"II*\0", "a picture", "run text recognition on it and upload the text"),
    (b"MM\0*", "a picture", "run text recognition on it and upload the text"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"{\\rtf", "rich text", "save it as DOCX"),
    (b"%!PS", "PostScript", "convert it to PDF"),
    (b"SQLite format 3", "a database", _ADVICE),
    (b"PAR1", "a Parquet table", "upload it as a dataset"),
    (b"\x7fELF", "a program", _ADVICE),
    (b"MZ\x90", "a program", _ADVICE),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
# Possessive: lazily, a row of comments could be divided in more ways than can be tried.
_HTML = re.compile(
    rb"\s*+(?:<\?xml[^>]*+>\s*+)?(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_TAG = re.compile(rb"<(?:p|div|span|h[1-6]|br|table|ul|ol|a|title|article|section)\b", re.I)


def identify(path: Path, filename: str) -> str:
    """ "text", "markdown", "pdf", "html" or "docx"; raises ``BadDocument`` for anything else."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise errors.empty(filename, "the file is empty")
    ending = filename.lower().rpartition(".")[2]
    # A PDF may follow on other bytes; a text may speak of PDF.
    if head.lstrip().startswith(b"%PDF-") or (ending == "pdf" and b"%PDF-" in head[:1024]):
        return "pdf"
    if head.startswith(_ZIP):
        return _package(path, filename)
    if head.startswith(_OLE):
        raise _compound(path, filename)
    for signature, detected, advice in _SIGNATURES:
        if head.startswith(signature):
            raise errors.unreadable(filename, detected, advice)
    narrow = head.replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(narrow) or (ending in ("html", "htm", "xhtml") and _TAG.search(narrow)):
        return "html"
    return "markdown" if ending in ("md", "markdown", "mdown", "mkd") else "text"


def _package(path: Path, filename: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except MemoryError:
        raise
    except Exception as error:  # the library raises whatever a broken directory leads it to
        raise errors.damaged(filename, "it ends in the middle or cannot be unpacked") from error
    if "word/document.xml" in names:
        return "docx"
    if any(name.startswith("xl/") for name in names):
        raise errors.unreadable(filename, "a workbook", "upload it as a dataset")
    if any(name.startswith("ppt/") for name in names):
        raise errors.unreadable(filename, "a presentation", "export it as PDF")
    if "mimetype" in names and "content.xml" in names:
        raise errors.unreadable(filename, "an OpenDocument file", "save it as DOCX or PDF")
    raise errors.unreadable(filename, "a ZIP archive", "unpack it and upload the files in it")


def _compound(path: Path, filename: str) -> errors.BadDocument:
    if _ENCRYPTED_PACKAGE in path.read_bytes()[: 64 * 1024**2]:
        return errors.encrypted(filename)
    return errors.unreadable(filename, "an old Office file", "save it as DOCX")
