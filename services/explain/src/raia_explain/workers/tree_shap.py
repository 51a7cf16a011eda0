"""Exact path-dependent SHAP values of trees, by quadrature over levels.

A leaf of value v whose path looks at u columns answers, when only the columns of a set S are known, v times the product
over the path's columns of b (1 if the row satisfies all of the path's splits on that column, else 0) for columns in S
and of r (the product of the shares of training data that follow the path at these splits) for the others. Its Shapley
value for column i is an integral over t from 0 to 1:

    v (b_i - r_i) ∫ ∏_{j≠i} (t b_j + (1 - t) r_j) dt

The integrand is a polynomial of degree u - 1, so Gauss-Legendre quadrature with u/2 nodes gives it exactly but for
rounding; all weights are positive, so nothing cancels. The products are built down the trees, the sums over leaves up,
for all nodes of a level and many rows at once.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from raia_explain.workers.forest import LEAF, Forest, Tree
from raia_explain.workers.tree_nodes import Block, Nodes, Walk

COMPILED_FROM = 100_000_000
"""Rows times nodes times quadrature points from which on compiled loops are worth loading: about a second's work."""
_BLOCK_BYTES = 512 * 1024
_BLOCK_NODES = 2_000
"""Size of the arrays worked on at once, and nodes to a block: they fit the processor's cache."""


class TreeShap:
    """SHAP values of a forest for any number of rows."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._nodes = [Nodes(trees) for trees in _grouped(forest.trees)]
        self._steps = sum(len(nodes.left) * len(nodes.points) for nodes in self._nodes)
        self.base = forest.offset.copy()
        """What the forest answers without knowing anything of a row, float64 (k,)."""
        for tree in forest.trees:
            self.base[list(tree.outputs)] += _expectation(tree)

    @cached_property
    def _blocks(self) -> list[Block]:
        return [nodes.block() for nodes in self._nodes]

    @cached_property
    def _walks(self) -> list[Walk]:
        return [nodes.walk() for nodes in self._nodes]

    def values(self, encoded: np.ndarray) -> np.ndarray:
        """SHAP values of rows, float64 (n, m) without missing values, as float64 (n, m, k).

        Much work is done by compiled loops, whose compiler takes seconds to load, less by arrays.
        """
        rows = encoded.astype(np.float32).astype(np.float64) if self._forest.single else encoded
        compiled = len(rows) * self._steps > COMPILED_FROM
        found = self._by_loops(rows) if compiled else self._by_arrays(rows)
        return found.transpose(2, 1, 0)

    def _by_arrays(self, rows: np.ndarray) -> np.ndarray:
        """The values as (k, m, n)."""
        found = np.zeros((len(self.base), rows.shape[1], len(rows)))
        for block in self._blocks:
            size = max(1, _BLOCK_BYTES // (8 * block.points * max(len(each.parent) for each in block.levels)))
            for start in range(0, len(rows), size):
                part = slice(start, start + size)
                _add(block, np.ascontiguousarray(rows[part].T), found[:, :, part], strict=self._forest.strict)
        return found

    def _by_loops(self, rows: np.ndarray) -> np.ndarray:
        """The values as (k, m, n)."""
        from raia_explain.workers import tree_kernel

        padded = -(-len(rows) // tree_kernel.LANES) * tree_kernel.LANES
        columns = np.zeros((rows.shape[1], padded))
        columns[:, : len(rows)] = rows.T
        found = np.zeros((len(self.base), *columns.shape))
        for nodes, walk in zip(self._nodes, self._walks, strict=True):
            for place, output in enumerate(nodes.outputs):
                tree_kernel.explain(
                    columns,
                    self._forest.strict,
                    walk.depth,
                    walk.feature,
                    walk.threshold,
                    walk.is_left,
                    walk.earlier,
                    walk.factors,
                    walk.weights,
                    walk.value[place],
                    found[output],
                )
        return found[:, :, : len(rows)]


def _add(block: Block, columns: np.ndarray, found: np.ndarray, *, strict: bool) -> None:
    """Adds a block's SHAP values of some rows, given as (m, n), to ``found``, (k, m, n)."""
    seen = columns[block.feature]
    goes_left = seen < block.threshold[:, None] if strict else seen <= block.threshold[:, None]
    follows = np.ones((block.nodes, columns.shape[1]), dtype=bool)
    cases = _descend(block, goes_left, follows)
    products = [np.ones((len(block.levels[0].parent), columns.shape[1], block.points))]
    for level, case in zip(block.levels[1:], cases, strict=True):
        products.append(products[-1].take(level.parent, axis=0))
        products[-1] *= level.factors.take(case, axis=0)
    for place, output in enumerate(block.outputs):
        _ascend(block, products, cases, found[output], place)


def _descend(block: Block, goes_left: np.ndarray, follows: np.ndarray) -> list[np.ndarray]:
    """Which case each node of each level but the first is for each row, as a place in ``factors``; (n, rows)."""
    cases = []
    for level in block.levels[1:]:
        before = follows.take(level.earlier, axis=0)
        after = goes_left.take(level.split, axis=0) == level.is_left[:, None]
        after &= before
        follows[level.first : level.first + len(after)] = after
        # 0: the path was left at an earlier split on the column; 1: the row still follows it; 2: it leaves it here.
        case = before.astype(np.intp) * 2
        case -= after
        case += np.arange(0, 3 * len(after), 3)[:, None]
        cases.append(case)
    return cases


def _ascend(block: Block, products: list[np.ndarray], cases: list[np.ndarray], found: np.ndarray, place: int) -> None:
    below: np.ndarray | None = None
    for depth in range(len(block.levels) - 1, 0, -1):
        level = block.levels[depth]
        leaves = len(level.values)
        sums = np.empty_like(products[depth])
        np.multiply(products[depth][:leaves], level.values[:, place, None, None], out=sums[:leaves])
        if below is not None:
            np.add(below.take(level.left, axis=0), below.take(level.right, axis=0), out=sums[leaves:])
        shares = np.einsum("nrq,nrq->nr", sums, level.weights.take(cases[depth - 1], axis=0))
        found[level.columns] += np.add.reduceat(shares.take(level.by_column, axis=0), level.starts, axis=0)
        below = sums


def _expectation(tree: Tree) -> np.ndarray:
    """The mean of the leaves' values by the share of data that reached them, (k,)."""
    reach = np.zeros(len(tree.left))
    reach[0] = 1.0
    order = [0]
    for node in order:
        if tree.left[node] == LEAF:
            continue
        for child in (int(tree.left[node]), int(tree.right[node])):
            reach[child] = reach[node] * (tree.cover[child] / tree.cover[node] if tree.cover[node] > 0 else 0.0)
            order.append(child)
    leaf = tree.left == LEAF
    return np.asarray(reach[leaf] @ tree.value[leaf], dtype=np.float64)


def _grouped(trees: Iterable[Tree]) -> Iterator[list[Tree]]:
    """Trees of the same outputs, in groups large enough to be worth an array operation."""
    group: list[Tree] = []
    nodes = 0
    for tree in sorted(trees, key=lambda each: each.outputs):
        if group and tree.outputs != group[0].outputs:
            yield group
            group, nodes = [], 0
        group.append(tree)
        nodes += len(tree.left)
        if nodes > _BLOCK_NODES:
            yield group
            group, nodes = [], 0
    if group:
        yield group
