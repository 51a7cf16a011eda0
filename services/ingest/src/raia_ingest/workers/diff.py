# ruff: noqa: S608 - queries are made of column places and constants, never of names or values from a file
"""The compute function that compares two versions of a dataset: every differing row by number, counts exact."""

from collections.abc import Callable, Sequence
from typing import Any

import duckdb

from raia_ingest import errors
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.tables import opened

_ROW_NUMBER = "file_row_number"
_NUMBERS = frozenset({"integer", "float"})
_TIMES = frozenset({"date", "datetime"})
KINDS = ("added", "removed", "changed")
"""What may have happened to a row; the file of differences holds them in this order."""


def diff_files(
    *,
    base_path: str,
    base_columns: list[dict[str, str]],
    path: str,
    columns: list[dict[str, str]],
    keys: list[str],
    output: str,
    memory_bytes: int,
    spill_folder: str,
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    """Compares the rows of two canonical files by the columns ``keys``, else as bags of rows.

    Rows are compared in the columns that both have, whatever their order; values of columns whose type differs are
    compared as numbers, as moments, or else as texts. ``output`` becomes a Parquet file of kind (place in ``KINDS``),
    base_row and row (from 1; null where there is none) and changed (names of columns), ordered by kind and row.

    Returns rows_added, rows_removed, rows_changed, rows_unchanged and columns (name, rows_changed). Raises
    ``KeyNotUnique``. DuckDB holds at most ``memory_bytes`` and spills to ``spill_folder``.
    """
    with explained(), opened(memory_bytes, spill_folder) as connection:
        _view(connection, "base", base_path, base_columns)
        _view(connection, "new", path, columns)
        pairs = _pairs(base_columns, columns)
        keyed = [pair for pair in pairs if pair.name in keys]
        compared = [pair for pair in pairs if pair.name not in keys]
        for place, side in enumerate(("base", "new")):
            progress(place * 0.35, "rows of the base version" if side == "base" else "rows of the version")
            if keyed:
                _keyed(connection, side, keyed, compared)
                _require_unique(connection, side, keys)
            else:
                _bag(connection, side, compared)
        progress(0.7, "comparing")
        connection.execute(_MATCH_KEYS if keyed else _MATCH_BAGS)
        progress(0.8, "columns that changed")
        _write(connection, compared if keyed else [], output)
        return _counts(connection, compared if keyed else [], output)


class _Pair:
    """A column that both files have, and how its values are compared."""

    def __init__(self, name: str, base: int, new: int, base_type: str, new_type: str) -> None:
        self.name = name
        self._places = {"base": base, "new": new}
        types = {base_type, new_type}
        if len(types) == 1:
            self._cast = {"float": "c{0} + 0.0"}.get(base_type, "c{0}")
        elif types <= _NUMBERS:
            self._cast = "c{0}::double + 0.0"
        elif types <= _TIMES:
            self._cast = "c{0}::timestamp"
        else:
            self._cast = "c{0}::varchar"

    def value(self, side: str) -> str:
        """The value of a side in SQL, comparable with the other's; -0.0 is 0.0."""
        return f"({side}." + self._cast.format(self._places[side]) + ")"

    def text(self, side: str) -> str:
        """The value as a text from which it could be told: no two rows of different values have the same texts."""
        value = f"{self.value(side)}::varchar"
        return f"coalesce(strlen({value})::varchar || ':' || {value}, '-')"


def _pairs(base: Sequence[dict[str, str]], new: Sequence[dict[str, str]]) -> list[_Pair]:
    places = {column["name"]: place for place, column in enumerate(base)}
    return [
        _Pair(column["name"], places[column["name"]], place, base[places[column["name"]]]["type"], column["type"])
        for place, column in enumerate(new)
        if column["name"] in places
    ]


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: str, columns: Sequence[dict[str, str]]) -> None:
    """Makes the view ``name``: ``row`` (from 1) and the columns ``c0``, ``c1``, … in plain types."""
    literal = path.replace("'", "''")
    aliases = "".join(f"c{place}, " for place in range(len(columns)))
    if any(column["name"].lower() == _ROW_NUMBER for column in columns):
        # The file has a column of the very name by which DuckDB numbers rows; counting keeps the file's order.
        connection.execute("set preserve_insertion_order = true")
        connection.execute("set threads = 1")
        connection.execute(f"create view {name}_file({aliases.rstrip(', ')}) as from read_parquet('{literal}')")
        number = "row_number() over ()"
    else:
        connection.execute(
            f"create view {name}_file({aliases}file_row) as from read_parquet('{literal}', file_row_number = true)"
        )
        number = "file_row + 1"
    # DuckDB needs further libraries to hand out times with a zone; these are UTC by definition.
    plain = "".join(
        f", make_timestamp(epoch_us(c{place})) c{place}" if column.get("timezone") else f", c{place}"
        for place, column in enumerate(columns)
    )
    connection.execute(f"create view {name} as select {number} as row{plain} from {name}_file")


