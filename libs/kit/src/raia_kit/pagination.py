"""Pages of lists: keyset cursors that are opaque, versioned and bound to the query that they continue."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Row, Select, and_, literal, or_, tuple_
from sqlalchemy.orm import Session

from raia_kit.errors import InvalidArgument
from raia_kit.filter_values import integer_bits
from raia_kit.filtering import OrderTerm, QueryFields

DEFAULT_PAGE_SIZE = 50
LARGEST_PAGE_SIZE = 1000
_VERSION = 1
_LONGEST = 4096

Key = str | int | float | bool | datetime | UUID | None
"""A value that a page may end with."""


class ListRequest(Protocol):
    """The fields that every list request has."""

    page_size: int
    page_token: str
    filter: str
    order_by: str


@dataclass(frozen=True)
class Page:
    """A page's rows and where the next begins; an empty token on the last."""

    rows: Sequence[Row[Any]]
    next_page_token: str


@dataclass(frozen=True)
class PageToken:
    """Where a page ended: the values by which its last row was ordered, bound to the query."""

    keys: tuple[Key, ...]
    query: str
    """Whatever decides what is listed and in which order; see ``query_of``."""

    def encode(self) -> str:
        """The token as the caller sees it."""
        document = {"v": _VERSION, "q": _digest(self.query), "k": [_packed(key) for key in self.keys]}
        return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()

    @classmethod
    def decode(cls, token: str, query: str) -> "PageToken":
        """The token that ``encode`` wrote for the same query.

        Raises ``InvalidArgument`` (INVALID_PAGE_TOKEN) for anything else.
        """
        if len(token) > _LONGEST:
            raise _invalid()
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            document = orjson.loads(data)
            if not isinstance(document, dict) or set(document) != {"v", "q", "k"} or document["v"] != _VERSION:
                raise ValueError("not a page token")
            if document["q"] != _digest(query):
                raise ValueError("a token of another query")
            keys = tuple(_unpacked(key) for key in document["k"])
        except (binascii.Error, ValueError, TypeError, OverflowError, KeyError) as error:
            raise _invalid() from error
        return cls(keys, query)


def query_of(request: ListRequest, scope: str = "") -> str:
    """What a token of this list is bound to: ``scope`` (a parent's id, say), filter and order."""
    return orjson.dumps([scope, request.filter, request.order_by]).decode()


def size_of(page_size: int) -> int:
    """The number of rows on a page: 50 for 0, at most 1,000. Raises ``InvalidArgument`` when negative."""
    if page_size < 0:
        raise InvalidArgument.of_field("page_size", "must be 0 or more", reason="INVALID_PAGE_SIZE")
    return min(page_size or DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)


def list_page(
    session: Session,
    select: Select[Any],
    fields: QueryFields,
    request: ListRequest,
    *,
    default_order: str = "created_at desc",
    scope: str = "",
) -> Page:
    """A page of ``select`` under the request's filter and order.

    Raises ``InvalidArgument``: INVALID_FILTER, INVALID_ORDER_BY, INVALID_PAGE_TOKEN, INVALID_PAGE_SIZE.
    """
    order = fields.order(request.order_by, default_order)
    query = query_of(request, scope)
    filtered = select.where(fields.where(request.filter))
    return paginate(session, filtered, order, page_size=request.page_size, page_token=request.page_token, query=query)


def paginate(
    session: Session,
    select: Select[Any],
    order: Sequence[OrderTerm],
    *,
    page_size: int,
    page_token: str,
    query: str,
) -> Page:
    """A page of ``select`` in ``order``, whose last term must be unique.

    Rows carry the values they were ordered by after the columns of ``select``. Rows that are inserted or deleted
    between two pages shift nothing: each page begins after the values that the last one ended with.
    """
    size = size_of(page_size)
    if page_token:
        keys = PageToken.decode(page_token, query).keys
        if len(keys) != len(order):
            raise _invalid()
        select = select.where(_after(order, [_typed(key, term) for key, term in zip(keys, order, strict=True)]))
    labels = [term.column.label(f"page_key_{number}") for number, term in enumerate(order)]
    rows = session.execute(select.add_columns(*labels).order_by(*map(_ordering, order)).limit(size + 1)).all()
    if len(rows) <= size:
        return Page(rows, "")
    last = rows[size - 1]
    token = PageToken(tuple(last[-len(order) :]), query).encode()
    return Page(rows[:size], token)


def _ordering(term: OrderTerm) -> ColumnElement[Any]:
    direction = term.column.desc() if term.descending else term.column.asc()
    return direction.nulls_last() if term.nullable else direction


def _after(order: Sequence[OrderTerm], keys: Sequence[Key]) -> ColumnElement[bool]:
    """The rows that follow the one with these keys."""
    if not any(term.nullable for term in order) and len({term.descending for term in order}) == 1:
        left = tuple_(*(term.column for term in order))
        right = tuple_(*(_value(key, term) for key, term in zip(keys, order, strict=True)))
        return left < right if order[0].descending else left > right
    alternatives: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, term in zip(keys, order, strict=True):
        beyond = _beyond(key, term)
        if beyond is not None:
            alternatives.append(and_(*same, beyond))
        same.append(term.column.is_(None) if key is None else term.column == _value(key, term))
    return or_(*alternatives)


def _beyond(key: Key, term: OrderTerm) -> ColumnElement[bool] | None:
    """The rows that this term alone puts behind the key; None when there are none, behind rows without a value."""
    if key is None:
        return None
    value = _value(key, term)
    beyond: ColumnElement[bool] = term.column < value if term.descending else term.column > value
    return or_(beyond, term.column.is_(None)) if term.nullable else beyond


def _value(key: Key, term: OrderTerm) -> ColumnElement[Any]:
    return literal(key, term.column.type)


def _typed(key: Key, term: OrderTerm) -> Key:
    """The key, if it is such a value as the column holds."""
    if key is None and term.nullable:
        return None
    expected = term.column.type.python_type
    if type(key) is not expected:
        raise _invalid()
    if isinstance(key, int) and not -(2 ** (integer_bits(term.column) - 1)) <= key < 2 ** (
        integer_bits(term.column) - 1
    ):
        raise _invalid()
    return key


def _packed(key: Key) -> Any:
    match key:
        case datetime():
            return {"t": key.astimezone(UTC).isoformat()}
        case UUID():
            return {"u": str(key)}
        case float():
            return {"f": repr(key)}
        case None | bool() | str():
            return key
        case int():
            return {"i": str(key)}
    raise TypeError(f"{type(key).__name__} is nothing to order by")


def _unpacked(value: Any) -> Key:
    if value is None or isinstance(value, bool | str):
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("not a key")
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("not a key")
    ((kind, text),) = value.items()
    if not isinstance(text, str) or len(text) > 100:
        raise ValueError("not a key")
    match kind:
        case "t":
            time = datetime.fromisoformat(text)
            if time.tzinfo is None:
                raise ValueError("not a key")
            return time
        case "u":
            return UUID(text)
        case "f":
            return float(text)
        case "i":
            return int(text)
    raise ValueError("not a key")


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:32]


def _invalid() -> InvalidArgument:
    return InvalidArgument.of_field(
        "page_token",
        "take it unchanged from the last answer, with the same filter and order_by",
        reason="INVALID_PAGE_TOKEN",
    )
