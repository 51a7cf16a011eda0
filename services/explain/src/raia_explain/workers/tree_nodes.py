"""Trees made ready for SHAP values: what does not depend on rows, worked out once for all nodes of some trees."""

from dataclasses import dataclass

import numpy as np

from raia_explain.workers.forest import LEAF, Tree


@dataclass(frozen=True)
class Level:
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
class Walk:
    """All nodes of some trees in depth-first order, as the compiled loops take them."""

    depth: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    is_left: np.ndarray
    earlier: np.ndarray
    factors: np.ndarray
    weights: np.ndarray
    value: np.ndarray
    """The leaves' values, (outputs, n)."""


@dataclass(frozen=True)
class Block:
    """Some trees, prepared for arrays."""

    levels: tuple[Level, ...]
    outputs: tuple[int, ...]
    """The model's outputs that the trees add to."""
    feature: np.ndarray
    """Column of each split, (s,)."""
    threshold: np.ndarray
    nodes: int
    points: int


class Nodes:
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
        self.outputs = trees[0].outputs
        points, weights = np.polynomial.legendre.leggauss(max(1, (int(self.distinct.max()) + 1) // 2))
        self.points, self.weights = (points + 1) / 2, weights / 2

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

    def block(self) -> Block:
        """The nodes prepared for arrays."""
        return Block(
            levels=tuple(self._level(depth) for depth in range(int(self.depth.max()) + 1)),
            outputs=self.outputs,
            feature=self.feature[self.splits],
            threshold=self.threshold[self.splits],
            nodes=len(self.left),
            points=len(self.points),
        )

    def walk(self) -> Walk:
        """The nodes prepared for compiled loops."""
        order = self._depth_first()
        parent = np.maximum(self.parent, 0)
        factors, shares = _cases(self.before, self.after, self.points, self.weights)
        shape = (len(order), 3, len(self.points))
        return Walk(
            depth=self.depth[order],
            feature=np.maximum(self.above, 0)[order],
            threshold=self.threshold[parent][order],
            is_left=(self.left[parent] == np.arange(len(order)))[order],
            earlier=np.where(self.earlier >= 0, self.depth[self.earlier], 0)[order],
            factors=factors.reshape(shape)[order],
            weights=shares.reshape(shape)[order],
            value=np.ascontiguousarray(self.value[order].T),
        )

    def _depth_first(self) -> np.ndarray:
        order, waiting = [], np.flatnonzero(self.parent < 0)[::-1].tolist()
        left, right = self.left.tolist(), self.right.tolist()
        while waiting:
            node = waiting.pop()
            order.append(node)
            if left[node] != LEAF:
                waiting += [right[node], left[node]]
        return np.array(order, dtype=np.intp)

    def _level(self, depth: int) -> Level:
        """The nodes of one depth."""
        low, high = np.searchsorted(self.depth, [depth, depth + 1])
        here = slice(low, high)
        above = np.searchsorted(self.depth, depth - 1) if depth else 0
        leaves = int((self.left[here] == LEAF).sum())
        by_column = np.argsort(self.above[here], kind="stable")
        columns, starts = np.unique(self.above[here][by_column], return_index=True)
        factors, shares = _cases(self.before[here], self.after[here], self.points, self.weights)
        parent = np.maximum(self.parent[here], 0)
        return Level(
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
