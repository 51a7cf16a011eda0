"""Filters mean in the database what they say, and faults are told with field and position."""

import operator
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia.ingest.v1 import dataset_pb2
from raia_kit.contract import ContractError
from raia_kit.errors import InvalidArgument
from raia_kit.filter_values import Kind
from raia_kit.filtering import QueryFields, condition
from sqlalchemy import Column, Integer, MetaData, SmallInteger, Table, Text, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from .datasets import DATASET, EPOCH, FIELDS, PROJECTS, fill, rows

if TYPE_CHECKING:
    pass

ROWS = rows(120)
TIME = "2026-01-31T12:00:00Z"
FILTERABLE = (
    "column_count, created_at, description, file_size, file_type, name, project_id, quality_gate, quality_score, "
    "row_count, status, tags, updated_at, "
    "uploaded_by"
)


@pytest.fixture(scope="module")
def session(postgres: Any) -> Iterator[Session]:
    with postgres.service_database("sample") as database, database.database.unit_of_work(UUID(int=1)) as unit:
        fill(unit.session, ROWS)
        yield unit.session


def found(session: Session, text: str) -> set[UUID]:
    return set(session.scalars(select(DATASET.c.id).where(FIELDS.where(text))))


def expected(condition: Callable[[dict[str, Any]], Any]) -> set[UUID]:
    return {row["id"] for row in ROWS if condition(row)}


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", lambda r: True),
        ("  ", lambda r: True),
        ('tags : "daily %"', lambda r: "daily %" in r["tags"]),
        ("tags:claims AND NOT tags:2026", lambda r: "claims" in r["tags"] and "2026" not in r["tags"]),
        ('tags : "aily"', lambda r: False),
        ("tags:*", lambda r: bool(r["tags"])),
        ('file_type = "csv"', lambda r: r["file_type"] == "csv"),
        ("file_type = csv", lambda r: r["file_type"] == "csv"),
        ("file_type='csv'", lambda r: r["file_type"] == "csv"),
        ("row_count > 1", lambda r: r["row_count"] is not None and r["row_count"] > 1),
        ("row_count != 1", lambda r: r["row_count"] != 1),
        ("NOT row_count = 1", lambda r: r["row_count"] != 1),
        ("-row_count = 1", lambda r: r["row_count"] != 1),
        ("NOT (NOT row_count = 1)", lambda r: r["row_count"] == 1),
        ("row_count = null", lambda r: r["row_count"] is None),
        ("row_count != null", lambda r: r["row_count"] is not None),
        ("row_count:*", lambda r: r["row_count"] is not None),
        ("row_count:2", lambda r: r["row_count"] == 2),
        ("file_size = -3", lambda r: r["file_size"] == -3),
        ("file_size >= 1099511627776", lambda r: r["file_size"] >= 2**40),
        ("name : claims", lambda r: "claims" in r["name"].lower()),
        ('name : "100%"', lambda r: "100%" in r["name"]),
        ('name : "r_s"', lambda r: "r_s" in r["name"]),
        ('name : "\\\\"', lambda r: "\\" in r["name"]),
        ('name = "a \\"quoted\\" name"', lambda r: r["name"] == 'a "quoted" name'),
        ('name = ""', lambda r: r["name"] == ""),
        ('name = "null"', lambda r: False),
        ('name : "*"', lambda r: False),
        ("created_at >= 2026-01-02", lambda r: r["created_at"] >= EPOCH + timedelta(days=1)),
        ("created_at < 2026-01-01T03:00:00Z", lambda r: r["created_at"] < EPOCH + timedelta(hours=3)),
        ("created_at < 2026-01-01T05:00:00+02:00", lambda r: r["created_at"] < EPOCH + timedelta(hours=3)),
        ('updated_at = "2026-01-01T00:00:00.000003Z"', lambda r: r["updated_at"].microsecond == 3),
        (f"project_id = {PROJECTS[1]}", lambda r: r["project_id"] == PROJECTS[1]),
        (f'project_id != "{PROJECTS[1]}"', lambda r: r["project_id"] != PROJECTS[1]),
        ("project_id = null", lambda r: r["project_id"] is None),
        ("status=ready AND file_type=csv", lambda r: r["status"] == "ready" and r["file_type"] == "csv"),
        (
            "status=ready OR file_type=csv AND row_count=1",  # OR binds closer
            lambda r: (r["status"] == "ready" or r["file_type"] == "csv") and r["row_count"] == 1,
        ),
        (
            "status=ready OR (file_type=csv AND row_count=1)",
            lambda r: r["status"] == "ready" or (r["file_type"] == "csv" and r["row_count"] == 1),
        ),
        ("NOT(status=ready)", lambda r: r["status"] != "ready"),
        ("name = ANDOR", lambda r: False),
        ('description = "number 7"\n  OR\tdescription = "number 8"', lambda r: r["description"][-2:] in (" 7", " 8")),
    ],
)
def test_a_filter_selects_what_it_says(session: Session, text: str, condition: Any) -> None:
    assert found(session, text) == expected(condition)


