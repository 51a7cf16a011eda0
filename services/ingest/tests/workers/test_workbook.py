import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import xlwt
from raia_ingest.workers.source import Limits
from raia_kit.errors import RaiaError

from .conftest import Reader

ROWS: list[list[Any]] = [
    ["id", "name", "when", "ok"],
    [1, "Ann", dt.datetime(2024, 1, 2, 3, 4), True],
    [2, "", None, False],
]


def xlsx(*sheets: tuple[str, list[list[Any]]], **options: Any) -> bytes:
    """A workbook of sheets."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm", **options}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for position, cell in enumerate(row):
                    if cell is not None:
                        sheet.write(number, position, cell)
    return target.getvalue()


def xls(rows: list[list[Any]]) -> bytes:
    """A workbook of Excel 97."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("one")
    date = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm")
    for number, row in enumerate(rows):
        for position, cell in enumerate(row):
            if isinstance(cell, dt.datetime):
                sheet.write(number, position, cell, date)
            elif cell is not None:
                sheet.write(number, position, cell)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 office:version="1.2"><office:body><office:spreadsheet><table:table table:name="one">
<table:table-row><table:table-cell office:value-type="string"><text:p>id</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>name</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>Ann</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


def ods() -> bytes:
    """A minimal OpenDocument spreadsheet."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS_CONTENT.replace("\n<", "<"))
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?>'
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return target.getvalue()


@pytest.mark.parametrize("make", [lambda: xlsx(("one", ROWS)), lambda: xls(ROWS)], ids=["xlsx", "xls"])
def test_cells_keep_their_types(read: Reader, make: Any) -> None:
    found = read(make(), "book.xlsx")
    assert found.result["file_type"] == "excel"
    assert found.types == {"id": "integer", "name": "string", "when": "datetime", "ok": "boolean"}
    assert found.rows == [
        {"id": 1, "name": "Ann", "when": dt.datetime(2024, 1, 2, 3, 4), "ok": True},
        {"id": 2, "name": None, "when": None, "ok": False},
    ]


def test_open_document_spreadsheets_are_read(read: Reader) -> None:
    assert read(ods(), "book.ods").rows == [{"id": 1, "name": "Ann"}]


def test_the_first_sheet_with_cells_is_read_and_the_others_named(read: Reader) -> None:
    found = read(xlsx(("empty", []), ("data", [["a"], [1]]), ("more", [["b"], [2]])), "book.xlsx")
    assert found.rows == [{"a": 1}]
    assert found.result["reading"]["sheet"] == "data"
    assert "sheets_ignored" in found.note_kinds


def test_a_table_need_not_begin_in_the_corner(read: Reader) -> None:
    rows: list[list[Any]] = [[], [None, None, "id", "name"], [None, None, 1, "Ann"], [None, None, 2, "Bob"]]
    assert read(xlsx(("one", rows)), "book.xlsx").rows == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


def test_a_title_and_empty_rows_are_counted(read: Reader) -> None:
    rows: list[list[Any]] = [["Claims of 2024"], [], ["id", "name", "x"], [1, "a", 2], [], [2, "b", 3]]
    found = read(xlsx(("one", rows)), "book.xlsx")
    assert [row["id"] for row in found.rows] == [1, 2]
    assert found.result["ledger"]["rejections"] == [{"record": 2, "reason": "is empty"}]
    assert "preamble" in found.note_kinds


def test_formulas_give_their_stored_values_and_errors_are_missing(read: Reader) -> None:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_row(1, 0, [1, 0])
        sheet.write_formula(2, 0, "=1+1", value=2)
        sheet.write_formula(2, 1, "=1/0", value="#DIV/0!")
    found = read(target.getvalue(), "book.xlsx")
    assert found.rows == [{"a": 1, "b": 0}, {"a": 2, "b": None}]


def test_text_that_looks_like_a_number_stays_text(read: Reader) -> None:
    rows: list[list[Any]] = [["zip", "n"], ["00123", 1.5], ["04567", 2]]
    found = read(xlsx(("one", rows)), "book.xlsx")
    assert (found.types, found.column("zip")) == ({"zip": "string", "n": "float"}, ["00123", "04567"])


def _with_part(book: bytes, name: str, content: bytes) -> bytes:
    target = io.BytesIO(book)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("part", "note"),
    [
        ("xl/vbaProject.bin", "macros_ignored"),
        ("xl/externalLinks/externalLink1.xml", "external_links_ignored"),
        ("xl/connections.xml", "external_links_ignored"),
        ("xl/embeddings/oleObject1.bin", "embedded_files_ignored"),
    ],
)
def test_active_parts_are_left_alone_and_noted(read: Reader, part: str, note: str) -> None:
    found = read(_with_part(xlsx(("one", ROWS)), part, b"<x/>"), "book.xlsm")
    assert note in found.note_kinds
    assert len(found.rows) == 2


def test_a_bomb_is_refused_before_it_is_unpacked(read: Reader) -> None:
    bomb = _with_part(xlsx(("one", ROWS)), "xl/media/big.bin", bytes(200 * 1024**2))
    assert len(bomb) < 400_000
    with pytest.raises(RaiaError) as caught:
        read(bomb, "book.xlsx")
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"


def test_a_bomb_that_lies_about_its_size_is_refused(read: Reader) -> None:
    bomb = bytearray(_with_part(xlsx(("one", ROWS)), "xl/media/big.bin", bytes(200 * 1024**2)))
    real = (200 * 1024**2).to_bytes(4, "little")
    while (at := bomb.find(real)) >= 0:
        bomb[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(RaiaError) as caught:
        read(bytes(bomb), "book.xlsx")
    assert caught.value.reason == "FILE_CORRUPT"


def test_more_than_the_limit_unpacked_is_refused(read: Reader) -> None:
    with pytest.raises(RaiaError) as caught:
        read(xlsx(("one", ROWS * 500)), "book.xlsx", Limits(max_unpacked_bytes=10_000))
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"


def test_an_encrypted_workbook_says_so(read: Reader, tmp_path: Path) -> None:
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    with pytest.raises(RaiaError) as caught:
        read(container, "book.xlsx")
    assert caught.value.reason == "FILE_ENCRYPTED"


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_a_workbook_cut_short_is_damaged(read: Reader, keep: float) -> None:
    whole = xlsx(("one", ROWS))
    with pytest.raises(RaiaError) as caught:
        read(whole[: int(len(whole) * keep)], "book.xlsx")
    assert caught.value.reason == "FILE_CORRUPT"


def test_flipped_bytes_never_crash_and_never_pass_as_something_else(read: Reader) -> None:
    whole = xlsx(("one", ROWS * 20))
    for at in range(100, len(whole), 397):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        try:
            found = read(bytes(broken), "book.xlsx")
        except RaiaError as error:
            assert error.reason in ("FILE_CORRUPT", "FILE_UNREADABLE", "FILE_EMPTY")
        else:
            assert found.types == read(whole, "book.xlsx").types


def test_other_archives_and_documents_are_refused_by_name(read: Reader) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    for content, words in [
        (target.getvalue(), "a Word document"),
        (b"%PDF-1.7\n" + bytes(100), "a PDF document"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a 7z archive"),
        (b"\x7fELF" + bytes(100), "a program"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an older Office"),
        (bytes(range(256)) * 40, "binary data"),
    ]:
        with pytest.raises(RaiaError, match=words) as caught:
            read(content, "table.csv")
        assert caught.value.reason == "FILE_UNREADABLE"


def test_a_workbook_without_cells_is_empty(read: Reader) -> None:
    with pytest.raises(RaiaError) as caught:
        read(xlsx(("one", [])), "book.xlsx")
    assert caught.value.reason == "FILE_EMPTY"


def test_rows_without_a_header_get_names(read: Reader) -> None:
    found = read(xlsx(("one", [[1, "x"], [2, "y"]])), "book.xlsx")
    assert found.table.schema.names == ["column_1", "column_2"]
    assert "no_header" in found.note_kinds


def test_a_cell_far_out_does_not_eat_the_memory(read: Reader) -> None:
    """A sheet of two cells whose corners span the largest sheet there is."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, "z")
    with pytest.raises(RaiaError, match="row 1,048,576 and column 16,384") as caught:
        read(target.getvalue(), "book.xlsx")
    assert caught.value.reason == "PAYLOAD_TOO_LARGE"


