"""How strongly categories go with categories and with numbers: Cramér's V and the correlation ratio, streaming."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

MOST_CATEGORIES = 50
"""Different values of a column that counts as categories."""
MOST_COLUMNS = 30
"""Columns of categories, and columns of numbers, that are compared."""
_BATCH_CELLS = 2_000_000
_LEAST = 0.1
"""Weaker ones are left out."""
_MOST = 200

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def categorical(profile: Mapping[str, Any]) -> bool:
    """Whether a column's few values make it one of categories."""
    return profile["type"] in ("string", "boolean", "integer") and 2 <= profile["distinct_count"] <= MOST_CATEGORIES


def measured(profile: Mapping[str, Any]) -> bool:
    """Whether a column holds numbers that are neither categories nor names of things."""
    meaning = (profile.get("semantics") or {}).get("type", "")
    return (
        profile["type"] in ("integer", "float")
        and bool(profile.get("numeric"))
        and profile["distinct_count"] > 2
        and meaning not in ("identifier", "boolean", "payment_card", "postcode")
    )


def associate(path: Path, profiles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The associations of the file's columns, the strongest first."""
    categories = [place for place, profile in enumerate(profiles) if categorical(profile)][:MOST_COLUMNS]
    numbers = [place for place, profile in enumerate(profiles) if measured(profile) and place not in categories]
    tables = _Tables(categories, numbers[:MOST_COLUMNS], profiles)
    with pq.ParquetFile(path) as file:
        for batch in _batches(file, [*categories, *numbers[:MOST_COLUMNS]]):
            tables.add(batch)
    found = [*tables.between_categories(), *tables.of_numbers()]
    found.sort(key=lambda each: -each["coefficient"])
    return [each for each in found if each["coefficient"] >= _LEAST][:_MOST]


def _batches(file: Any, places: list[int]) -> Iterator[dict[int, Any]]:
    if not places:
        return
    names = [file.schema_arrow.names[place] for place in places]
    size = max(1024, _BATCH_CELLS // len(places))
    for batch in file.iter_batches(batch_size=size, columns=names, use_threads=False):
        yield {place: batch.column(name) for place, name in zip(places, names, strict=True)}


class _Tables:
    """The counts and sums that the measures are made of."""

    def __init__(self, categories: list[int], numbers: list[int], profiles: Sequence[Mapping[str, Any]]) -> None:
        self._categories, self._numbers, self._profiles = categories, numbers, profiles
        self._known: dict[int, dict[Any, int]] = {place: {} for place in categories}
        width = MOST_CATEGORIES
        self._counts = {pair: np.zeros(width * width, np.int64) for pair in combinations(categories, 2)}
        self._groups = {(left, right): np.zeros((3, width)) for left in categories for right in numbers}

    def add(self, batch: Mapping[int, Any]) -> None:
        codes = {place: self._coded(place, batch[place]) for place in self._categories}
        for (left, right), counts in self._counts.items():
            both = (codes[left] >= 0) & (codes[right] >= 0)
            cells = codes[left][both] * MOST_CATEGORIES + codes[right][both]
            self._counts[left, right] = counts + np.bincount(cells, minlength=len(counts))
        for right in self._numbers:
            values = batch[right].cast("float64", safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
            # Moved to the mean and scaled to the deviation, so that squares lose no digits.
            figures = self._profiles[right]["numeric"]
            centred = (values - figures["mean"]) / (figures.get("standard_deviation") or 1.0)
            for left in self._categories:
                both = (codes[left] >= 0) & np.isfinite(centred)
                self._add_group(self._groups[left, right], codes[left][both], centred[both])

    def _add_group(self, sums: Numbers, codes: Codes, values: Numbers) -> None:
        sums[0] += np.bincount(codes, minlength=MOST_CATEGORIES)
        sums[1] += np.bincount(codes, values, MOST_CATEGORIES)
        sums[2] += np.bincount(codes, values * values, MOST_CATEGORIES)

    def _coded(self, place: int, values: Any) -> Codes:
        """The column's categories as numbers that hold for all batches; -1 where it is missing."""
        known = self._known[place]
        encoded = values.dictionary_encode()
        numbers = [known.setdefault(value, len(known)) for value in encoded.dictionary.to_pylist()]
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes: Codes = np.append(np.array(numbers, np.int64), -1)[indices]
        return codes

    def _entry(self, left: int, right: int, measure: str, coefficient: float, count: int) -> dict[str, Any]:
        return {
            "left": self._profiles[left]["name"],
            "right": self._profiles[right]["name"],
            "measure": measure,
            "coefficient": coefficient,
            "count": count,
        }

    def between_categories(self) -> Iterator[dict[str, Any]]:
        """Cramér's V of every pair."""
        for (left, right), counts in self._counts.items():
            table = counts.reshape(MOST_CATEGORIES, MOST_CATEGORIES)
            found = cramers_v(table[table.any(axis=1)][:, table.any(axis=0)])
            if found is not None:
                coefficient, corrected, chi_square, freedom = found
                yield self._entry(left, right, "cramers_v", coefficient, int(table.sum())) | {
                    "chi_square": chi_square,
                    "degrees_of_freedom": freedom,
                    "corrected": corrected,
                }

    def of_numbers(self) -> Iterator[dict[str, Any]]:
        """The correlation ratio (eta) of every number by every category."""
        for (left, right), (count, total, squares) in self._groups.items():
            rows = count.sum()
            present = count > 0
            if rows < 3 or present.sum() < 2 or present.sum() >= rows:
                continue
            spread = squares.sum() - total.sum() ** 2 / rows
            between = (total[present] ** 2 / count[present]).sum() - total.sum() ** 2 / rows
            if spread > 1e-12 * max(squares.sum(), 1e-300):
                ratio = math.sqrt(min(1.0, max(0.0, between / spread)))
                yield self._entry(left, right, "correlation_ratio", ratio, int(rows))


def cramers_v(table: npt.NDArray[Any]) -> tuple[float, float, float, int] | None:
    """Cramér's V, the same corrected for bias, chi-square and its degrees of freedom of a table without empty lines."""
    rows, columns = table.shape
    count = table.sum()
    if rows < 2 or columns < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / count
    chi_square = float(((table - expected) ** 2 / expected).sum())
    coefficient = math.sqrt(min(1.0, chi_square / (count * (min(rows, columns) - 1))))
    excess = max(0.0, chi_square / count - (rows - 1) * (columns - 1) / (count - 1))
    fewer_rows, fewer_columns = rows - (rows - 1) ** 2 / (count - 1), columns - (columns - 1) ** 2 / (count - 1)
    least = min(fewer_rows, fewer_columns) - 1
    corrected = math.sqrt(min(1.0, excess / least)) if least > 0 else 0.0
    return coefficient, corrected, chi_square, (rows - 1) * (columns - 1)
