"""The part of a model that turns columns into numbers: fitted on training rows alone, stored with the model."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from raia_scoring.signature import CATEGORICAL, NUMERIC, Signature

MOST_INDICATORS = 256
"""Columns that one categorical column becomes at most: rarer values share the last one."""


def build(signature: Signature, *, scaled: bool) -> ColumnTransformer:
    """Unfitted preprocessing for canonical frames.

    Numeric: the median for what is missing, a column that says so where training saw it missing, and, if ``scaled``,
    mean 0 and variance 1. Categorical: a column a value, missing being a value of its own; values never seen give 0
    throughout.
    """
    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    ]
    if scaled:
        steps.append(("scale", StandardScaler()))
    one_hot = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=MOST_INDICATORS, dtype=np.float64
    )
    parts = [
        ("numeric", Pipeline(steps), signature.of_kind(NUMERIC)),
        ("categorical", one_hot, signature.of_kind(CATEGORICAL)),
    ]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def encode(preprocessing: ColumnTransformer, frame: pd.DataFrame) -> np.ndarray:
    """What the estimator sees of a canonical frame: float64, (n, m), C-contiguous."""
    return np.ascontiguousarray(preprocessing.transform(frame), dtype=np.float64)


def sources(preprocessing: ColumnTransformer) -> tuple[str, ...]:
    """The column that each of the m encoded columns comes from, in their order."""
    found: list[str] = []
    for name, part, columns in preprocessing.transformers_:
        names = [str(column) for column in columns]
        if name == "numeric":
            indicator = part.named_steps["impute"].indicator_
            found += names + [names[position] for position in (indicator.features_ if indicator is not None else ())]
        elif name == "categorical":
            for column, width in zip(names, _widths(part), strict=True):
                found += [column] * width
    return tuple(found)


def _widths(one_hot: OneHotEncoder) -> list[int]:
    """How many encoded columns each categorical column has."""
    widths = []
    for values, rare in zip(one_hot.categories_, one_hot.infrequent_categories_, strict=True):
        widths.append(len(values) if rare is None else len(values) - len(rare) + 1)
    return widths