def _merged(*merges: tuple[str, object], rows: list[list[Any]], at: int = 0) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet("one")
        for number, row in enumerate(rows, at):
            for position, cell in enumerate(row):
                if cell is not None:
                    sheet.write(number, position, cell)
        for where, value in merges:
            sheet.merge_range(where, value)
    return target.getvalue()


def test_cells_below_a_merged_one_get_its_value_and_are_told(read: Reader) -> None:
    rows: list[list[Any]] = [["region", "shop", "sales"], [None, "a", 1], [None, "b", 2], ["south", "c", 3]]
    found = read(_merged(("A2:A3", "north"), rows=rows), "book.xlsx")
    assert found.column("region") == ["north", "north", "south"]
    assert [(entry["record"], entry["reason"], entry["column"]) for entry in found.entries] == [
        (2, "merged_cells", "region")
    ]


def test_a_header_of_two_rows_names_columns_by_both(read: Reader) -> None:
    rows: list[list[Any]] = [
        [],
        [],
        [None, None, "units", "value", "units", "value"],
        ["a", 1, 2, 3.5, 4, 5.5],
        ["b", 2, 3, 4.5, 5, 6.5],
    ]
    merges = [("A1:F1", "Sales of 2024"), ("A2:A3", "shop"), ("B2:B3", "id"), ("C2:D2", "Q1"), ("E2:F2", "Q2")]
    found = read(_merged(*merges, rows=rows), "book.xlsx")
    assert found.table.schema.names == ["shop", "id", "Q1 units", "Q1 value", "Q2 units", "Q2 value"]
    assert found.rows[0] == {
        "shop": "a", "id": 1, "Q1 units": 2, "Q1 value": 3.5, "Q2 units": 4, "Q2 value": 5.5
    }  # fmt: skip
    assert "header_of_two_rows" in found.note_kinds


