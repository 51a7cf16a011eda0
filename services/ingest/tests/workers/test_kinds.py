import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.workers.columns import TextColumn, ValueColumn
from raia_ingest.workers.kinds import TEMPORAL_NOTATIONS, Kind

pytestmark = pytest.mark.fast


def text(*cells: str | None) -> tuple[Kind, list[Any], list[str]]:
    """Kind, values and note kinds of one block of text cells."""
    column = TextColumn()
    column.take(pa.array([cell or None for cell in cells], pa.string()))
    column.restart()
    values = column.take(pa.array([cell or None for cell in cells], pa.string()))
    return column.kind, values.to_pylist(), [kind for kind, _ in column.notes()]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (("1", "-2", "0"), Kind.INTEGER, [1, -2, 0]),
        (("1", "", "3"), Kind.INTEGER, [1, None, 3]),
        ((" 1 ", "2"), Kind.INTEGER, [1, 2]),
        (("9223372036854775807", "-9223372036854775808"), Kind.INTEGER, [2**63 - 1, -(2**63)]),
        (("1", "2.5"), Kind.FLOAT, [1.0, 2.5]),
        (("1e3", ".5", "-1."), Kind.FLOAT, [1000.0, 0.5, -1.0]),
        (("0.5", "-0.25", "0"), Kind.FLOAT, [0.5, -0.25, 0.0]),
        (("1.5", "inf", "-Infinity"), Kind.FLOAT, [1.5, float("inf"), float("-inf")]),
        (("+1.5", "2"), Kind.FLOAT, [1.5, 2.0]),
        (("true", "FALSE", "True"), Kind.BOOLEAN, [True, False, True]),
        (("2024-02-29", "0001-01-01"), Kind.DATE, [dt.date(2024, 2, 29), dt.date(1, 1, 1)]),
        (("2024-01-01 10:00", "2024-01-01T10:00:00.25"), Kind.DATETIME,
         [dt.datetime(2024, 1, 1, 10), dt.datetime(2024, 1, 1, 10, 0, 0, 250000)]),
        (("2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00"), Kind.DATETIME_UTC,
         [dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC), dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)]),
        (("2020-01-01T00:00:00.000001000",), Kind.DATETIME, [dt.datetime(2020, 1, 1, 0, 0, 0, 1)]),
        (("10:00", "23:59:59.5"), Kind.TIME, [dt.time(10), dt.time(23, 59, 59, 500000)]),
        (("3,5", "2", "-0,25"), Kind.FLOAT, [3.5, 2.0, -0.25]),
        (("1.234,56", "7,8"), Kind.FLOAT, [1234.56, 7.8]),
        (("1,234,567", "12"), Kind.INTEGER, [1234567, 12]),
        (("1,234.5", "12"), Kind.FLOAT, [1234.5, 12.0]),
        ((None, ""), Kind.NULL, [None, None]),
    ],
)  # fmt: skip
def test_values_are_typed_by_what_every_cell_spells(cells: tuple[str, ...], kind: Kind, values: list[Any]) -> None:
    assert text(*cells)[:2] == (kind, values)


@pytest.mark.parametrize(
    "cells",
    [
        ("1", "x"),
        ("00123", "5"),
        ("007.5", "1.5"),
        ("-01", "2"),
        ("0x1F", "1"),
        ("+4915112345678", "123"),
        ("1_000", "2"),
        ("12345678901234567890", "1"),
        ("12345678901234567890", "1.5"),
        ("9007199254740993", "1.5"),
        ("1e400", "1"),
        ("true", "1"),
        ("yes", "no"),
        ("2024-02-30",),
        ("2024-1-1",),
        ("01/02/2024",),
        ("2024-01-01", "2024-01-01 10:00"),
        ("2024-01-01 10:00", "2024-01-01T10:00:00Z"),
        ("2020-01-01T00:00:00.000000001",),
        ("24:00",),
        ("1,234", "5"),
        ("3,5", "1,234.5"),
        ("NA", "NA"),
        ("5 €", "6 €"),
    ],
)
def test_what_would_lose_or_guess_stays_text_as_it_was(cells: tuple[str, ...]) -> None:
    kind, values, _ = text(*cells)
    assert (kind, values) == (Kind.STRING, list(cells))