# --- any filter agrees with the same condition in Python

COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
VALUES: dict[str, st.SearchStrategy[tuple[str, Any]]] = {
    "row_count": st.integers(-1, 5).map(lambda n: (str(n), n)),
    "column_count": st.integers(-1, 3).map(lambda n: (str(n), n)),
    "file_size": st.sampled_from([0, 5, 2**40, -3, 2**63 - 1]).map(lambda n: (str(n), n)),
    "created_at": st.integers(-1, 50).map(lambda n: EPOCH + timedelta(hours=n)).map(lambda t: (t.isoformat(), t)),
    "file_type": st.sampled_from(["csv", "excel", "x"]).map(lambda s: (f'"{s}"', s)),
}


def restriction(field: str) -> st.SearchStrategy[tuple[str, Callable[[dict[str, Any]], bool]]]:
    def build(sign: str, value: tuple[str, Any], space: str) -> tuple[str, Callable[[dict[str, Any]], bool]]:
        def holds(row: dict[str, Any]) -> bool:
            if row[field] is None:
                return sign == "!="
            return bool(COMPARE[sign](row[field], value[1]))

        return f"{field}{space}{sign}{space}{value[0]}", holds

    signs = ["=", "!="] if field == "file_type" else sorted(COMPARE)  # texts are ordered by the database's collation
    return st.builds(build, st.sampled_from(signs), VALUES[field], st.sampled_from(["", " ", "\n "]))


def combined(inner: Any) -> Any:
    pair = st.tuples(inner, inner)
    return st.one_of(
        inner.map(lambda a: (f"NOT ({a[0]})", lambda row: not a[1](row))),
        inner.map(lambda a: (f"-({a[0]})", lambda row: not a[1](row))),
        pair.map(lambda p: (f"({p[0][0]}) AND ({p[1][0]})", lambda row: p[0][1](row) and p[1][1](row))),
        pair.map(lambda p: (f"({p[0][0]}) OR ({p[1][0]})", lambda row: p[0][1](row) or p[1][1](row))),
    )


FILTERS = st.recursive(st.sampled_from(sorted(VALUES)).flatmap(restriction), combined, max_leaves=6)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS)
def test_every_filter_means_the_same_in_the_database_and_here(
    session: Session, filtered: tuple[str, Callable[[dict[str, Any]], bool]]
) -> None:
    assert found(session, filtered[0]) == expected(filtered[1])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40) | st.text(alphabet="ANDORT()=<>!:\"'*-. \\rowcunt_1", max_size=40))