def test_titles_between_the_rows_are_no_records(read: Reader) -> None:
    rows: list[list[Any]] = [["shop", "sales", "n"], ["a", 1, 1], [], ["b", 2, 2]]
    found = read(_merged(("A3:C3", "Region South"), rows=rows), "book.xlsx")
    assert found.column("shop") == ["a", "b"]
    assert [(entry["record"], entry["reason"], entry["content"]) for entry in found.entries] == [
        (2, "title_row", "Region South")
    ]


def test_any_sheet_can_be_asked_for_and_all_are_listed(read: Reader) -> None:
    book = xlsx(("empty", []), ("data", [["a"], [1]]), ("more", [["b"], [2], [3]]))
    found = read(book, "book.xlsx", part="more")
    assert found.rows == [{"b": 2}, {"b": 3}]
    assert [(part["name"], part["table"], part["chosen"]) for part in found.result["parts"]] == [
        ("empty", False, False),
        ("data", True, False),
        ("more", True, True),
    ]
    with pytest.raises(RaiaError) as caught:
        read(book, "book.xlsx", part="missing")
    assert caught.value.reason == "PART_NOT_FOUND"


def test_error_cells_are_told_with_their_place(read: Reader) -> None:
    found = read(xlsx(("one", [["a", "b"], [1, 2], [2, "#N/A"]])), "book.xlsx")
    assert [(entry["record"], entry["column"], entry["content"]) for entry in found.entries] == [(2, "b", "#N/A")]
    assert found.result["ledger"]["repaired"] == 1
