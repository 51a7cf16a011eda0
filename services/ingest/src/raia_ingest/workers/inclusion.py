# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Columns whose values are all keys of another dataset: refused by name, range and sample, proved on every value."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from raia_ingest.workers.semantic_data import word_set, words
from raia_ingest.workers.tables import create_view, row

LEAST_INCLUSION = 0.95
SECONDS = 60.0
"""After this long, the datasets left are not looked at."""
_SAMPLE = 50
_MOST = 100
_FEWEST_VALUES = 3
_MOST_ENDS = 200
"""Columns of one dataset that may refer or be referred to."""
_TYPES = frozenset(("integer", "string"))
_GENERIC = word_set("id ids key code no nr num number ref reference fk pk uuid")


@dataclass(frozen=True)
class End:
    """One column that may refer or be referred to."""

    view: str
    place: int
    name: str
    type: str
    table: str
    rows: int
    bounds: tuple[Any, Any] | None


class ReferenceFinder:
    """Looks for references between the view ``data`` and other datasets."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        name: str,
        columns: Sequence[Mapping[str, Any]],
        rows: int,
    ) -> None:
        self._connection = connection
        self._ends = _ends("data", path, name, columns, rows)
        self._keys: dict[tuple[str, int], bool] = {}

    def find(self, neighbours: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
        """The references found, the surest first, with ``from`` and ``to`` (None for the subject itself); and how
        many datasets were not looked at.
        """
        until = time.monotonic() + SECONDS
        found: list[dict[str, Any]] = []
        for number, neighbour in enumerate(neighbours):
            if time.monotonic() > until:
                return self._ordered(found), len(neighbours) - number
            view = f"other{number}"
            create_view(self._connection, view, Path(neighbour["path"]), neighbour["columns"])
            others = _ends(
                view, Path(neighbour["path"]), neighbour["name"], neighbour["columns"], neighbour["row_count"]
            )
            place = {key: neighbour[key] for key in ("id", "name", "version")}
            for ours in self._ends:
                for theirs in others:
                    for source, target, ends in ((ours, theirs, (None, place)), (theirs, ours, (place, None))):
                        reference = self._reference(source, target)
                        if reference is not None:
                            found.append({"from": ends[0], "to": ends[1], **reference})
            self._connection.execute(f"drop view {view}; drop view {view}_file")
        return self._ordered(found), 0

    @staticmethod
    def _ordered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda each: -each["confidence"])[:_MOST]

    def _reference(self, source: End, target: End) -> dict[str, Any] | None:
        """What is known of a reference from ``source`` to ``target``; None when it is none."""
        if source.type != target.type or not _overlap(source.bounds, target.bounds):
            return None
        likeness = name_likeness(source.name, target.name, target.table)
        # Small whole numbers are in any run of whole numbers: without a name that says so, they refer to nothing.
        if source.type == "integer" and likeness < 0.5:
            return None
        if not self._sample_included(source, target) or not self._is_key(target):
            return None
        distinct, included = row(
            self._connection,
            f"with s as (select distinct c{source.place} v from {source.view} where c{source.place} is not null) "
            f"select (select count(*) from s), (select count(*) from s where v in (select c{target.place} from "
            f"{target.view} where c{target.place} is not null))",
        )
        if distinct < _FEWEST_VALUES or included / distinct < LEAST_INCLUSION:
            return None
        confidence = included / distinct * (0.45 + 0.4 * likeness + 0.15 * min(1.0, distinct / 20))
        return {
            "column": source.name,
            "referenced_column": target.name,
            "distinct_count": distinct,
            "found_count": included,
            "inclusion": included / distinct,
            "confidence": round(confidence, 4),
        }

    def _sample_included(self, source: End, target: End) -> bool:
        sample = (
            f"(select distinct c{source.place} v from {source.view} where c{source.place} is not null "
            f"order by hash(v) limit {_SAMPLE})"
        )
        if source.view == "data":
            table = f"sample{source.place}"
            self._connection.execute(f"create temp table if not exists {table} as from {sample}")
            sample = table
        found, included = row(
            self._connection,
            f"select count(*), count(*) filter (v in (select c{target.place} from {target.view} "
            f"where c{target.place} is not null)) from {sample}",
        )
        return bool(found >= _FEWEST_VALUES and included >= found * LEAST_INCLUSION * 0.95)

    def _is_key(self, end: End) -> bool:
        known = self._keys.get((end.view, end.place))
        if known is None:
            (known,) = row(
                self._connection,
                f"select count(c{end.place}) = count(*) and count(distinct c{end.place}) = count(*) from {end.view}",
            )
            self._keys[end.view, end.place] = bool(known)
        return bool(known)


def name_likeness(source: str, target: str, table: str) -> float:
    """How much the name of a column speaks of a key column of a table, from 0 to 1."""
    ours, theirs = _meaning(source), _meaning(target)
    named = {word.rstrip("s") for word in words(table)} - _GENERIC
    if ours and ours == theirs:
        return 1.0
    if ours and theirs:
        shared = len(ours & theirs) / len(ours | theirs)
        return max(shared, 0.9 if ours <= theirs | named and ours & (theirs | named) else 0.0)
    if ours:
        return 1.0 if ours <= named else 0.5 if ours & named else 0.0
    return 0.3 if words(source) == words(target) else 0.0


def _meaning(name: str) -> set[str]:
    return {word.rstrip("s") for word in words(name)} - _GENERIC


def _ends(view: str, path: Path, table: str, columns: Sequence[Mapping[str, Any]], rows: int) -> list[End]:
    bounds = _bounds(path, min(len(columns), _MOST_ENDS))
    return [
        End(view, place, column["name"], column["type"], table, rows, bounds[place])
        for place, column in enumerate(columns[:_MOST_ENDS])
        if column["type"] in _TYPES
    ]


def _bounds(path: Path, width: int) -> list[tuple[Any, Any] | None]:
    """The least and the greatest value of each column as the file's own statistics have them; None where they lack."""
    with pq.ParquetFile(path) as file:
        found: list[tuple[Any, Any] | None] = []
        for place in range(width):
            groups = [file.metadata.row_group(group).column(place).statistics for group in range(file.num_row_groups)]
            known = [group for group in groups if group is not None and group.has_min_max]
            whole = len(known) == len(groups) and known
            found.append((min(each.min for each in known), max(each.max for each in known)) if whole else None)
    return found


def _overlap(source: tuple[Any, Any] | None, target: tuple[Any, Any] | None) -> bool:
    return source is None or target is None or bool(source[0] <= target[1] and target[0] <= source[1])