def test_tokens_are_missing_beside_numbers_and_text_beside_text() -> None:
    kind, values, notes = text("1", "NA", "NULL", "n", "")
    assert (kind, values) == (Kind.STRING, ["1", "NA", "NULL", "n", None])
    kind, values, notes = text("1", "NA", "NULL", " NaN ", "", "N/A", "null")
    assert (kind, values, notes) == (Kind.INTEGER, [1, None, None, None, None, None, None], ["null_tokens"])
    assert text("2024-01-01", "NA")[:2] == (Kind.DATE, [dt.date(2024, 1, 1), None])


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (("1,234", "5,678"), "ambiguous_number"),
        (("3,5",), "decimal_comma"),
        (("1,234,567",), "thousands_separator"),
        (("00123",), "leading_zeros"),
        (("12345678901234567890",), "integer_beyond_range"),
    ],
)
def test_a_note_says_how_numbers_were_taken(cells: tuple[str, ...], note: str) -> None:
    assert note in text(*cells)[2]


def test_a_later_block_narrows_the_kind() -> None:
    column = TextColumn()
    for cells, kind in (([None], Kind.NULL), (["1"], Kind.INTEGER), (["1.5"], Kind.FLOAT), (["x"], Kind.STRING)):
        column.take(pa.array(cells, pa.string()))
        assert column.kind is kind


_CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "NA", "true", "FALSE", "2024-01-01", "2024-01-01 10:00", "10:00", "00", "1,5", "1,234", " 7 "]
    ),
    st.text(max_size=5),
)


@given(st.lists(_CELLS, max_size=20), st.integers(1, 19))
def test_blocks_decide_as_the_whole_does_and_text_is_never_changed(cells: list[str], cut: int) -> None:
    raw = pa.array([cell or None for cell in cells], pa.string())
    whole, parts = TextColumn(), TextColumn()
    whole.take(raw)
    for _ in range(2):
        parts.restart()
        blocks = [parts.take(raw.slice(0, cut)), parts.take(raw.slice(cut))]
    assert parts.kind is whole.kind
    if whole.kind is Kind.STRING:
        assert [value for block in blocks for value in block.to_pylist()] == raw.to_pylist()


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=30))
def test_integers_are_stored_as_they_are(numbers: list[int | None]) -> None:
    kind, values, _ = text(*("" if number is None else str(number) for number in numbers))
    assert values == numbers
    assert kind is (Kind.INTEGER if any(number is not None for number in numbers) else Kind.NULL)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=30))
def test_floats_are_stored_to_the_last_bit(numbers: list[float]) -> None:
    kind, values, _ = text(*(repr(number) for number in numbers))
    assert (kind, values) == (Kind.FLOAT, numbers)


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, None, 2], Kind.INTEGER, [1, None, 2]),
        ([1, 2.5], Kind.FLOAT, [1.0, 2.5]),
        ([True, None], Kind.BOOLEAN, [True, None]),
        ([True, 1], Kind.STRING, ["true", "1"]),
        (["a", ""], Kind.STRING, ["a", None]),
        (["123"], Kind.STRING, ["123"]),
        (["2024-01-01"], Kind.DATE, [dt.date(2024, 1, 1)]),
        ([{"a": [1]}, None], Kind.STRING, ['{"a":[1]}', None]),
        ([2**63], Kind.STRING, [str(2**63)]),
        ([2**53 + 1, 0.5], Kind.STRING, [str(2**53 + 1), "0.5"]),
        ([1, "NA"], Kind.INTEGER, [1, None]),
        ([1, "x"], Kind.STRING, ["1", "x"]),
        ([None, None], Kind.NULL, [None, None]),
    ],
)  # fmt: skip
def test_json_values_keep_their_type(values: list[Any], kind: Kind, stored: list[Any]) -> None:
    column = ValueColumn(text_notations=TEMPORAL_NOTATIONS)
    column.take(values)
    column.restart()
    assert (column.take(values).to_pylist(), column.kind) == (stored, kind)


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1.0, 2.0, ""], Kind.INTEGER, [1, 2, None]),
        ([1.0, 2.5], Kind.FLOAT, [1.0, 2.5]),
        ([1e300], Kind.FLOAT, [1e300]),
        ([dt.date(2024, 1, 1), dt.datetime(2024, 1, 2, 3)], Kind.DATETIME,
         [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2, 3)]),
        (["00123", "5"], Kind.STRING, ["00123", "5"]),
    ],
)  # fmt: skip
def test_workbook_cells_keep_their_type_and_whole_floats_are_integers(
    values: list[Any], kind: Kind, stored: list[Any]
) -> None:
    column = ValueColumn(integral_floats=True)
    column.take(values)
    column.restart()
    assert (column.take(values).to_pylist(), column.kind) == (stored, kind)
