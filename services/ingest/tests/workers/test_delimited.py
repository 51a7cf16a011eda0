import csv
import datetime as dt
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from raia_ingest.workers import delimited
from raia_kit.errors import RaiaError

from .conftest import Reader

_SPECTRUM = Path(__file__).parent / "data" / "csv-spectrum"
_MEANING: dict[str, list[dict[str, object]]] = {
    "comma_in_quotes": [
        {"first": "John", "last": "Doe", "address": "120 any st.", "city": "Anytown, WW", "zip": "08123"}
    ],
    "empty": [{"a": 1, "b": None, "c": None}, {"a": 2, "b": 3, "c": 4}],
    "empty_crlf": [{"a": 1, "b": None, "c": None}, {"a": 2, "b": 3, "c": 4}],
    "escaped_quotes": [{"a": 1, "b": 'ha "ha" ha'}, {"a": 3, "b": "4"}],
    "json": [{"key": 1, "val": '{"type": "Point", "coordinates": [102.0, 0.5]}'}],
    "location_coordinates": [
        {
            "Contact Phone Number": 2095257564,
            "Location Coordinates": "37\ufffd36'37.8\"N 121\ufffd2'17.9\"W",
            "Cities": "Modesto",
            "Counties": "Stanislaus",
        }
    ],
    "newlines": [{"a": "1", "b": 2, "c": 3}, {"a": "Once upon \na time", "b": 5, "c": 6}, {"a": "7", "b": 8, "c": 9}],
    "newlines_crlf": [
        {"a": "1", "b": 2, "c": 3},
        {"a": "Once upon \r\na time", "b": 5, "c": 6},
        {"a": "7", "b": 8, "c": 9},
    ],
    "quotes_and_newlines": [{"a": 1, "b": 'ha \n"ha" \nha'}, {"a": 3, "b": "4"}],
    "simple": [{"a": 1, "b": 2, "c": 3}],
    "simple_crlf": [{"a": 1, "b": 2, "c": 3}],
    "utf8": [{"a": 1, "b": 2, "c": "3"}, {"a": 4, "b": 5, "c": "ʤ"}],
}


@pytest.mark.parametrize("name", sorted(_MEANING))
def test_the_csv_spectrum_means_what_its_authors_say(read: Reader, name: str) -> None:
    assert read(_SPECTRUM / f"{name}.csv").rows == _MEANING[name]


def test_every_file_of_the_csv_spectrum_is_tested() -> None:
    assert {path.stem for path in _SPECTRUM.glob("*.csv")} == set(_MEANING)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01", "\x1f"])
def test_the_delimiter_is_found(read: Reader, delimiter: str) -> None:
    lines = ["name;city;age", "Ann;Oslo, Norway;31", "Bob;Bonn;42", "Cy;Rome;7"]
    found = read("\n".join(lines).replace(", Norway", "").replace(";", delimiter))
    assert found.result["reading"]["delimiter"] == delimiter
    assert found.rows[0] == {"name": "Ann", "city": "Oslo", "age": 31}
    assert found.result["file_type"] == ("tsv" if delimiter == "\t" else "csv")


def test_semicolons_win_over_decimal_commas(read: Reader) -> None:
    found = read("a;b\n3,14;2,71\n1,41;1,73\n")
    assert found.rows == [{"a": 3.14, "b": 2.71}, {"a": 1.41, "b": 1.73}]
    assert "decimal_comma" in found.note_kinds


def test_single_quotes_and_backslashes_are_found(read: Reader) -> None:
    assert read("a,b\n1,'x, y'\n2,'z'\n").column("b") == ["x, y", "z"]
    assert read('a,b\n1,"say \\"hi\\", twice"\n2,"z"\n').column("b") == ['say "hi", twice', "z"]


def test_apostrophes_in_words_are_no_quotes(read: Reader) -> None:
    assert read("name,city\nO'Neil,L'Aquila\nD'Arcy,'s-Hertogenbosch\n").column("city") == [
        "L'Aquila",
        "'s-Hertogenbosch",
    ]


