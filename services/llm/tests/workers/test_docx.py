"""Word documents."""

import io
import zipfile

import pytest

from .papers import bomb, word

REPORT = word(
    ("Title", "Annual report"),
    ("Normal", "It was a good year."),
    ("Heading 1", "Sales"),
    ("List Bullet", "Bicycles sold well."),
    ("Heading 2", "Abroad"),
    ("Normal", "Less so."),
    table=[["Country", "Sales"], ["Norway", "7"]],
    title="Report",
)


@pytest.mark.fast
def test_structure_is_kept(extracted):
    document = extracted(REPORT, "report.docx")
    assert document.text == (
        "Annual report\n\nIt was a good year.\n\nSales\n\n- Bicycles sold well.\n\nAbroad\n\nLess so.\n\n"
        "Country | Sales\n\nNorway | 7"
    )
    assert [(h.level, h.title) for h in document.headings] == [(1, "Annual report"), (1, "Sales"), (2, "Abroad")]
    assert all(document.text[h.start :].startswith(h.title) for h in document.headings)
    assert document.metadata["title"] == "Report"
    assert document.page_starts == []


@pytest.mark.fast
def test_a_bomb_is_refused_before_it_is_read(refused):
    packed = bomb(64 * 1024**2)
    assert len(packed) < 200_000
    error = refused(packed, "bomb.docx")
    assert error.reason == "PAYLOAD_TOO_LARGE"
    assert refused(REPORT, "report.docx", max_unpacked_bytes=1000).reason == "PAYLOAD_TOO_LARGE"


@pytest.mark.fast
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_file_is_damaged(refused, share):
    assert refused(REPORT[: int(len(REPORT) * share)], "report.docx").reason == "DOCUMENT_UNREADABLE"


@pytest.mark.fast
@pytest.mark.parametrize(
    "body", ["<w:document", "", "<html/>", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"]
)
def test_parts_that_make_no_document_are_damaged(refused, body):
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(REPORT)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name, body if name == "word/document.xml" else source.read(name))
    assert refused(buffer.getvalue(), "report.docx").reason in ("DOCUMENT_UNREADABLE", "DOCUMENT_EMPTY")


@pytest.mark.fast
def test_a_changed_byte_is_noticed(refused):
    changed = bytearray(REPORT)
    with zipfile.ZipFile(io.BytesIO(REPORT)) as archive:
        entry = archive.getinfo("word/document.xml")
    changed[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 0xFF
    assert refused(bytes(changed), "report.docx").reason == "DOCUMENT_UNREADABLE"
