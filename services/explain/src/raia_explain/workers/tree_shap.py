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
from dataclasses import dataclass

import numpy as np

from raia_explain.workers.forest import LEAF, Forest, Tree

_BLOCK_BYTES = 512 * 1024
_BLOCK_NODES = 2_000
"""Size of the arrays worked on at once, and nodes to a block: they fit the processor's cache."""


@dataclass(frozen=True)
class _Level:
    """The nodes of one depth, leaves first; n nodes, l of them leaves, q quadrature points."""

    parent: np.ndarray
    """Place of each node's parent in the level above, (n,)."""
    split: np.ndarray
    """Number of the split above each node, (n,)."""
    is_left: np.ndarray
    earlier: np.ndarray
    """The node further up whose path from above looks at the same column, as a number of all nodes; 0 for none."""
    factors: np.ndarray
    """What the product is multiplied by, (n * 3, q): see ``_cases``."""
    weights: np.ndarray
    """What the sums below are weighted with, (n * 3, q)."""
    left: np.ndarray
    """Places of the inner nodes' children in the level below, (n - l,)."""
    right: np.ndarray
    values: np.ndarray
    """The leaves' values, (l, k)."""
    by_column: np.ndarray
    """The nodes in the order of the column that the split above looks at, (n,)."""
    starts: np.ndarray
    """Where each column's nodes begin in that order, (f,)."""
    columns: np.ndarray
    """These columns, (f,)."""
    first: int
    """Number of the level's first node among all."""


@dataclass(frozen=True)
class _Block:
    """Some trees, prepared."""

    levels: tuple[_Level, ...]
    outputs: tuple[int, ...]
    """The model's outputs that the trees add to."""
    feature: np.ndarray
    """Column of each split, (s,)."""
    threshold: np.ndarray
    nodes: int
    points: int


