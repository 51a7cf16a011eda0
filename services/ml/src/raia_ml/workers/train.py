"""The compute function that trains: rows in, artefact, hold-out rows and figures out."""

import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from raia_scoring import ScoringModel, Signature, digest, save
from raia_scoring import preprocessing as parts
from raia_scoring.estimators import ALGORITHMS
from raia_scoring.model import Kind
from raia_scoring.signature import canonical
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from threadpoolctl import threadpool_limits

from raia_ml.errors import DataUnusable, data_insufficient
from raia_ml.runs.parameters import CLASSIFICATION, complete, task_of
from raia_ml.workers import metrics
from raia_ml.workers.steps import Steps
from raia_ml.workers.table import Table, prepare, read, specify
from raia_ml.workers.trainers import TRAINERS, Fitting

Progress = Callable[[float, str], None]
_MOST_WARNINGS, _MOST_DROPPED = 50, 1000
"""How much of what is odd about a table of many columns is told: runs are listed with their warnings."""
_DISTRIBUTIONS = {"scikit-learn": "scikit-learn", "xgboost": "xgboost-cpu", "lightgbm": "lightgbm"}


@dataclass(frozen=True)
class Plan:
    """What to train, as the request has it."""

    target: str
    task: str
    algorithm: str
    parameters: Mapping[str, object]
    excluded: Sequence[str]
    test_fraction: float
    folds: int
    seed: int
    favourable_class: str


def train(rows: str, folder: str, plan: Mapping[str, Any], most_rows: int, progress: Progress) -> dict[str, Any]:
    """Trains on the Arrow stream at ``rows``; writes ``model`` and ``holdout_rows`` (int64, little-endian) to
    ``folder``.

    Returns what is known of the model: task, framework, digest, signature, parameters, figures, warnings and facts
    about the data. The hold-out rows are set aside before anything is fitted. Raises ``DataUnusable``,
    ``ParameterInvalid``, ``Unsuitable``.
    """
    wanted = Plan(**plan)
    with threadpool_limits(1), Steps(progress) as steps:
        steps(0.02, "reading rows")
        table = prepare(read(rows, most_rows), wanted.target, wanted.task, wanted.excluded)
        return _Training(wanted, table, steps).run(Path(folder))


