"""Whatever a file holds, reading it ends well or with an error that a caller may see."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_kit.errors import RaiaError
from raia_llm.workers.chunks import chunks
from raia_llm.workers.extracted import Limits
from raia_llm.workers.read import extract

from .conftest import ignore
from .papers import encrypted_pdf, pdf, word
from .test_html import PAGE

PDF = pdf([["Rules of the house", "Be quiet."], ["Bins are emptied."]], outline=[("Rules", 0)])
FILES = {
    "a.pdf": PDF,
    "b.pdf": pdf([["Plain page (one)."]]),
    "c.pdf": encrypted_pdf(PDF, ""),
    "a.docx": word(("Heading 1", "Title"), ("Normal", "Words."), table=[["a", "b"]]),
    "a.html": PAGE.encode(),
    "a.md": b"# Title\n\nText with `code`.\n\nMore\n====\n",
    "a.txt": "Grüße. Noch ein Satz.".encode("utf-16"),
}
CHANGES = st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=12), st.integers(0, 40)), min_size=1, max_size=6)


def read(tmp_path: Path, content: bytes, filename: str) -> None:
    path = tmp_path / "raw"
    path.write_bytes(content)
    with contextlib.suppress(RaiaError):
        document = extract(path, filename, Limits(max_unpacked_bytes=10_000_000, max_characters=1_000_000), ignore)
        for chunk in chunks(document):
            assert document.text[chunk.start : chunk.end]
        document.text.encode()
        assert "\0" not in document.text


@pytest.mark.parametrize("filename", FILES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_changed_files(tmp_path, filename, changes):
    content = bytearray(FILES[filename])
    for place, inserted, removed in changes:
        at = int(place * len(content))
        content[at : at + removed] = inserted
    read(tmp_path, bytes(content), filename)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3000), filename=st.sampled_from(["a.txt", "a.md", "a.html", "a", "a.pdf"]))
def test_any_bytes(tmp_path, content, filename):
    read(tmp_path, content, filename)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=2000), filename=st.sampled_from(["a.txt", "a.md", "a.html"]))
def test_any_text(tmp_path, text, filename):
    read(tmp_path, text.encode("utf-8", "surrogatepass"), filename)
