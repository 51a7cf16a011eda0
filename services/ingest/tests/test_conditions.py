"""Filters over a version's columns, run by DuckDB, against the same conditions in Python."""

import datetime as dt
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_ingest.conditions import compile_condition
from raia_ingest.datasets.domain import Column
from raia_kit.errors import InvalidArgument

pytestmark = pytest.mark.fast
COLUMNS = [
    Column("n", "integer", "n"),
    Column("unit price", "float", "unit price"),
    Column("name", "string", "name"),
    Column("day", "date", "day"),
    Column("at", "datetime", "at", "UTC"),
    Column("ok", "boolean", "ok"),
    Column("clock", "time", "clock"),
]
ROWS: list[tuple[Any, ...]] = [
    (1, 1.5, "Anna", dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 12), True, dt.time(9)),
    (2, 2.5, 'O"Hara %_', dt.date(2024, 6, 1), dt.datetime(2024, 6, 1, 12), False, dt.time(17, 30)),
    (None, None, None, None, None, None, None),
]


def chosen(text: str) -> list[int]:
    """The places of the rows that a filter lets through."""
    found = compile_condition(text, COLUMNS)
    assert found is not None
    with duckdb.connect() as connection:
        connection.execute(
            "create table data (place int, c0 bigint, c1 double, c2 text, c3 date, c4 timestamp, c5 boolean, c6 time)"
        )
        for place, row in enumerate(ROWS):
            connection.execute("insert into data values (?, ?, ?, ?, ?, ?, ?, ?)", [place, *row])
        query = f"select place from data where {found.sql} order by 1"
        rows = connection.execute(query, found.parameters).fetchall()
    return [place for (place,) in rows]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("n = 1", [0]),
        ("n > 1.5 OR `unit price` <= 1.5", [0, 1]),
        ("`unit price` = null", [2]),
        ("NOT n = 1", [1, 2]),
        ('name : "ANNA"', [0]),
        (r'name : "\"hara %_"', [1]),
        ('name : "%"', [1]),
        ("name != null", [0, 1]),
        ("day >= 2024-02-01", [1]),
        ("at < 2024-01-01T12:00:01Z", [0]),
        ("at = 2024-06-01T14:00:00+02:00", [1]),
        ("ok = true", [0]),
        ('clock > "10:00:00"', [1]),
        ('(n = 1 OR n = 2) AND -name : "anna"', [1]),
    ],
)
def test_filters_choose_rows(text: str, places: list[int]) -> None:
    assert chosen(text) == places


def test_no_filter_is_no_condition() -> None:
    assert compile_condition("  ", COLUMNS) is None


@pytest.mark.parametrize(
    "text", ["absent = 1", "n = abc", "n >", "ok > true", "`n = 1", "n = 1 OR", "n; drop table data"]
)
def test_faulty_filters_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_condition(text, COLUMNS)
    assert refused.value.reason == "INVALID_FILTER"


@given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_values_never_become_statements(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    found = compile_condition(f'name = "{escaped}"', COLUMNS)
    assert found is not None
    assert (found.sql, found.parameters) == ("c2 = ?", [value])
