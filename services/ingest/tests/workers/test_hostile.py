"""Files that mean no good, or nothing at all: a clear refusal or a table, never anything else."""

import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader
from .test_workbook import ROWS, ods, xls, xlsx

REASONS = {"FILE_EMPTY", "FILE_UNREADABLE", "FILE_CORRUPT", "FILE_ENCRYPTED", "PAYLOAD_TOO_LARGE", "TOO_MANY_COLUMNS"}
_FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


def survives(read: Reader, content: bytes, filename: str) -> bool:
    """Reads the file, or sees it refused with a reason of its own; says which."""
    try:
        read(content, filename)
    except RaiaError as error:
        assert error.reason in REASONS
        assert len(error.message) < 600
        return False
    return True


@given(st.binary(max_size=400))
@example(b"\x00")
@example(b'"')
@example(b'"\n"\n"')
@example(b"\r")
@example(b",")
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"PAR1PAR1")
@example(b"{")
@example(b"[]")
@_FUZZ
def test_any_bytes(read: Reader, content: bytes) -> None:
    for filename in ("a.csv", "a.jsonl"):
        survives(read, content, filename)


@given(st.text(st.sampled_from("ab1,;\t|\"'\\ \n\r-.:€\x00\ufeff{}"), max_size=200))
@_FUZZ
def test_any_text(read: Reader, content: str) -> None:
    survives(read, content.encode(), "a.csv")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.dictionaries(st.text(max_size=4), _VALUES, min_size=1, max_size=4), min_size=1, max_size=8))
@_FUZZ
def test_any_json_objects(read: Reader, objects: list[dict[str, object]]) -> None:
    content = "\n".join(json.dumps(each) for each in objects).encode()
    assert survives(read, content, "a.jsonl")


def _parquet() -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(500)), "b": [f"text {n}" for n in range(500)]}), target)
    return target.getvalue()


_MAKERS: dict[str, Callable[[], bytes]] = {
    "a.xlsx": lambda: xlsx(("one", ROWS * 30)),
    "a.xls": lambda: xls(ROWS),
    "a.ods": ods,
    "a.parquet": _parquet,
}


@pytest.mark.parametrize("filename", sorted(_MAKERS))
def test_files_cut_short_anywhere(read: Reader, filename: str) -> None:
    whole = _MAKERS[filename]()
    for part in range(1, 40):
        # The last sectors of an OLE container may be padding.
        survived = survives(read, whole[: len(whole) * part // 40], filename)
        assert not survived or filename == "a.xls"


@pytest.mark.parametrize("filename", sorted(_MAKERS))
def test_files_with_bytes_changed_anywhere(read: Reader, filename: str) -> None:
    whole = _MAKERS[filename]()
    for at in range(0, len(whole), max(1, len(whole) // 120)):
        broken = bytearray(whole)
        broken[at] ^= 0x5A
        survives(read, bytes(broken), filename)


def test_a_million_columns_are_counted_and_refused(read: Reader) -> None:
    with pytest.raises(RaiaError) as caught:
        read(b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n" + b",".join([b"1"] * 1_000_000) + b"\n")
    assert (caught.value.reason, caught.value.metadata) == (
        "TOO_MANY_COLUMNS",
        {"limit": "10000", "found": "1000000"},
    )


def test_as_many_columns_as_allowed_are_read(read: Reader) -> None:
    names = ",".join(f"c{n}" for n in range(2_000))
    found = read(names + "\n" + (",".join(["1"] * 2_000) + "\n") * 50, limits=Limits(max_columns=2_000))
    assert (found.table.num_columns, found.table.num_rows) == (2_000, 50)


def test_a_column_of_nothing_and_infinities_beside_numbers(read: Reader) -> None:
    found = read("a,b,c\n,1,inf\n,2,-inf\n,3,1.5\n")
    assert found.types == {"a": "null", "b": "integer", "c": "float"}
    assert "all_missing" in found.note_kinds
    assert found.column("c") == [float("inf"), float("-inf"), 1.5]
