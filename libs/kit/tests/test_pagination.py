"""Pages follow each other without gaps or repeats, whatever the order; tokens are bound to their query."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia.ingest.v1 import dataset_service_pb2
from raia_kit.errors import InvalidArgument
from raia_kit.pagination import PageToken, list_page, query_of, size_of
from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from .datasets import DATASET, FIELDS, fill, rows

ROWS = rows(100)
ORDERABLE = ["name", "file_size", "row_count", "column_count", "created_at", "updated_at"]
Request = dataset_service_pb2.ListDatasetsRequest


@pytest.fixture(scope="module")
def session(postgres: Any) -> Iterator[Session]:
    with postgres.service_database("sample") as database, database.database.unit_of_work(UUID(int=1)) as unit:
        fill(unit.session, ROWS)
        yield unit.session


def pages(session: Session, size: int, order_by: str = "", filter: str = "") -> list[list[UUID]]:
    found, token = [], ""
    while True:
        request = Request(page_size=size, page_token=token, order_by=order_by, filter=filter)
        page = list_page(session, select(DATASET.c.id), FIELDS, request)
        found.append([row.id for row in page.rows])
        assert len(found) <= len(ROWS) + 1
        token = page.next_page_token
        if not token:
            return found


def key(row: dict[str, Any], name: str, descending: bool) -> tuple[Any, ...]:
    value = row[name]
    if value is None:
        return (1, 0)  # last in either direction
    if isinstance(value, datetime):
        value = value.timestamp()
    elif isinstance(value, UUID):
        value = value.int
    return (0, -value if descending else value)


TERMS = st.lists(
    st.tuples(st.sampled_from([name for name in ORDERABLE if name != "name"]), st.booleans()),
    max_size=3,
    unique_by=lambda term: term[0],
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TERMS, st.integers(1, 120))
def test_pages_are_the_whole_list_in_order(session: Session, terms: list[tuple[str, bool]], size: int) -> None:
    order_by = ", ".join(f"{name} desc" if descending else name for name, descending in terms)
    found = pages(session, size, order_by)
    terms = terms or [("created_at", True)]
    ordered = sorted(ROWS, key=lambda row: [key(row, name, down) for name, down in [*terms, ("id", terms[-1][1])]])
    assert [one for page in found for one in page] == [row["id"] for row in ordered]
    assert all(len(page) == size for page in found[:-1])
    assert found[-1]


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.integers(1, 30))
def test_texts_are_paged_in_the_databases_own_order(session: Session, descending: bool, size: int) -> None:
    found = pages(session, size, "name desc" if descending else "name")
    column = DATASET.c.name.desc() if descending else DATASET.c.name
    last = DATASET.c.id.desc() if descending else DATASET.c.id
    assert [one for page in found for one in page] == list(session.scalars(select(DATASET.c.id).order_by(column, last)))


def test_a_filter_holds_on_every_page(session: Session) -> None:
    found = pages(session, 7, "row_count desc", "file_type = csv AND NOT row_count = 1")
    wanted = {row["id"] for row in ROWS if row["file_type"] == "csv" and row["row_count"] != 1}
    assert {one for page in found for one in page} == wanted
    assert sum(map(len, found)) == len(wanted)


def test_an_empty_list_is_one_empty_page(session: Session) -> None:
    assert pages(session, 7, filter='name = "of nothing"') == [[]]


def test_rows_that_come_and_go_between_pages_shift_nothing(session: Session) -> None:
    with session.begin_nested() as savepoint:
        first = list_page(session, select(DATASET.c.id), FIELDS, Request(page_size=10, order_by="created_at"))
        gone = [row.id for row in first.rows]
        session.execute(delete(DATASET).where(DATASET.c.id.in_(gone)))
        session.execute(insert(DATASET), [ROWS[0] | {"id": UUID(int=99_999)}])
        second = list_page(
            session,
            select(DATASET.c.id),
            FIELDS,
            Request(page_size=1000, order_by="created_at", page_token=first.next_page_token),
        )
        assert {row.id for row in second.rows} == {row["id"] for row in ROWS} - set(gone)
        savepoint.rollback()


def test_rows_keep_the_columns_that_were_asked_for(session: Session) -> None:
    page = list_page(session, select(DATASET.c.name, DATASET.c.file_size), FIELDS, Request(page_size=1))
    assert (page.rows[0].name, page.rows[0].file_size) == tuple(page.rows[0][:2])


def test_the_usual_order_is_read_from_its_index(session: Session) -> None:
    with session.begin_nested() as savepoint:
        session.execute(text("create index on dataset (created_at, id)"))
        session.execute(text("set local enable_seqscan = off"))
        session.execute(text("set local enable_bitmapscan = off"))
        order = FIELDS.order("created_at desc")
        first = list_page(session, select(DATASET.c.id), FIELDS, Request(page_size=10))
        from raia_kit.pagination import _after, _ordering

        token = PageToken.decode(first.next_page_token, query_of(Request()))
        query = select(DATASET.c.id).where(_after(order, token.keys)).order_by(*map(_ordering, order)).limit(11)
        literal = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text("explain " + str(literal).replace(":", "\\:"))))
        assert "Index" in plan
        assert "Sort" not in plan
        assert "Index Cond: (ROW(created_at, id) <" in plan
        savepoint.rollback()


# --- tokens

KEYS = st.lists(
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC)),
    max_size=4,
).map(tuple)


@pytest.mark.fast
@given(KEYS, st.text(max_size=20))
def test_a_token_carries_its_keys(keys: Any, query: str) -> None:
    decoded = PageToken.decode(PageToken(keys, query).encode(), query)
    assert decoded.keys == keys
    assert [type(one) for one in decoded.keys] == [type(one) for one in keys]


@pytest.mark.fast
def test_times_keep_their_moment() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert PageToken.decode(PageToken((moment,), "").encode(), "").keys == (moment,)


@pytest.mark.fast
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        PageToken.decode(token, "q")
    assert refused.value.reason == "INVALID_PAGE_TOKEN"


def forged(query: str, keys: Any, **changes: Any) -> str:
    import base64
    import hashlib

    document = {"v": 1, "q": hashlib.sha256(query.encode()).hexdigest()[:32], "k": keys} | changes
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        forged(query_of(Request()), keys, **changes)
        for keys, changes in [
            ([], {}), ([None, None], {}), (["x", {"u": str(UUID(int=1))}], {}), ([{"t": "now"}, None], {}),
            ([{"t": "2026-01-01T00:00:00"}, {"u": str(UUID(int=1))}], {}), ([{"i": "1"}, {"i": "2"}], {}),
            ([{"t": "2026-01-01T00:00:00Z"}, {"u": "1"}], {}), (None, {}), ("ab", {}), ([{"i": 5}, {}], {}),
            ([{"x": "1"}, None], {}), ([{"t": "2026-01-01T00:00:00Z"}, {"u": str(UUID(int=1))}], {"v": 2}),
            ([{"t": "2026-01-01T00:00:00Z"}, {"u": str(UUID(int=1))}], {"extra": 1}),
            ([{"t": "2026-01-01T00:00:00Z"}, {"u": str(UUID(int=1))}], {"q": "0" * 32}),
        ]
    ]
    + ["x" * 5000, "=", "é"],
)  # fmt: skip
def test_forged_tokens_are_refused_before_the_database_sees_them(session: Session, token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        list_page(session, select(DATASET.c.id), FIELDS, Request(page_token=token))
    assert refused.value.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("value", ["2147483648", "-9223372036854775809", "9" * 90])
def test_integers_beyond_their_column_are_refused(session: Session, value: str) -> None:
    request = Request(order_by="column_count")
    request.page_token = forged(query_of(request), [{"i": value}, {"u": str(UUID(int=1))}])
    with pytest.raises(InvalidArgument):
        list_page(session, select(DATASET.c.id), FIELDS, request)


@pytest.mark.parametrize("changed", [{"filter": "status = ready"}, {"order_by": "name"}, {"scope": "other"}])
def test_a_token_of_another_query_is_refused(session: Session, changed: dict[str, str]) -> None:
    first = list_page(session, select(DATASET.c.id), FIELDS, Request(page_size=5), scope="this")
    scope = changed.get("scope", "this")
    request = Request(page_token=first.next_page_token, **{k: v for k, v in changed.items() if k != "scope"})
    with pytest.raises(InvalidArgument) as refused:
        list_page(session, select(DATASET.c.id), FIELDS, request, scope=scope)
    assert refused.value.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.fast
def test_page_sizes() -> None:
    assert [size_of(size) for size in (0, 1, 1000, 1001)] == [50, 1, 1000, 1000]
    with pytest.raises(InvalidArgument) as refused:
        size_of(-1)
    assert refused.value.reason == "INVALID_PAGE_SIZE"
