"""The arithmetic of ``tree_shap`` as compiled loops, for work that is worth loading a compiler.

Importing this module takes a second; the first call ever on a machine compiles for some seconds more, later ones load
what was compiled then. Trees are walked in depth-first order, ``LANES`` rows at a time, so that everything a path needs
stays in the processor's first cache and each step is a few vector instructions.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

LANES = 32
"""Rows that are explained at once; their number must be a multiple of it."""
F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {"fastmath": {"contract", "nsz"}, "error_model": "numpy", "nogil": True}


def _compiled(function: F) -> F:
    try:
        return cast("F", numba.njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # no folder to keep compiled code in: it is compiled in each process
        return cast("F", numba.njit(**_OPTIONS)(function))


@_compiled
def _follow(  # noqa: PLR0917 - compiled code takes no keywords
    values: np.ndarray, threshold: float, strict: bool, left: bool, before: np.ndarray, after: np.ndarray
) -> None:
    """Sets ``after`` to 1 where the row followed the path before and follows this split, too, else to 0."""
    below = 1.0 if left else 0.0
    above = 1.0 - below
    if strict:
        for lane in range(LANES):
            after[lane] = before[lane] * (below if values[lane] < threshold else above)
    else:
        for lane in range(LANES):
            after[lane] = before[lane] * (below if values[lane] <= threshold else above)


@_compiled
def _grow(  # noqa: PLR0917
    factors: np.ndarray, before: np.ndarray, after: np.ndarray, product: np.ndarray, grown: np.ndarray, by: float
) -> None:
    """Multiplies the products above a node by its factors, of three cases, and by a number: ``grown``, (q, lanes)."""
    for point in range(factors.shape[1]):
        left_earlier = factors[0, point]
        leaves = factors[2, point] - left_earlier
        follows = factors[1, point] - factors[2, point]
        for lane in range(LANES):
            factor = left_earlier + before[lane] * leaves + after[lane] * follows
            grown[point, lane] = by * (product[point, lane] * factor)


@_compiled
def _gather(  # noqa: PLR0917
    weights: np.ndarray, before: np.ndarray, after: np.ndarray, sums: np.ndarray, above: np.ndarray, found: np.ndarray
) -> None:
    """Adds a node's sums to those above it, and its share of them to the values of its column, (lanes,)."""
    share = np.zeros(LANES)
    for point in range(weights.shape[1]):
        leaves = weights[2, point]
        follows = weights[1, point] - leaves
        for lane in range(LANES):
            below = sums[point, lane]
            above[point, lane] += below
            share[lane] += (leaves * before[lane] + follows * after[lane]) * below
    for lane in range(LANES):
        found[lane] += share[lane]


@_compiled
def explain(  # noqa: PLR0917
    columns: np.ndarray,
    strict: bool,
    depth: np.ndarray,
    feature: np.ndarray,
    threshold: np.ndarray,
    is_left: np.ndarray,
    earlier: np.ndarray,
    factors: np.ndarray,
    weights: np.ndarray,
    value: np.ndarray,
    found: np.ndarray,
) -> None:
    """Adds the SHAP values of trees, (m, rows), to ``found`` for rows given as (m, rows).

    Nodes are in depth-first order, the left child first; what is told of a node is about the split above it:
    ``earlier`` is the depth of the nearest node further up below a split on the same column, 0 for none. ``factors``
    and ``weights`` are (nodes, 3, q), ``value`` (nodes,) is that of leaves.
    """
    nodes, points = depth.shape[0], factors.shape[2]
    levels = depth.max() + 1
    products, sums = np.ones((levels, points, LANES)), np.zeros((levels, points, LANES))
    before, after = np.ones((levels, LANES)), np.ones((levels, LANES))
    path = np.zeros(levels, np.int64)
    for start in range(0, columns.shape[1], LANES):
        rows = slice(start, start + LANES)
        for node in range(nodes):
            here = depth[node]
            if here == 0:
                continue
            path[here] = node
            before[here] = after[earlier[node]]
            _follow(columns[feature[node], rows], threshold[node], strict, is_left[node], before[here], after[here])
            follower = depth[node + 1] if node + 1 < nodes else 0
            if follower > here:
                _grow(factors[node], before[here], after[here], products[here - 1], products[here], 1.0)
                sums[here] = 0.0
                continue
            _grow(factors[node], before[here], after[here], products[here - 1], sums[here], value[node])
            for level in range(here, max(follower, 1) - 1, -1):
                done = path[level]
                _gather(
                    weights[done], before[level], after[level], sums[level], sums[level - 1], found[feature[done], rows]
                )
