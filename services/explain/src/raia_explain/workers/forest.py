"""Trees of every library in one form: arrays over all nodes of an ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

LEAF = -1
_ZERO_IS_MISSING = 1


class NotReadable(Exception):
    """The ensemble uses something that these arrays cannot express: its library explains it instead."""


@dataclass(frozen=True)
class Tree:
    """One tree; nodes are numbered from the root, 0."""

    left: np.ndarray
    """Left child of each node, ``LEAF`` for a leaf."""
    right: np.ndarray
    feature: np.ndarray
    """The encoded column that an inner node looks at."""
    threshold: np.ndarray
    """Rows whose value is not above (``Forest.strict``: is below) it go left."""
    cover: np.ndarray
    """How much of the training data reached each node."""
    value: np.ndarray
    """What each leaf adds to the tree's outputs, (nodes, its outputs)."""
    outputs: tuple[int, ...]
    """The model's outputs that the tree adds to."""


@dataclass(frozen=True)
class Forest:
    """Trees whose values are added up, with what they are added to."""

    trees: Sequence[Tree]
    offset: np.ndarray
    """Float64 (k,)."""
    strict: bool = False
    """Whether a value equal to the threshold goes right."""
    single: bool = False
    """Whether values are rounded to 32 bits before they are compared."""

    def of_output(self, output: int) -> "Forest":
        """The trees of one output alone."""
        trees = [
            replace(tree, value=tree.value[:, [tree.outputs.index(output)]], outputs=(0,))
            for tree in self.trees
            if output in tree.outputs
        ]
        return replace(self, trees=trees, offset=self.offset[[output]])


def read(algorithm: str, estimator: Any) -> Forest:
    """The trees of a model's native estimator; raises ``NotReadable``."""
    try:
        return _READERS[algorithm](estimator)
    except (KeyError, AttributeError) as error:
        raise NotReadable(f"{algorithm}: {error}") from error


def _random_forest(estimator: Any) -> Forest:
    classifier = hasattr(estimator, "classes_")
    share = 1.0 / len(estimator.estimators_)
    trees = []
    for each in estimator.estimators_:
        tree = each.tree_
        value = tree.value[:, 0, :]
        if classifier:
            value = value / value.sum(axis=1, keepdims=True)
            value = value[:, 1:] if value.shape[1] == 2 else value
        trees.append(
            Tree(
                left=tree.children_left,
                right=tree.children_right,
                feature=tree.feature,
                threshold=tree.threshold,
                cover=tree.weighted_n_node_samples,
                value=value * share,
                outputs=tuple(range(value.shape[1])),
            )
        )
    return Forest(trees, np.zeros(trees[0].value.shape[1]), single=True)


def _hist_gradient_boosting(estimator: Any) -> Forest:
    offset = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1)
    trees = []
    for round_ in estimator._predictors:
        for output, predictor in enumerate(round_):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise NotReadable("categorical splits")
            leaf = nodes["is_leaf"].astype(bool)
            trees.append(
                Tree(
                    left=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
                    right=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
                    feature=nodes["feature_idx"].astype(np.int64),
                    threshold=nodes["num_threshold"],
                    cover=nodes["count"].astype(np.float64),
                    value=nodes["value"][:, None],
                    outputs=(output,),
                )
            )
    return Forest(trees, offset)


def _lightgbm(booster: Any) -> Forest:
    header, *parts = booster.model_to_string(num_iteration=-1).split("\n\n\nend of trees")[0].split("\nTree=")
    described = _pairs(header)
    outputs = int(described["num_tree_per_iteration"])
    if "average_output" in header.split():
        raise NotReadable("averaged trees")
    trees = [_lightgbm_tree(_pairs(part), place % outputs) for place, part in enumerate(parts)]
    return Forest(trees, np.zeros(outputs))


def _lightgbm_tree(tree: dict[str, str], output: int) -> Tree:
    """A tree of LightGBM's text: inner nodes are numbered from the root, leaves apart, named by ~number."""
    leaves = int(tree["num_leaves"])
    inner = leaves - 1
    if int(tree.get("num_cat", 0)) or int(tree.get("is_linear", 0)):
        raise NotReadable("categorical splits or linear leaves")
    kinds = _numbers(tree, "decision_type", inner).astype(np.int64)
    if ((kinds >> 2) & 3 == _ZERO_IS_MISSING).any():
        raise NotReadable("zero as missing")

    def children(side: str) -> np.ndarray:
        found = _numbers(tree, side, inner).astype(np.int64)
        return np.concatenate([np.where(found < 0, inner + ~found, found), np.full(leaves, LEAF)])

    ones = np.ones(leaves)
    return Tree(
        left=children("left_child"),
        right=children("right_child"),
        feature=np.concatenate([_numbers(tree, "split_feature", inner), np.zeros(leaves)]).astype(np.int64),
        threshold=np.concatenate([_numbers(tree, "threshold", inner), np.zeros(leaves)]),
        cover=np.concatenate(
            [_numbers(tree, "internal_count", inner), _numbers(tree, "leaf_count", leaves) if inner else ones]
        ),
        value=np.concatenate([np.zeros(inner), _numbers(tree, "leaf_value", leaves)])[:, None],
        outputs=(output,),
    )


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _numbers(tree: dict[str, str], name: str, count: int) -> np.ndarray:
    found = np.array(tree[name].split(), dtype=np.float64) if count else np.zeros(0)
    if len(found) != count:
        raise NotReadable(f"{name} has {len(found)} values, not {count}")
    return found


def _xgboost(booster: Any) -> Forest:
    learner = orjson.loads(bytes(booster.save_raw(raw_format="json")))["learner"]
    model = learner["gradient_booster"]["model"]
    if learner["gradient_booster"]["name"] != "gbtree":
        raise NotReadable("boosters other than gbtree")
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    trees = [_xgboost_tree(each, int(output)) for each, output in zip(model["trees"], model["tree_info"], strict=True)]
    return Forest(trees, _xgboost_offset(learner, outputs), strict=True, single=True)


def _xgboost_tree(tree: dict[str, Any], output: int) -> Tree:
    if any(tree.get("split_type", ())):
        raise NotReadable("categorical splits")
    left = np.array(tree["left_children"], dtype=np.int64)
    # A leaf keeps its value where an inner node keeps its threshold; both are numbers of 32 bits.
    condition = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    return Tree(
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=condition,
        cover=np.array(tree["sum_hessian"], dtype=np.float64),
        value=np.where(left == LEAF, condition, 0.0)[:, None],
        outputs=(output,),
    )


def _xgboost_offset(learner: dict[str, Any], outputs: int) -> np.ndarray:
    score = np.array(orjson.loads(f"[{learner['learner_model_param']['base_score'].strip('[]')}]"), dtype=np.float64)
    objective = learner["objective"]["name"]
    if objective in ("binary:logistic", "reg:logistic"):
        score = np.log(score / (1.0 - score))
    elif objective not in ("reg:squarederror", "multi:softprob", "multi:softmax", "binary:logitraw"):
        raise NotReadable(f"objective {objective}")
    return np.broadcast_to(score, (outputs,)).astype(np.float64)


_READERS = {
    "random_forest": _random_forest,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}
