"""Pearson's correlation of every pair of numeric columns, streaming over a Parquet file."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

Matrix = npt.NDArray[np.float64]
_BATCH_CELLS = 2_000_000
_FLOOR = 1e-14


@dataclass
class _Sums:
    """Row i, column j of ``sums`` and ``squares``: column i over the rows on which column j is present too."""

    counts: Matrix
    sums: Matrix
    squares: Matrix
    products: Matrix

    @classmethod
    def zeros(cls, width: int) -> "_Sums":
        return cls(*(np.zeros((width, width)) for _ in range(4)))

    def add(self, values: Matrix, present: Matrix) -> None:
        self.counts += present.T @ present
        self.sums += values.T @ present
        self.squares += (values * values).T @ present
        self.products += values.T @ values

    def pair(self, left: int, right: int) -> tuple[int, float | None]:
        """How many rows two columns share, and their coefficient where both vary on them."""
        count = self.counts[left, right]
        if count < 2:
            return int(count), None
        covariance = self.products[left, right] - self.sums[left, right] * self.sums[right, left] / count
        left_spread = self.squares[left, right] - self.sums[left, right] ** 2 / count
        right_spread = self.squares[right, left] - self.sums[right, left] ** 2 / count
        # What cancels down to rounding errors is no spread.
        if left_spread <= _FLOOR * self.squares[left, right] or right_spread <= _FLOOR * self.squares[right, left]:
            return int(count), None
        return int(count), float(np.clip(covariance / np.sqrt(left_spread * right_spread), -1.0, 1.0))


def pearson(path: Path, positions: list[int], names: list[str]) -> list[dict[str, Any]]:
    """One entry a pair of the columns at ``positions``, over the rows on which both are present and finite.

    Each holds left, right, count and, where both columns vary on those rows, coefficient.
    """
    if len(positions) < 2:
        return []
    with pq.ParquetFile(path) as file:
        ordered = [file.schema_arrow.names[position] for position in positions]
        rows = max(1024, _BATCH_CELLS // len(positions))
        centres, scales = _centres(file, ordered, rows)
        totals = _Sums.zeros(len(ordered))
        for values, present in _batches(file, ordered, rows):
            # Columns are moved to their mean and scaled to their largest deviation: no sum loses digits or overflows.
            totals.add(np.where(present, (values - centres) / scales, 0.0), present.astype(np.float64))
    pairs = []
    for left, right in combinations(range(len(ordered)), 2):
        count, coefficient = totals.pair(left, right)
        pair: dict[str, Any] = {"left": names[positions[left]], "right": names[positions[right]], "count": count}
        pairs.append(pair if coefficient is None else pair | {"coefficient": coefficient})
    return pairs


def _centres(file: Any, names: list[str], rows: int) -> tuple[Matrix, Matrix]:
    width = len(names)
    total, count = np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for values, present in _batches(file, names, rows):
        count += present.sum(axis=0)
        with np.errstate(over="ignore"):
            total += np.where(present, values / 2, 0.0).sum(axis=0)
        low = np.minimum(low, np.where(present, values, np.inf).min(axis=0, initial=np.inf))
        high = np.maximum(high, np.where(present, values, -np.inf).max(axis=0, initial=-np.inf))
    centres = np.where(count > 0, total / np.maximum(count, 1) * 2, 0.0)
    centres = np.where(np.isfinite(centres), centres, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        scales = np.where(count > 0, np.maximum(high - centres, centres - low), 1.0)
    return centres, np.where(np.isfinite(scales) & (scales > 0), scales, 1.0)


def _batches(file: Any, names: list[str], rows: int) -> Iterator[tuple[Matrix, npt.NDArray[np.bool_]]]:
    """Pairs of values and of flags that tell which are present and finite."""
    for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
        by_name = {name: batch.column(name) for name in names}
        values = np.column_stack(
            [
                by_name[name].cast("float64", safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
                for name in names
            ]
        )
        present = np.isfinite(values)
        yield np.where(present, values, 0.0), present
