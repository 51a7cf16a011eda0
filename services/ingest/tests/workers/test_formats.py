"""Avro, ORC, Arrow, XML and fixed width."""

import datetime as dt
import io
import textwrap
from decimal import Decimal
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc
import pyarrow.orc
import pytest
from raia_kit.errors import RaiaError

from .conftest import Reader

_TABLE = pa.table(
    {
        "id": [1, 2, 3],
        "name": ["Ann", None, "Cy"],
        "amount": [1.5, 2.5, None],
        "day": [dt.date(2024, 1, 1), None, dt.date(2024, 1, 3)],
    }
)


def orc() -> bytes:
    target = io.BytesIO()
    pyarrow.orc.write_table(_TABLE, target)
    return target.getvalue()


def arrow_file() -> bytes:
    target = io.BytesIO()
    feather.write_feather(_TABLE, target)
    return target.getvalue()


def arrow_stream() -> bytes:
    target = io.BytesIO()
    with pyarrow.ipc.new_stream(target, _TABLE.schema) as writer:
        writer.write_table(_TABLE)
    return target.getvalue()


AVRO_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "claim",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "amount", "type": ["null", "double"]},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["A", "B"]}},
        {"name": "raw", "type": "bytes"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}


def avro(codec: str = "null", records: int = 3) -> bytes:
    target = io.BytesIO()
    rows = [
        {
            "id": n + 1,
            "name": None if n == 1 else f"name {n}",
            "amount": n / 2,
            "day": dt.date(2024, 1, 1),
            "at": dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC),
            "price": Decimal("12.50"),
            "kind": "A",
            "raw": b"\x01\xff",
            "tags": ["x", "y"],
        }
        for n in range(records)
    ]
    fastavro.writer(target, AVRO_SCHEMA, rows, codec=codec)
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "kind"), [(orc, "orc"), (arrow_file, "arrow"), (arrow_stream, "arrow")], ids=["orc", "file", "stream"]
)
def test_columnar_files_keep_their_types(read: Reader, make: Any, kind: str) -> None:
    found = read(make(), "t.bin")
    assert found.result["file_type"] == kind
    assert found.types == {"id": "integer", "name": "string", "amount": "float", "day": "date"}
    assert found.rows == _TABLE.to_pylist()


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "zstandard", "bzip2", "xz"])
def test_avro_records_are_rows(read: Reader, codec: str) -> None:
    found = read(avro(codec, 12_000), "t.avro")
    assert found.result["file_type"] == "avro"
    assert found.result["row_count"] == 12_000
    assert found.rows[1] == {
        "id": 2,
        "name": None,
        "amount": 0.5,
        "day": dt.date(2024, 1, 1),
        "at": dt.datetime(2024, 1, 2, 3, tzinfo=dt.UTC),
        "price": 12.5,
        "kind": "A",
        "raw": "01ff",
        "tags": '["x","y"]',
    }


_XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<export date="2024-01-01">
  <header><source>x</source></header>
  <policies>
    <policy id="1"><holder><name>Ann</name><city>Ors\u00e9</city></holder>
      <premium currency="EUR">12.50</premium></policy>
    <policy id="2"><holder><name>Bob</name></holder><premium currency="EUR">3</premium>
      <risk>fire</risk><risk>water</risk></policy>
  </policies>
</export>"""


def test_repeated_elements_are_rows(read: Reader) -> None:
    found = read(_XML.encode("latin-1"), "t.xml")
    assert found.result["file_type"] == "xml"
    assert found.rows == [
        {
            "id": 1,
            "holder.name": "Ann",
            "holder.city": "Orsé",
            "premium": 12.5,
            "premium.currency": "EUR",
            "risk": None,
        },
        {
            "id": 2,
            "holder.name": "Bob",
            "holder.city": None,
            "premium": 3.0,
            "premium.currency": "EUR",
            "risk": '["fire","water"]',
        },
    ]
    assert found.result["reading"]["path"] == "export/policies/policy"


def test_fields_named_by_attributes_are_columns(read: Reader) -> None:
    rows = "".join(f'<row><field name="a">{n}</field><field name="b">x{n}</field></row>' for n in range(3))
    assert read(f"<table>{rows}</table>", "t.xml").rows == [{"a": n, "b": f"x{n}"} for n in range(3)]


def test_another_element_can_be_asked_for(read: Reader) -> None:
    text = "<all><a><x>1</x></a><a><x>2</x></a><b><y>3</y></b><b><y>4</y></b><b><y>5</y></b></all>"
    found = read(text, "t.xml")
    assert found.column("y") == [3, 4, 5]
    assert {part["name"]: part["chosen"] for part in found.result["parts"]} == {"all/a": False, "all/b": True}
    assert read(text, "t.xml", part="all/a").column("x") == [1, 2]


def test_entities_are_refused_and_nothing_is_fetched(read: Reader) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x><r><v>&b;</v></r><r><v>1</v></r></x>'
    outside = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x><r><v>&a;</v></r><r><v>1</v></r></x>'
    for text in (bomb, outside):
        with pytest.raises(RaiaError) as caught:
            read('<?xml version="1.0"?>' + text, "t.xml")
        assert caught.value.reason == "FILE_UNREADABLE"


@pytest.mark.parametrize("text", ["<?xml version='1.0'?>" + rest for rest in ("<a><b>", "<a><b></a>", "")])
def test_xml_that_is_cut_or_broken_is_damaged(read: Reader, text: str) -> None:
    with pytest.raises(RaiaError) as caught:
        read(text, "t.xml")
    assert caught.value.reason in ("FILE_CORRUPT", "FILE_UNREADABLE")


_LAYOUT = [
    {"name": "policy", "start": 1, "width": 6},
    {"name": "holder", "start": 7, "width": 8},
    {"name": "premium", "start": 15, "width": 7},
    {"name": "from", "start": 22, "width": 10},
]
_FIXED = textwrap.dedent("""\
    EXPORT 7
    P00001Ann Lee   12.502024-01-01
    P00002Müller     3.002024-02-01
    P00003Cy         4.00
    P00004Dee        5.002024-03-01 and more
    """)


@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_fixed_width_lines_are_cut_by_the_layout(read: Reader, codec: str) -> None:
    found = read(_FIXED.encode(codec), "t.txt", layout=_LAYOUT, skip=1)
    assert found.result["file_type"] == "fixed_width"
    assert found.rows[:2] == [
        {"policy": "P00001", "holder": "Ann Lee", "premium": 12.5, "from": dt.date(2024, 1, 1)},
        {"policy": "P00002", "holder": "Müller", "premium": 3.0, "from": dt.date(2024, 2, 1)},
    ]
    assert [(entry["record"], entry["outcome"], entry["reason"]) for entry in found.entries] == [
        (3, "repaired", "padded"),
        (4, "rejected", "too_long"),
    ]


def test_a_layout_that_overlaps_is_refused(read: Reader) -> None:
    with pytest.raises(RaiaError) as caught:
        read(_FIXED, "t.txt", layout=[*_LAYOUT, {"name": "x", "start": 3, "width": 2}])
    assert caught.value.reason == "LAYOUT_INVALID"
