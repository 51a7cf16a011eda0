# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Columns that determine others, and columns that tell all rows apart: refused on a sample, proved on every row."""

import math
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from raia_ingest.workers.column_profile import as_json
from raia_ingest.workers.profile_size import shortened
from raia_ingest.workers.tables import row

MOST_COLUMNS = 60
_SAMPLE_ROWS = 10_000
_MOST_PROVED = 100
_MOST_KEYS = 20
_KEY_COLUMNS = 25
_LARGEST_ERROR = 0.05
_EXAMPLES = 5
_FEWEST_REPEATED = 100
"""Values that occur twice or more in a sample, below which it says too little."""
SECONDS = 120.0
"""After this long, what is left is not proved."""

Codes = npt.NDArray[np.int64]


class DependencyFinder:
    """Looks for keys and dependencies in the view ``data``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, profiles: Sequence[Mapping[str, Any]], rows: int) -> None:
        self._connection, self._profiles, self._rows = connection, profiles, rows
        self._places = list(range(min(len(profiles), MOST_COLUMNS)))
        step = max(1, rows // _SAMPLE_ROWS)
        self._sample = self._coded(f"position % {step} = 0 order by position")
        self._until = time.monotonic() + SECONDS
        self.limited = False
        """Whether time ran out before everything that may hold was proved."""

    def keys(self) -> list[dict[str, Any]]:
        """The smallest candidate keys: single columns, or where there are none, sets of two and three."""
        if self._rows < 2:
            return []
        whole = [place for place in self._places if not self._profiles[place]["missing_count"]]
        single = [place for place in whole if self._profiles[place]["distinct_count"] == self._rows]
        if single:
            return [{"columns": [self._profiles[place]["name"]]} for place in single[:_MOST_KEYS]]
        parts = [
            place
            for place in whole
            if place not in single
            and self._profiles[place]["distinct_count"] > 1
            and self._profiles[place]["type"] != "float"
            and (self._profiles[place].get("semantics") or {}).get("type") != "free_text"
        ]
        parts = sorted(sorted(parts, key=lambda place: -self._profiles[place]["distinct_count"])[:_KEY_COLUMNS])
        keys = self._composite(parts)
        return [{"columns": [self._profiles[place]["name"] for place in key]} for key in keys]

    def _composite(self, parts: list[int]) -> list[tuple[int, ...]]:
        keys: list[tuple[int, ...]] = []
        proved = 0
        for size in (2, 3):
            for places in combinations(parts, size):
                if proved >= _MOST_PROVED or len(keys) >= _MOST_KEYS or time.monotonic() > self._until:
                    self.limited = True
                    return keys
                if any(set(key) <= set(places) for key in keys) or not self._may_be_key(places):
                    continue
                proved += 1
                cells = ", ".join(f"c{place}" for place in places)
                (distinct,) = row(self._connection, f"select count(*) from (select distinct {cells} from data)")
                if distinct == self._rows:
                    keys.append(places)
        return keys

    def _may_be_key(self, places: Sequence[int]) -> bool:
        most = math.prod(self._profiles[place]["distinct_count"] for place in places)
        return most >= self._rows and _groups([self._sample[place] for place in places])[1] == len(self._sample[0])

    def dependencies(self) -> list[dict[str, Any]]:
        """Dependencies of one column on one other, exact ones first."""
        candidates = []
        for left in self._places:
            distinct = self._values(left)
            if distinct < 2 or distinct > self._rows / 2:
                continue
            sample = self._sample
            if _repeated(sample[left]) < min(_FEWEST_REPEATED, distinct // 2):
                # Rows chosen evenly hardly share a value of this column: whole groups of rows are looked at instead.
                groups = max(1, distinct * 2 // _FEWEST_REPEATED // 10)
                sample = self._coded(f"hash(c{left}) % {groups} = 0 limit {_SAMPLE_ROWS}")
            for right in self._places:
                if right != left and self._values(right) > 1:
                    error = _sample_error(sample[left], sample[right])
                    if error <= _LARGEST_ERROR:
                        candidates.append((error, left, right))
        candidates.sort()
        self.limited = self.limited or len(candidates) > _MOST_PROVED
        kept = []
        for _, left, right in candidates[:_MOST_PROVED]:
            if time.monotonic() > self._until:
                self.limited = True
                break
            found = self._proved(left, right)
            kept += [found] if found is not None else []
        kept.sort(key=lambda each: each["violating_rows"])
        return kept

    def _values(self, place: int) -> int:
        """Different values of a column; that one is missing counts as a value."""
        profile = self._profiles[place]
        return int(profile["distinct_count"]) + int(profile["missing_count"] > 0)

    def _proved(self, left: int, right: int) -> dict[str, Any] | None:
        """The dependency with its error over all rows; None when that is too large to speak of one."""
        (kept,) = row(
            self._connection,
            f"select coalesce(sum(most), 0)::bigint from (select max(n) most from (select c{left} l, count(*) n "
            f"from data group by c{left}, c{right}) group by l)",
        )
        (frequent,) = row(self._connection, f"select max(n) from (select count(*) n from data group by c{right})")
        violating = self._rows - int(kept)
        error = violating / self._rows
        # A column that is nearly always the same is determined by anything.
        if violating and error > min(_LARGEST_ERROR, 0.1 * (1 - int(frequent) / self._rows)):
            return None
        examples = []
        if violating:
            examples = self._connection.execute(
                f"select c{left} from data where c{left} is not null group by 1 "
                f"having count(distinct coalesce(c{right}::varchar, '')) > 1 order by count(*) desc, 1 "
                f"limit {_EXAMPLES}"
            ).fetchall()
        return {
            "determinant": self._profiles[left]["name"],
            "dependent": self._profiles[right]["name"],
            "violating_rows": violating,
            "error": error,
            "examples": [shortened(as_json(value)) for (value,) in examples],
        }

    def _coded(self, where: str) -> list[Codes]:
        """The columns of some rows as numbers that are equal where values are."""
        if not self._places:
            return []
        cells = ", ".join(f"c{place}" for place in self._places)
        table = self._connection.sql(f"select {cells} from data where {where}").to_arrow_table()
        return [_codes(column) for column in table.columns]


def _codes(column: Any) -> Codes:
    encoded = column.combine_chunks().dictionary_encode()
    codes: Codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _groups(columns: Sequence[Codes]) -> tuple[Codes, int]:
    """The group of each row by all columns together, and how many groups there are."""
    groups = columns[0]
    for column in columns[1:]:
        _, groups = np.unique(groups * (int(column.max(initial=0)) + 1) + column, return_inverse=True)
    return groups, len(np.unique(groups))


def _repeated(codes: Codes) -> int:
    """How many values occur twice or more."""
    return int((np.bincount(codes) > 1).sum()) if len(codes) else 0


def _sample_error(left: Codes, right: Codes) -> float:
    """The share of the sample to leave out for ``left`` to determine ``right``; groups of one row say nothing."""
    if len(left) == 0:
        return 0.0
    width = int(right.max()) + 1
    pairs, counts = np.unique(left * width + right, return_counts=True)
    determinant = pairs // width
    starts = np.flatnonzero(np.r_[True, determinant[1:] != determinant[:-1]])
    sizes, most = np.add.reduceat(counts, starts), np.maximum.reduceat(counts, starts)
    several = sizes > 1
    return 1.0 - float(most[several].sum() / sizes[several].sum()) if several.any() else 0.0
