"""The compute function that renders a governance record as PDF: typst, with the fonts that it carries, offline."""

import shutil
import tempfile
from pathlib import Path

import orjson
import typst

from raia_workspace.workers.view import created, view

_TEMPLATE = Path(__file__).with_name("record.typ")


def render(document: bytes) -> bytes:
    """The PDF of a record given as JSON; the same record gives the same bytes."""
    record = orjson.loads(document)
    with tempfile.TemporaryDirectory(prefix="raia-workspace-") as folder:
        place = Path(folder)
        shutil.copyfile(_TEMPLATE, place / _TEMPLATE.name)
        (place / "view.json").write_bytes(orjson.dumps(view(record)))
        compiler = typst.Compiler(place / _TEMPLATE.name, root=place, ignore_system_fonts=True)
        pdf = compiler.compile(format="pdf", timestamp=created(record))
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no document")
    return pdf
