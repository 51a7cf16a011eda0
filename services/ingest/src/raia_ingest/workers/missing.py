# ruff: noqa: S608 - queries are made of column positions and constants, never of names or values from a file
"""Which columns are missing together: every combination counted exactly, streaming."""

import math
from itertools import combinations
from typing import Any

import duckdb
import numpy as np

MOST_COLUMNS = 100
"""Columns with missing values that are compared; each combination is kept as two words of 50 bits."""
_PATTERNS = 50
_PAIRS = 100
_WORD = 50
_LEAST = 0.05
"""Weaker correlations are left out."""


def missing_together(
    connection: duckdb.DuckDBPyConnection, positions: list[int], names: list[str], rows: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The combinations of the columns c``position`` that are missing together in the view ``data``, and the pairs.

    ``positions`` are those of columns that have missing values; ``names`` those of all columns.
    """
    if not positions or not rows:
        return [], []
    words = [positions[start : start + _WORD] for start in range(0, len(positions), _WORD)]
    masks = [
        " + ".join(f"(c{position} is null)::bigint * {1 << bit}" for bit, position in enumerate(word)) for word in words
    ]
    selected = ", ".join(f"{mask} m{number}" for number, mask in enumerate(masks))
    keys = ", ".join(f"m{number}" for number in range(len(masks)))
    connection.execute(
        f"create or replace temp table masks as select {keys}, count(*) n from (select {selected} from data) "
        "group by all"
    )
    top = connection.execute(f"select {keys}, n from masks order by n desc, {keys} limit {_PATTERNS}").fetchall()
    patterns = [{"columns": _columns(row[:-1], words, names), "count": row[-1]} for row in top]
    pairs = _pairs(connection, keys, words, names, rows)
    connection.execute("drop table masks")
    return patterns, pairs


def _columns(masks: tuple[int, ...], words: list[list[int]], names: list[str]) -> list[str]:
    return [
        names[position]
        for mask, word in zip(masks, words, strict=True)
        for bit, position in enumerate(word)
        if mask >> bit & 1
    ]


def _pairs(
    connection: duckdb.DuckDBPyConnection, keys: str, words: list[list[int]], names: list[str], rows: int
) -> list[dict[str, Any]]:
    """The strongest pairs, by the correlation of "is missing"."""
    width = sum(map(len, words))
    together = np.zeros((width, width))
    found = connection.execute(f"select {keys}, n from masks")
    while batch := found.fetchmany(50_000):
        table = np.array(batch, dtype=np.int64)
        bits = np.concatenate(
            [(table[:, [number]] >> np.arange(len(word), dtype=np.int64)) & 1 for number, word in enumerate(words)],
            axis=1,
        ).astype(np.float64)
        together += bits.T @ (bits * table[:, [-1]])
    positions = [position for word in words for position in word]
    pairs: list[dict[str, Any]] = []
    for left, right in combinations(range(width), 2):
        coefficient = _phi(together[left, right], together[left, left], together[right, right], rows)
        if coefficient is not None and abs(coefficient) >= _LEAST:
            pairs.append(
                {
                    "left": names[positions[left]],
                    "right": names[positions[right]],
                    "count": int(together[left, right]),
                    "coefficient": coefficient,
                }
            )
    pairs.sort(key=lambda pair: -abs(pair["coefficient"]))
    return pairs[:_PAIRS]


def _phi(both: float, left: float, right: float, rows: int) -> float | None:
    """Pearson's correlation of two columns of zeros and ones; None when one is always or never missing."""
    spread = left * (rows - left) * right * (rows - right)
    if spread <= 0:
        return None
    return float(max(-1.0, min(1.0, (both * rows - left * right) / math.sqrt(spread))))