class _Training:
    """One training, step by step."""

    def __init__(self, plan: Plan, table: Table, progress: Progress) -> None:
        self.plan, self.table, self.progress = plan, table, progress
        self.task = task_of(plan.algorithm, table.task)
        self.parameters = complete(plan.algorithm, self.task, plan.parameters)
        self.convergence = 0
        if plan.favourable_class and plan.favourable_class not in table.classes:
            raise _unknown_class(plan, table)

    def run(self, folder: Path) -> dict[str, Any]:
        """Split, cross-validate, fit, test, save."""
        training, holdout = self._split()
        signature = Signature(specify(self.table, training), self.table.classes)
        frame = canonical(self.table.frame, signature)
        folds = self._cross_validate(signature, frame, training)
        self.progress(0.75, "fitting the model")
        model = self._fit(signature, frame.iloc[training], self.table.target[training])
        self.progress(0.85, "testing on hold-out rows")
        output = _output(model, frame.iloc[holdout])
        figures = [*metrics.bootstrap(self.task, self.table.target[holdout], output, self.plan.seed), *folds]
        self.progress(0.95, "saving")
        data = save(model)
        (folder / "model").write_bytes(data)
        (folder / "holdout_rows").write_bytes(self.table.rows[holdout].astype("<i8").tobytes())
        if self.convergence:
            self.table.warnings.insert(0, "the solver did not converge within max_iter: raise max_iter or lower C")
        return self._summary(model, digest(data), figures, training, holdout)

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of training and hold-out rows, ascending, stratified by class."""
        everything = np.arange(len(self.table.target))
        classes = self.table.target if self.task == CLASSIFICATION else None
        try:
            training, holdout = train_test_split(
                everything, test_size=self.plan.test_fraction, random_state=self.plan.seed, stratify=classes
            )
        except ValueError as error:
            why = (
                f"{len(everything)} rows cannot be split so that training and hold-out rows have every one of "
                f"{len(self.table.classes)} classes: add rows, merge classes, or change test_fraction"
            )
            raise data_insufficient(len(everything), why) from error
        return np.sort(training), np.sort(holdout)

    def _cross_validate(self, signature: Signature, frame: pd.DataFrame, training: np.ndarray) -> list[metrics.Figure]:
        """Figures over folds of the training rows; preprocessing is fitted anew in each."""
        target, folds = self.table.target[training], self.plan.folds
        if folds and self.task == CLASSIFICATION:
            folds = min(folds, int(np.bincount(target).min()))
        elif folds:
            folds = min(folds, len(target))
        if folds != self.plan.folds:
            rest = f"{folds} folds are used" if folds > 1 else "there is no cross-validation"
            self.table.warnings.append(f"too few rows of the rarest class for {self.plan.folds} folds: {rest}")
        if folds < 2:
            return []
        kind = StratifiedKFold if self.task == CLASSIFICATION else KFold
        splitter = kind(folds, shuffle=True, random_state=self.plan.seed)
        figures = []
        for number, (fit, test) in enumerate(splitter.split(training, target)):
            self.progress(0.1 + 0.65 * number / folds, f"cross-validation, fold {number + 1} of {folds}")
            model = self._fit(signature, frame.iloc[training[fit]], target[fit])
            output = _output(model, frame.iloc[training[test]])
            figures.append(metrics.evaluate(self.task, target[test], output))
        return metrics.over_folds(figures)

    def _fit(self, signature: Signature, frame: pd.DataFrame, target: np.ndarray) -> ScoringModel:
        algorithm = ALGORITHMS[self.plan.algorithm]
        preprocessing = parts.build(signature, scaled=algorithm.scaled)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            preprocessing.fit(frame)
            encoded = parts.encode(preprocessing, frame)
            estimator = TRAINERS[algorithm.name](
                Fitting(self.task, len(signature.classes), self.parameters, self.plan.seed, encoded, target)
            )
        self.convergence += sum("onverge" in type(each.message).__name__ for each in caught)
        return ScoringModel(
            kind=cast("Kind", self.task),
            algorithm=algorithm.name,
            signature=signature,
            preprocessing=preprocessing,
            estimator=estimator,
            encoded_mean=encoded.mean(axis=0),
            libraries=_libraries(algorithm.library),
        )

    def _summary(
        self,
        model: ScoringModel,
        sha256: str,
        figures: Sequence[metrics.Figure],
        training: np.ndarray,
        holdout: np.ndarray,
    ) -> dict[str, Any]:
        library = ALGORITHMS[model.algorithm].library
        return {
            "task": self.task,
            "framework": f"{library} {model.libraries[library]}",
            "digest": sha256,
            "signature": model.signature.to_json(),
            "parameters": self.parameters,
            "metrics": [figure.to_json() for figure in figures],
            "warnings": _told(self.table.warnings),
            "libraries": {**model.libraries, "python": platform.python_version()},
            "encoded_columns": len(model.encoded_sources),
            "margin_scale": model.margin_scale,
            "precision": model.precision,
            "data": self._data_facts(training, holdout),
        }

    def _data_facts(self, training: np.ndarray, holdout: np.ndarray) -> dict[str, Any]:
        table = self.table
        facts: dict[str, Any] = {
            "rows": table.total,
            "rows_used": len(table.target),
            "training_rows": len(training),
            "holdout_rows": len(holdout),
            "split": "stratified" if table.classes else "random",
            "dropped_columns": table.dropped[:_MOST_DROPPED],
            "dropped_column_count": len(table.dropped),
        }
        if table.classes:
            facts["classes"] = {
                name: {
                    "training": int((table.target[training] == position).sum()),
                    "holdout": int((table.target[holdout] == position).sum()),
                }
                for position, name in enumerate(table.classes)
            }
        return facts


def _output(model: ScoringModel, frame: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(frame) if model.kind == CLASSIFICATION else model.predict(frame)


def _told(warnings: Sequence[str]) -> list[str]:
    if len(warnings) <= _MOST_WARNINGS:
        return list(warnings)
    return [*warnings[: _MOST_WARNINGS - 1], f"… and {len(warnings) - _MOST_WARNINGS + 1:,} more"]


def _libraries(library: str) -> dict[str, str]:
    names = {"scikit-learn": "scikit-learn", "numpy": "numpy", "pandas": "pandas", "scipy": "scipy"}
    names[library] = _DISTRIBUTIONS[library]
    return {name: version(distribution) for name, distribution in names.items()}


def _unknown_class(plan: Plan, table: Table) -> DataUnusable:
    found = f"the classes are {', '.join(table.classes)}" if table.classes else "a regression has no classes"
    return DataUnusable(
        f"favourable_class {plan.favourable_class!r} is no class of {plan.target!r}: {found}",
        reason="TARGET_UNUSABLE",
        metadata={"target": plan.target, "favourable_class": plan.favourable_class},
    )