def test_any_text_is_a_filter_or_is_refused(session: Session, text: str) -> None:
    try:
        condition = FIELDS.where(text)
    except InvalidArgument as refused:
        assert refused.reason == "INVALID_FILTER"
        assert 1 <= int(refused.metadata["position"]) <= len(text) + 1
        return
    session.execute(select(DATASET.c.id).where(condition))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_quoted_text_is_compared_as_it_is(session: Session, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if "\x00" in text:
        with pytest.raises(InvalidArgument):
            FIELDS.where(f"name = {quoted}")
        return
    compiled = FIELDS.where(f"name = {quoted}").compile(dialect=postgresql.dialect())
    assert list(compiled.params.values()) == [text]
    found(session, f"name : {quoted}")


# --- faults


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "position", "field", "description"),
    [
        ("colour = red", 1, "colour", f"colour cannot be filtered by; use {FILTERABLE}"),
        ("status = ready AND id = 1", 20, "id", f"id cannot be filtered by; use {FILTERABLE}"),
        ("status.x = 1", 1, "status.x", f"status.x cannot be filtered by; use {FILTERABLE}"),
        ("row_count = many", 13, "row_count", "row_count is a whole number"),
        ('row_count = "5"', 13, "row_count", "row_count is a whole number"),
        ("row_count > 1.5", 13, "row_count", "row_count is a whole number"),
        ("column_count < 2147483648", 16, "column_count", "column_count lies between -2147483648 and 2147483647"),
        ("created_at > yesterday", 14, "created_at", f"created_at is a time, such as {TIME} or 2026-01-31"),
        ("created_at > 2026-01-01T00:00:00", 14, "created_at", f"created_at is a time with its zone, such as {TIME}"),
        ("project_id = 7", 14, "project_id", "project_id is an id, such as 0197b0b0-0000-7000-8000-000000000000"),
        ("project_id > 7", 12, "project_id", "project_id takes != : =, not >"),
        ("row_count > null", 11, "row_count", "null takes = or !="),
        ("status", 7, "", "expected one of = != < <= > >= : and found the end"),
        ("status ready", 8, "", "expected one of = != < <= > >= : and found 'r'"),
        ("status =", 9, "", "expected a value, found the end"),
        ("status = ready row_count = 1", 16, "", "expected AND, OR or the end, found 'r'"),
        ("(status = ready", 16, "", "expected ), found the end"),
        ("status = ready)", 15, "", "expected AND, OR or the end, found ')'"),
        ("= ready", 1, "", "expected a field, found '='"),
        ('status = "open', 10, "", "expected a value, found '\"'"),
        ("status = ready AND", 19, "", "expected a field, found the end"),
        ("(" * 25 + "status = ready" + ")" * 25 + " OR status = failed", 0, "", ""),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_field_and_position(text: str, position: int, field: str, description: str) -> None:
    if not position:
        FIELDS.where(text)  # parentheses alone nest nothing
        return
    with pytest.raises(InvalidArgument) as refused:
        FIELDS.where(text)
    error = refused.value
    assert (error.reason, error.metadata.get("field", ""), error.metadata["position"]) == (
        "INVALID_FILTER", field, str(position),
    )  # fmt: skip
    assert [(v.field, v.description) for v in error.violations] == [
        ("filter", f"at position {position}: {description}")
    ]


@pytest.mark.fast
def test_filters_may_not_grow_without_bound() -> None:
    deep = "NOT (" * 30 + "status = ready" + ")" * 30
    wide = " OR ".join(["status = ready"] * 101)
    for text, advice in ((deep, "nested more than 20 deep"), (wide, "more than 100 conditions")):
        with pytest.raises(InvalidArgument, match=advice):
            FIELDS.where(text)
    with pytest.raises(InvalidArgument):
        FIELDS.where("(" * 4096)


@pytest.mark.fast
def test_values_are_parameters_never_sql() -> None:
    compiled = FIELDS.where('name = "\'; drop table dataset; --"').compile(dialect=postgresql.dialect())
    assert "drop" not in str(compiled)


# --- order


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", [("created_at", True), ("id", True)]),
        ("name", [("name", False), ("id", False)]),
        ("file_size desc", [("file_size", True), ("id", True)]),
        (" row_count asc ,  name desc ", [("row_count", False), ("name", True), ("id", True)]),
    ],
)
def test_an_order_is_total(text: str, terms: list[tuple[str, bool]]) -> None:
    assert [(term.name, term.descending) for term in FIELDS.order(text, "created_at desc")] == terms


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "position", "field"),
    [
        ("colour", 1, "colour"), ("name, status", 7, "status"), ("name down", 1, ""), ("name,,file_size", 6, ""),
        ("name, name desc", 7, "name"), ("name desc asc", 1, ""), ("id", 1, "id"), (",", 1, ""),
    ],
)  # fmt: skip
def test_a_faulty_order_is_told(text: str, position: int, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        FIELDS.order(text)
    assert refused.value.reason == "INVALID_ORDER_BY"
    assert (refused.value.metadata["position"], refused.value.metadata.get("field", "")) == (str(position), field)


@pytest.mark.fast
def test_contract_and_columns_must_agree() -> None:
    columns = {column.name: column for column in DATASET.columns}
    with pytest.raises(ContractError, match="file_size"):
        QueryFields(dataset_pb2.Dataset.DESCRIPTOR, {n: c for n, c in columns.items() if n != "file_size"})
    with pytest.raises(ContractError, match="sha256"):
        QueryFields(dataset_pb2.Dataset.DESCRIPTOR, columns | {"sha256": DATASET.c.name})


@pytest.mark.fast
def test_integers_are_bounded_by_their_column() -> None:
    table = Table("t", MetaData(), Column("small", SmallInteger), Column("plain", Integer), Column("other", Text))
    columns = {column.name: column for column in DATASET.columns} | {
        "row_count": table.c.small,
        "file_size": table.c.plain,
    }
    fields = QueryFields(dataset_pb2.Dataset.DESCRIPTOR, columns)
    for text in ("row_count = 32768", "file_size = 2147483648"):
        with pytest.raises(InvalidArgument, match="lies between"):
            fields.where(text)


@pytest.mark.fast
def test_any_columns_can_be_filtered_by_and_odd_names_stand_in_backquotes() -> None:
    columns = {"unit price": Column("c0", Integer), "order": Column("c1", Text)}
    order = frozenset({"=", "!=", ":", "<", "<=", ">", ">="})
    kinds = {"unit price": Kind("number", order), "order": Kind("text", order)}
    found = condition('`unit price` > 2.5 AND NOT (order : "x" OR order = null)', columns, kinds, list(columns))
    assert str(found).startswith("c0 > :c0_1 AND ")
    assert str(condition(" ", columns, kinds, list(columns))) == "true"
    with pytest.raises(InvalidArgument) as refused:
        condition("`unit  price` > 2", columns, kinds, list(columns))
    assert refused.value.metadata == {"field": "unit  price", "position": "1"}