class TreeShap:
    """SHAP values of a forest for any number of rows."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._blocks = [_prepare(trees) for trees in _grouped(forest.trees)]
        self.base = forest.offset.copy()
        """What the forest answers without knowing anything of a row, float64 (k,)."""
        for tree in forest.trees:
            self.base[list(tree.outputs)] += _expectation(tree)

    def values(self, encoded: np.ndarray) -> np.ndarray:
        """SHAP values of rows, float64 (n, m) without missing values, as float64 (n, m, k)."""
        rows = encoded.astype(np.float32).astype(np.float64) if self._forest.single else encoded
        found = np.zeros((len(self.base), encoded.shape[1], len(rows)))
        for block in self._blocks:
            size = max(1, _BLOCK_BYTES // (8 * block.points * max(len(each.parent) for each in block.levels)))
            for start in range(0, len(rows), size):
                part = slice(start, start + size)
                _add(block, np.ascontiguousarray(rows[part].T), found[:, :, part], strict=self._forest.strict)
        return found.transpose(2, 1, 0)


def _add(block: _Block, columns: np.ndarray, found: np.ndarray, *, strict: bool) -> None:
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


def _descend(block: _Block, goes_left: np.ndarray, follows: np.ndarray) -> list[np.ndarray]:
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


def _ascend(block: _Block, products: list[np.ndarray], cases: list[np.ndarray], found: np.ndarray, place: int) -> None:
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


def _prepare(trees: list[Tree]) -> _Block:
    """Puts the trees' nodes in order of their levels and works out what does not depend on rows."""
    nodes = _Nodes(trees)
    points, weights = np.polynomial.legendre.leggauss(max(1, (int(nodes.distinct.max()) + 1) // 2))
    return _Block(
        levels=tuple(nodes.level(depth, (points + 1) / 2, weights / 2) for depth in range(int(nodes.depth.max()) + 1)),
        outputs=trees[0].outputs,
        feature=nodes.feature[nodes.splits],
        threshold=nodes.threshold[nodes.splits],
        nodes=len(nodes.left),
        points=len(points),
    )


class _Nodes:
    """All nodes of some trees, ordered by level, leaves first in each."""

    def __init__(self, trees: list[Tree]) -> None:
        sizes = [len(tree.left) for tree in trees]
        begin = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        shift = np.repeat(begin, sizes)
        left = np.concatenate([tree.left for tree in trees]).astype(np.intp)
        right = np.concatenate([tree.right for tree in trees]).astype(np.intp)
        inner = left != LEAF
        left, right = np.where(inner, left + shift, LEAF), np.where(inner, right + shift, LEAF)
        feature = np.concatenate([tree.feature for tree in trees]).astype(np.intp)
        parent = np.full(len(left), -1, dtype=np.intp)
        where = np.flatnonzero(inner)
        parent[left[where]] = parent[right[where]] = where
        depth = _depths(parent, begin)
        above = np.where(parent >= 0, feature[parent], -1)
        order = np.lexsort((inner, depth))
        new = np.empty_like(order)
        new[order] = np.arange(len(order))
        self.left, self.right, self.parent = (
            np.where(links[order] >= 0, new[links[order]], -1) for links in (left, right, parent)
        )
        self.feature, self.depth, self.above = feature[order], depth[order], above[order]
        self.threshold = np.concatenate([tree.threshold for tree in trees])[order]
        self.cover = np.concatenate([tree.cover for tree in trees])[order]
        self.value = np.concatenate([tree.value for tree in trees])[order]
        self.splits = np.flatnonzero(self.left != LEAF)
        self.split_number = np.full(len(order), -1, dtype=np.intp)
        self.split_number[self.splits] = np.arange(len(self.splits))
        self.earlier = self._earlier()
        self._follow()

    def _earlier(self) -> np.ndarray:
        """For each node the nearest one further up, below a split on the same column; -1 for none."""
        found = np.full(len(self.left), -1, dtype=np.intp)
        at = np.where(self.parent >= 0, self.parent, -1)
        open_ = np.flatnonzero((at >= 0) & (self.above[at] >= 0))
        while len(open_):
            same = self.above[at[open_]] == self.above[open_]
            found[open_[same]] = at[open_[same]]
            open_ = open_[~same]
            at[open_] = self.parent[at[open_]]
            open_ = open_[self.above[at[open_]] >= 0]
        return found

    def _follow(self) -> None:
        """The share of data that follows the path at all splits on a node's column, before and with the last one."""
        whole = np.where(self.parent >= 0, self.cover[self.parent], 1.0)
        share = np.divide(self.cover, whole, out=np.zeros_like(whole), where=whole > 0)
        self.before, self.after = np.ones_like(share), share
        self.distinct = np.zeros(len(share), dtype=np.intp)
        for depth in range(1, int(self.depth.max()) + 1):
            here = np.flatnonzero(self.depth == depth)
            again = self.earlier[here] >= 0
            self.before[here] = np.where(again, self.after[self.earlier[here]], 1.0)
            self.after[here] = self.before[here] * share[here]
            self.distinct[here] = self.distinct[self.parent[here]] + ~again

    def level(self, depth: int, points: np.ndarray, weights: np.ndarray) -> _Level:
        """The nodes of one depth."""
        low, high = np.searchsorted(self.depth, [depth, depth + 1])
        here = slice(low, high)
        above = np.searchsorted(self.depth, depth - 1) if depth else 0
        leaves = int((self.left[here] == LEAF).sum())
        by_column = np.argsort(self.above[here], kind="stable")
        columns, starts = np.unique(self.above[here][by_column], return_index=True)
        factors, shares = _cases(self.before[here], self.after[here], points, weights)
        parent = np.maximum(self.parent[here], 0)
        return _Level(
            parent=parent - above,
            split=self.split_number[parent],
            is_left=self.left[parent] == np.arange(low, high),
            earlier=np.maximum(self.earlier[here], 0),
            factors=factors,
            weights=shares,
            left=self.left[here][leaves:] - high,
            right=self.right[here][leaves:] - high,
            values=self.value[here][:leaves],
            by_column=by_column,
            starts=starts,
            columns=columns,
            first=int(low),
        )


def _cases(
    before: np.ndarray, after: np.ndarray, points: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a node does to the product and with the sums below it, for the three things that a row can do there.

    The product's factor for the column changes from that of the earlier split to that of this one, and so does the
    column's share: what was added for the earlier split is taken back.
    """
    known, unknown = points, 1.0 - points
    on_before, on_after = known + unknown * before[:, None], known + unknown * after[:, None]
    off_after = unknown * after[:, None]
    again = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    factors = np.stack([np.broadcast_to(again[:, None], on_after.shape), on_after / on_before, off_after / on_before])
    taken_back = (1.0 - before[:, None]) * weights / on_before
    shares = np.stack(
        [
            np.zeros_like(on_after),
            (1.0 - after[:, None]) * weights / on_after - taken_back,
            np.broadcast_to(-weights / unknown, on_after.shape) - taken_back,
        ]
    )
    return _by_node(factors), _by_node(shares)


def _by_node(cases: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(cases.transpose(1, 0, 2)).reshape(-1, cases.shape[2])


def _depths(parent: np.ndarray, roots: np.ndarray) -> np.ndarray:
    depth = np.full(len(parent), -1, dtype=np.intp)
    depth[roots] = 0
    while (depth < 0).any():
        open_ = np.flatnonzero(depth < 0)
        known = depth[parent[open_]] >= 0
        depth[open_[known]] = depth[parent[open_[known]]] + 1
    return depth


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