def test_one_column_of_text_is_one_column(read: Reader) -> None:
    assert read("name\nAnn\nBob\nCy\n").rows == [{"name": "Ann"}, {"name": "Bob"}, {"name": "Cy"}]
    assert read("comment\nthis is fine\nso is this one\nand that\n").table.num_columns == 1


def test_blank_lines_count_in_one_column_and_not_in_several(read: Reader) -> None:
    assert read("n\n1\n\n2\n\n\n").column("n") == [1, None, 2]
    assert read("n,m\n1,2\n\n3,4\n\n").rows == [{"n": 1, "m": 2}, {"n": 3, "m": 4}]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("age,name\n1,x\n2,y\n", ["age", "name"]),
        ("1,x\n2,y\n", ["column_1", "column_2"]),
        ("name,2019,2020\nx,5,6\ny,7,8\n", ["name", "2019", "2020"]),
        ("name,city\nAnn,Oslo\nBob,Bonn\n", ["name", "city"]),
        ("a,a,,b\n1,2,3,4\n", ["a", "a_2", "column_3", "b"]),
        (" a ,b\n1,2\n", ["a", "b"]),
        ("a,A\n1,2\n", ["a", "A"]),
        ("x,y\nx,y\nx,y\n", ["column_1", "column_2"]),
        ("model,mpg\nMazda,21.0,x\nFiat,32.4,y\nVolvo,20,z\n", ["column_1", "model", "mpg"]),
        ("a,b,\n1,2,\n3,4,\n", ["a", "b", "column_3"]),
    ],
)
def test_the_header_is_found_and_made_unique(read: Reader, content: str, names: list[str]) -> None:
    assert read(content).table.schema.names == names


def test_changed_headers_keep_their_original_and_are_noted(read: Reader) -> None:
    found = read(" a ,a,\n1,2,3\n")
    assert [column["original_name"] for column in found.result["columns"]] == [" a ", "a", ""]
    assert [note["column"] for note in found.result["notes"] if note["kind"] == "renamed_header"] == ["a_2", "column_3"]


def test_a_title_before_the_header_is_left_out_and_noted(read: Reader) -> None:
    found = read("Report of claims\n\nid,name,amount\n1,x,2.5\n2,y,3.5\n3,z,4.5\n")
    assert found.table.schema.names == ["id", "name", "amount"]
    assert "preamble" in found.note_kinds
    assert found.result["ledger"]["records_read"] == 3


def test_a_header_without_rows_is_a_table_without_rows(read: Reader) -> None:
    found = read("a,b,c")
    assert (found.table.schema.names, found.rows) == (["a", "b", "c"], [])


