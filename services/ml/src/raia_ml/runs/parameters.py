"""The algorithms that can be trained, with their parameters: ranges, defaults, and what each task may use."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from raia_ml.errors import parameter_invalid, parameter_unknown, unsuitable

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = (CLASSIFICATION, REGRESSION)

Value = int | float | bool | str | None


@dataclass(frozen=True)
class Parameter:
    """One parameter of an algorithm."""

    type: Literal["integer", "number", "boolean", "choice"]
    default: Value
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()
    nullable: bool = False
    """Whether null, for no limit, is a value."""
    open: bool = False
    """Whether ``least`` itself is excluded."""
    task: str = ""
    """The only task that has it; both when empty."""

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        if self.type == "choice":
            text = " or ".join(f'"{choice}"' for choice in self.choices)
        elif self.type == "boolean":
            text = "true or false"
        else:
            kind = "a whole number" if self.type == "integer" else "a number"
            text = f"{kind} {'above' if self.open else 'from'} {self.least:g} {'and at most' if self.open else 'to'} "
            text += f"{self.most:g}"
        return f"{text}, or null" if self.nullable else text

    def read(self, value: object) -> Value:
        """The value as the algorithm takes it; raises ``ValueError`` when it is not ``wanted``."""
        if value is None and self.nullable:
            return None
        if self.type == "boolean" and isinstance(value, bool):
            return value
        if self.type == "choice" and isinstance(value, str) and value in self.choices:
            return value
        if self.type in ("integer", "number") and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        raise ValueError(self.wanted)

    def _number(self, value: float) -> int | float:
        if not math.isfinite(value) or not self.least <= value <= self.most or (self.open and value == self.least):
            raise ValueError(self.wanted)
        if self.type == "integer":
            if value != int(value):
                raise ValueError(self.wanted)
            return int(value)
        return float(value)


def _integer(default: int | None, least: int, most: int, *, nullable: bool = False) -> Parameter:
    return Parameter("integer", default, least, most, nullable=nullable)


def _number(default: float, least: float, most: float, *, above: bool = False) -> Parameter:
    return Parameter("number", default, least, most, open=above)


_WEIGHTS = Parameter("choice", "none", choices=("none", "balanced"), task=CLASSIFICATION)
_DEPTH = _integer(None, 1, 100, nullable=True)
_TREES = _integer(200, 1, 1000)
_ROUNDS = _integer(100, 1, 2000)
_RATE = _number(0.1, 0, 1, above=True)
_SHARE = _number(1.0, 0, 1, above=True)
_PENALTY = _number(0.0, 0, 1e6)


@dataclass(frozen=True)
class Trainable:
    """An algorithm: which tasks it does and which parameters it has."""

    tasks: tuple[str, ...]
    parameters: Mapping[str, Parameter]


TRAINABLE: dict[str, Trainable] = {
    "logistic_regression": Trainable(
        (CLASSIFICATION,),
        {
            "C": _number(1.0, 1e-6, 1e6),
            "max_iter": _integer(1000, 10, 100_000),
            "tol": _number(1e-6, 1e-12, 0.1),
            "class_weight": _WEIGHTS,
        },
    ),
    "linear_regression": Trainable((REGRESSION,), {"fit_intercept": Parameter("boolean", True)}),
    "ridge": Trainable((REGRESSION,), {"alpha": _number(1.0, 0, 1e9), "fit_intercept": Parameter("boolean", True)}),
    "random_forest": Trainable(
        TASKS,
        {
            "n_estimators": _TREES,
            "max_depth": _DEPTH,
            "min_samples_split": _integer(2, 2, 10_000),
            "min_samples_leaf": _integer(1, 1, 10_000),
            "max_features": Parameter("choice", "sqrt", choices=("sqrt", "log2", "third", "all")),
            "class_weight": _WEIGHTS,
        },
    ),
    "hist_gradient_boosting": Trainable(
        TASKS,
        {
            "max_iter": _ROUNDS,
            "learning_rate": _RATE,
            "max_leaf_nodes": _integer(31, 2, 1000, nullable=True),
            "max_depth": _DEPTH,
            "min_samples_leaf": _integer(20, 1, 10_000),
            "l2_regularization": _PENALTY,
            "class_weight": _WEIGHTS,
        },
    ),
    "xgboost": Trainable(
        TASKS,
        {
            "n_estimators": _ROUNDS,
            "learning_rate": _RATE,
            "max_depth": _integer(6, 1, 20),
            "min_child_weight": _number(1.0, 0, 1e6),
            "subsample": _SHARE,
            "colsample_bytree": _SHARE,
            "gamma": _PENALTY,
            "reg_alpha": _PENALTY,
            "reg_lambda": _number(1.0, 0, 1e6),
        },
    ),
    "lightgbm": Trainable(
        TASKS,
        {
            "n_estimators": _ROUNDS,
            "learning_rate": _RATE,
            "num_leaves": _integer(31, 2, 1000),
            "max_depth": _DEPTH,
            "min_child_samples": _integer(20, 1, 10_000),
            "subsample": _SHARE,
            "colsample_bytree": _SHARE,
            "reg_alpha": _PENALTY,
            "reg_lambda": _PENALTY,
        },
    ),
}
"""Every algorithm by the name that the contract has for it."""


def task_of(algorithm: str, wanted: str) -> str:
    """The task: the wanted one, else the only one that the algorithm does, else empty for "decide from the target".

    Raises ``Unsuitable``.
    """
    able = TRAINABLE[algorithm].tasks
    if not wanted:
        return able[0] if len(able) == 1 else ""
    if wanted not in able:
        raise unsuitable(algorithm, wanted, [name for name, each in TRAINABLE.items() if wanted in each.tasks])
    return wanted


def complete(algorithm: str, task: str, given: Mapping[str, object]) -> dict[str, Value]:
    """All parameters of the algorithm with defaults filled in; raises ``ParameterInvalid``.

    Until the task is known, a parameter of one task alone may be given; it is checked again once it is.
    """
    known = {
        name: parameter
        for name, parameter in TRAINABLE[algorithm].parameters.items()
        if not task or parameter.task in ("", task)
    }
    for name in given:
        if name not in known:
            raise parameter_unknown(name, algorithm, list(known))
    result: dict[str, Value] = {}
    for name, parameter in known.items():
        try:
            result[name] = parameter.read(given[name]) if name in given else parameter.default
        except ValueError:
            raise parameter_invalid(name, algorithm, parameter.wanted) from None
    return result
