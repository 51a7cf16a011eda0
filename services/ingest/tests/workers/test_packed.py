import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from raia_ingest.workers.read import inspect_file
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader
from .test_workbook import ROWS, xlsx

_CSV = b"id,name\n1,Ann\n2,Bob\n"
_RED = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


def zipped(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def tarred(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "filename", "formats"),
    [
        (gzip.compress(_CSV), "t.csv.gz", ["gzip"]),
        (bz2.compress(_CSV), "t.csv.bz2", ["bzip2"]),
        (lzma.compress(_CSV), "t.csv.xz", ["xz"]),
        (zstd.compress(_CSV), "t.csv.zst", ["zstandard"]),
        (zipped(("a/t.csv", _CSV)), "t.zip", ["zip"]),
        (tarred(("a/t.csv", _CSV)), "t.tar", ["tar"]),
        (gzip.compress(tarred(("t.csv", _CSV))), "t.tgz", ["gzip", "tar"]),
        (zipped(("t.csv.gz", gzip.compress(_CSV))), "t.zip", ["zip", "gzip"]),
    ],
)
def test_the_table_inside_an_archive_is_read(read: Reader, content: bytes, filename: str, formats: list[str]) -> None:
    found = read(content, filename)
    assert (found.rows, found.result["file_type"]) == (_RED, "csv")
    assert [each["format"] for each in found.result["reading"]["archives"]] == formats
    assert "unexpected_ending" not in found.note_kinds


def test_every_format_may_be_packed(read: Reader) -> None:
    assert len(read(zipped(("book.xlsx", xlsx(("one", ROWS)))), "t.zip").rows) == 2
    assert read(gzip.compress(b'[{"a":1}]'), "t.json.gz").rows == [{"a": 1}]


def test_members_are_listed_and_any_table_can_be_asked_for(read: Reader) -> None:
    book = xlsx(("one", [["x"], [1]]), ("two", [["y"], [2]]))
    beside = ("README.md", b"# about\n"), ("__MACOSX/._a.csv", b"x")
    content = zipped(*beside, ("a.csv", _CSV), ("b.xlsx", book), ("c.png", b"\x89PNG\r\n"))
    first = read(content, "t.zip")
    assert first.rows == _RED
    assert "members_ignored" in first.note_kinds
    assert [(part["name"], part["table"]) for part in first.result["parts"]] == [
        ("README.md", False),
        ("a.csv", True),
        ("b.xlsx", True),
        ("c.png", False),
    ]
    found = read(content, "t.zip", part="b.xlsx#two")
    assert found.rows == [{"y": 2}]
    assert [part["name"] for part in found.result["parts"] if part["chosen"]] == ["b.xlsx", "b.xlsx#two"]
    with pytest.raises(RaiaError) as caught:
        read(content, "t.zip", part="c.png")
    assert caught.value.reason == "PART_NOT_FOUND"


def test_names_that_lead_elsewhere_write_nothing_there(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "victim.csv").write_text("untouched")
    for content in (
        zipped(("../victim.csv", _CSV), (f"{tmp_path}/victim.csv", _CSV)),
        tarred(("../victim.csv", _CSV), (f"{tmp_path}/victim.csv", _CSV)),
    ):
        found = read(content, "t.zip")
        assert found.rows == _RED
        assert "unsafe_names" in found.note_kinds
    assert (tmp_path / "victim.csv").read_text() == "untouched"


def test_links_are_not_followed(read: Reader) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        link = tarfile.TarInfo("passwd.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(RaiaError) as caught:
        read(target.getvalue(), "t.tar")
    assert caught.value.reason == "FILE_UNREADABLE"


def test_archives_within_archives_end(read: Reader) -> None:
    content = _CSV
    for _ in range(5):
        content = zipped(("t.zip", content))
    with pytest.raises(RaiaError) as caught:
        read(content, "t.zip")
    assert caught.value.reason == "FILE_UNREADABLE"


@pytest.mark.parametrize("make", [gzip.compress, lzma.compress, zstd.compress, lambda data: zipped(("t.csv", data))])
def test_bombs_are_refused(read: Reader, make: Callable[[bytes], bytes]) -> None:
    bomb = make(b"a,b\n" + b"0,0\n" * (30 * 1024**2))
    with pytest.raises(RaiaError) as caught:
        read(bomb, "t.csv.x")
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"
    with pytest.raises(RaiaError) as caught:
        read(make(b"a,b\n" + b"1,2\n" * 5000), "t.csv.x", Limits(max_unpacked_bytes=10_000))
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"


def test_cut_and_encrypted_archives_say_so(read: Reader) -> None:
    for compress in (gzip.compress, lzma.compress, zstd.compress, bz2.compress):
        whole = compress(_CSV * 50)
        with pytest.raises(RaiaError) as caught:
            read(whole[: len(whole) * 2 // 3], "t.csv.x")
        assert caught.value.reason == "FILE_CORRUPT"
    locked = bytearray(zipped(("t.csv", _CSV)))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(RaiaError) as caught:
        read(bytes(locked), "t.zip")
    assert caught.value.reason == "FILE_ENCRYPTED"
    with pytest.raises(RaiaError) as caught:
        read(zipped(("notes.pdf", b"%PDF-1.7")), "t.zip")
    assert caught.value.reason == "FILE_UNREADABLE"


def test_a_first_look_unpacks_too_and_leaves_nothing(tmp_path: Path) -> None:
    raw, scratch = tmp_path / "raw", tmp_path / "scratch"
    scratch.mkdir()
    raw.write_bytes(zipped(("t.csv", _CSV)))
    assert inspect_file(str(raw), "t.zip", {}, scratch=str(scratch)) == {"file_type": "csv"}
    assert not list(scratch.iterdir())