def _digest(pairs: Sequence[_Pair], side: str) -> str:
    return f"sha256(concat({', '.join(pair.text(side) for pair in pairs)}))" if pairs else "''"


def _keyed(connection: duckdb.DuckDBPyConnection, side: str, keys: Sequence[_Pair], rest: Sequence[_Pair]) -> None:
    connection.execute(
        f"create temp table {side}_rows as select {_digest(keys, side)} k, {_digest(rest, side)} h, row from {side}"
    )


def _bag(connection: duckdb.DuckDBPyConnection, side: str, pairs: Sequence[_Pair]) -> None:
    """Numbers equal rows, so that the third of four is matched with the third of three."""
    digest = _digest(pairs, side)
    connection.execute(
        f"create temp table {side}_rows as select h, row, row_number() over (partition by h order by row) n "
        f"from (select {digest} h, row from {side})"
    )


def _require_unique(connection: duckdb.DuckDBPyConnection, side: str, keys: list[str]) -> None:
    found = connection.execute(
        f"select coalesce(sum(n), 0) from (select count(*) n from {side}_rows group by k having count(*) > 1)"
    ).fetchone()
    if found and found[0]:
        raise errors.key_not_unique(keys, int(found[0]), base=side == "base")


_MATCH_KEYS = """
create temp table matched as
select case when b.row is null then 0 when n.row is null then 1 else 2 end kind, b.row base_row, n.row as row
from base_rows b full join new_rows n on b.k = n.k
where b.row is null or n.row is null or b.h <> n.h
"""
_MATCH_BAGS = """
create temp table matched as
select case when b.row is null then 0 else 1 end kind, b.row base_row, n.row as row
from base_rows b full join new_rows n on b.h = n.h and b.n = n.n
where b.row is null or n.row is null
"""


def _write(connection: duckdb.DuckDBPyConnection, compared: Sequence[_Pair], output: str) -> None:
    literal = output.replace("'", "''")
    tests = ", ".join(
        f"case when {pair.value('base')} is distinct from {pair.value('new')} then {place} end"
        for place, pair in enumerate(compared)
    )
    changed = f"list_filter([{tests}], lambda place: place is not null)::integer[]" if compared else "[]::integer[]"
    connection.execute(
        "copy (select * from ("
        "select kind, base_row, row, []::integer[] changed from matched where kind < 2 "
        f"union all select kind, m.base_row, m.row, {changed} changed from matched m "
        "join base on base.row = m.base_row join new on new.row = m.row where kind = 2"
        f") order by kind, coalesce(row, base_row)) to '{literal}' (format parquet)"
    )


def _counts(connection: duckdb.DuckDBPyConnection, compared: Sequence[_Pair], output: str) -> dict[str, Any]:
    literal = output.replace("'", "''")
    counts = dict(connection.execute("select kind, count(*) from matched group by kind").fetchall())
    rows = connection.execute("select count(*) from base_rows").fetchone()
    places = connection.execute(
        f"select place, count(*) from (select unnest(changed) place from read_parquet('{literal}') where kind = 2) "
        "group by place order by place"
    ).fetchall()
    added, removed, changed = (int(counts.get(kind, 0)) for kind in range(3))
    return {
        "rows_added": added,
        "rows_removed": removed,
        "rows_changed": changed,
        "rows_unchanged": int(rows[0] if rows else 0) - removed - changed,
        "columns": [{"name": compared[place].name, "rows_changed": count} for place, count in places],
        "compared": [pair.name for pair in compared],
    }