def test_ragged_records_are_counted_with_their_place(read: Reader) -> None:
    found = read("a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert found.rows == [{"a": 1, "b": 2}, {"a": 7, "b": 8}]
    assert found.result["ledger"] == {
        "records_read": 4,
        "stored": 2,
        "repaired": 0,
        "rejected": 2,
        "reasons": [{"outcome": "rejected", "reason": "ragged", "entries": 2}],
        "rejections": [
            {"record": 2, "reason": "has 1 cells instead of 2, and where they belong is ambiguous"},
            {"record": 3, "reason": "has 3 cells instead of 2"},
        ],
    }
    assert [entry["content"] for entry in found.entries] == ["3", "4,5,6"]
    assert "ragged_rows" in found.note_kinds


_SALES = "id,name,day,amount\n1,Ann,2024-01-01,2.5\n2,Bob,2024-01-02,3.5\n3,Cy,2024-01-03,4\n"


@pytest.mark.parametrize(
    ("record", "row", "reason"),
    [
        ("4,Smith, John,2024-01-04,5", [4, "Smith, John", dt.date(2024, 1, 4), 5.0], "merged_cells"),
        ("4,a,b,c,2024-01-04,5", [4, "a,b,c", dt.date(2024, 1, 4), 5.0], "merged_cells"),
        ("4,2024-01-04,5", None, "ragged"),
        ("4,Dee,2024-01-04", [4, "Dee", dt.date(2024, 1, 4), None], "padded"),
        ("4,Dee,5.5", [4, "Dee", None, 5.5], "padded"),
        ("4", None, "ragged"),
        ("4,Dee,2024-01-04,5,,", [4, "Dee", dt.date(2024, 1, 4), 5.0], "trailing_delimiters"),
        ("4,Dee,2024-01-04,5,x", None, "ragged"),
        ("Dee,x,y", None, "ragged"),
    ],
)
def test_a_ragged_record_is_repaired_where_there_is_one_way_to(
    read: Reader, record: str, row: list[object] | None, reason: str
) -> None:
    found = read(_SALES + record + "\n5,Eve,2024-01-05,6\n")
    entry = found.entries[0]
    assert (entry["record"], entry["reason"], entry["content"]) == (4, reason, record)
    assert entry["outcome"] == ("rejected" if row is None else "repaired")
    values = [list(each.values()) for each in found.rows]
    assert values[-1] == [5, "Eve", dt.date(2024, 1, 5), 6.0]
    assert values[3:-1] == ([] if row is None else [row])


def test_repaired_records_stay_in_their_place_among_many(read: Reader) -> None:
    lines = [f"{n},name {n},2024-01-01,{n}.5" if n % 1000 else f"{n},name, {n},2024-01-01,{n}.5" for n in range(60_000)]
    found = read("id,name,day,amount\n" + "\n".join(lines))
    assert found.column("id") == list(range(60_000))
    assert found.column("name")[5000] == "name, 5000"
    assert found.result["ledger"]["repaired"] == 60


def test_nul_characters_are_left_out_and_told(read: Reader) -> None:
    found = read(b"a,b\n1,x\0y\n2,\0\n3,z\n")
    assert found.column("b") == ["xy", None, "z"]
    assert [(entry["record"], entry["column"], entry["reason"]) for entry in found.entries] == [
        (1, "b", "stray_nul"),
        (2, "b", "stray_nul"),
    ]


def test_a_file_of_two_encodings_says_which_records(read: Reader) -> None:
    found = read(b"name,n\n" + "Müller,1\n".encode() * 40 + "Köhler,2\n".encode("cp1252"))
    assert found.column("name")[-1] == "K\ufffdhler"
    assert "mixed_encodings" in found.note_kinds
    assert [(entry["record"], entry["reason"]) for entry in found.entries] == [(41, "invalid_characters")]


@pytest.mark.parametrize(
    ("cells", "kind", "note"),
    [
        (["03/04/2024", "05/06/2024"], "string", "ambiguous_date"),
        (["03/04/2024", "25/06/2024"], "date", "date_order"),
        (["03/04/2024", "6/25/2024"], "date", "date_order"),
        (["13/04/2024", "6/25/2024"], "string", ""),
        (["3.4.2024", "05.06.2024"], "date", "date_order"),
        (["3/25/2024 8:30", "05/06/2024 18:05:10"], "datetime", "date_order"),
        (["31/02/2024", "01/03/2024"], "string", ""),
        (["1,234", "2,345"], "string", "ambiguous_number"),
        (["=1+1", "=HYPERLINK(A1)"], "string", "formula_cells"),
    ],
)
def test_what_may_mean_two_things_is_told_and_not_guessed(read: Reader, cells: list[str], kind: str, note: str) -> None:
    found = read("n;v\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells)))
    assert found.types["v"] == kind
    assert (note in found.note_kinds) if note else not {"ambiguous_date", "date_order"} & found.note_kinds
    if kind == "date":
        assert found.column("v")[0] == (dt.date(2024, 3, 4) if "25" in cells[1][2:4] else dt.date(2024, 4, 3))


def test_the_dataset_tells_the_first_thousand_places_and_the_ledger_all(read: Reader) -> None:
    found = read("a,b\n" + "1,2\n" * 4000 + "1\n" * 1500)
    ledger = found.result["ledger"]
    assert (ledger["stored"], ledger["rejected"], len(ledger["rejections"])) == (4000, 1500, 1000)
    assert len(found.entries) == 1500


@pytest.mark.parametrize("late", ["x", "1.5", "", "00123"])
def test_a_value_far_down_decides_the_type(read: Reader, late: str) -> None:
    found = read("n,m\n" + "1,2\n" * 60_000 + f"{late},2\n")
    expected = {"x": "string", "1.5": "float", "": "integer", "00123": "string"}[late]
    assert found.types == {"n": expected, "m": "integer"}
    values = found.column("n")
    assert (values[0], values[-1]) == {
        "x": ("1", "x"),
        "1.5": (1.0, 1.5),
        "": (1, None),
        "00123": ("1", "00123"),
    }[late]


def test_a_column_that_is_empty_for_long_gets_its_type(read: Reader) -> None:
    found = read("n,m\n" + ",2\n" * 60_000 + "2024-01-01,2\n")
    assert found.types["n"] == "date"


def test_a_cell_longer_than_a_block_is_read(read: Reader) -> None:
    long = "x" * (3 * 1024**2)
    assert read(f'a,b\n1,"{long}\n{long}"\n2,z\n').column("b") == [f"{long}\n{long}", "z"]


@pytest.mark.parametrize("content", ['a,b\n1,2\n3,"open\n4,5\n6,7\n', 'a,b\n1,2\n3,"', 'a,b\n1,"x""\n2,3\n'])
def test_an_open_quotation_mark_is_an_error_and_swallows_nothing(read: Reader, content: str) -> None:
    with pytest.raises(RaiaError) as caught:
        read(content)
    assert caught.value.reason == "FILE_CORRUPT"


def test_carriage_returns_alone_end_lines(read: Reader) -> None:
    assert read("a,b\r1,2\r3,4\r").rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_a_byte_order_mark_is_not_part_of_the_first_name(read: Reader) -> None:
    for codec in ("utf-8-sig", "utf-16", "utf-32"):
        assert read("a,b\n1,é\n".encode(codec)).rows == [{"a": 1, "b": "é"}]


@pytest.mark.parametrize(("codec", "late"), [("cp1252", "Müller"), ("utf-8", "Müller")])
def test_the_encoding_is_decided_by_the_whole_file(read: Reader, codec: str, late: str) -> None:
    found = read(b"name,n\n" + b"plain,1\n" * 800_000 + f"{late},2\n".encode(codec))
    assert found.column("name")[-1] == late
    assert found.result["reading"]["encoding"] == codec


def test_a_few_broken_bytes_far_down_are_replaced_and_counted(read: Reader) -> None:
    found = read("né,n\n".encode() + "é,1\n".encode() * 1_200_000 + b"\xff,2\n")
    assert found.column("né")[-1] == "\ufffd"
    assert "invalid_characters" in found.note_kinds


def test_the_ending_of_the_name_is_a_hint_and_no_more(read: Reader) -> None:
    found = read("a,b\n1,2\n", "table.xlsx")
    assert found.result["file_type"] == "csv"
    assert "unexpected_ending" in found.note_kinds


_CELL = st.text(st.sampled_from("ab1 ,;\"'\n\r\té€"), max_size=6)


@given(
    records=st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=2, max_size=30),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_cells_written_by_the_book_are_read_back(read: Reader, records: list[list[str]], line_end: str) -> None:
    """Anything that RFC 4180 can say comes back, by the reading of Python's own csv module."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second", "third"])
    writer.writerows(records)
    assume(any(any(cell.strip("\r\n \t") for cell in record) for record in records))
    found = read(text.getvalue())
    assert found.result["reading"]["delimiter"] == ","
    raw = [["" if cell is None else _as_text(cell) for cell in row.values()] for row in found.rows]
    if all(kind == "string" for kind in found.types.values()):
        assert raw == records
    assert len(raw) == len(records)


def _as_text(cell: object) -> str:
    return str(cell)


def test_the_blocks_of_a_pass_are_small(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 64)
    found = read("a,b\n" + "".join(f"{n},{n}\n" for n in range(1000)))
    assert found.column("a") == list(range(1000))
