"""What a model takes and answers, and frames in the one form that models see."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

NUMERIC: Literal["numeric"] = "numeric"
CATEGORICAL: Literal["categorical"] = "categorical"
LARGEST_NUMBER = 1e38
"""Numbers beyond it count as it: estimators that compute with 32 bits hold no greater ones, and squares stay finite."""
MOST_CATEGORIES = 1000
"""Categories that a signature lists; a column with more has its most frequent ones listed."""


@dataclass(frozen=True)
class FeatureSpec:
    """One column that a model takes."""

    name: str
    kind: Literal["numeric", "categorical"]
    categories: tuple[str, ...] = ()
    """Values seen in training, sorted; of a categorical column."""
    minimum: float | None = None
    """Least finite value seen in training; of a numeric column."""
    maximum: float | None = None
    """Greatest finite value seen in training."""
    nullable: bool = False
    """Whether training saw it missing."""
    complete: bool = True
    """Whether ``categories`` lists every value seen in training."""


@dataclass(frozen=True)
class Signature:
    """Columns in order, and the class labels in the order of the probabilities; none for a regressor."""

    inputs: tuple[FeatureSpec, ...]
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [spec.name for spec in self.inputs]

    def of_kind(self, kind: str) -> list[str]:
        """The names of the numeric or of the categorical columns, in order."""
        return [spec.name for spec in self.inputs if spec.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """JSON values from which ``from_json`` makes an equal signature."""
        return {"inputs": [asdict(spec) for spec in self.inputs], "classes": list(self.classes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Signature":
        """The signature that ``to_json`` described; raises ``KeyError``, ``TypeError``, ``ValueError`` for others."""
        return cls(tuple(_spec(each) for each in value["inputs"]), tuple(map(str, value["classes"])))


def _spec(value: Mapping[str, Any]) -> FeatureSpec:
    kind = value["kind"]
    if kind not in (NUMERIC, CATEGORICAL):
        raise ValueError(f"{kind!r} is no kind of column")
    return FeatureSpec(
        name=str(value["name"]),
        kind=cast("Literal['numeric', 'categorical']", kind),
        categories=tuple(map(str, value["categories"])),
        minimum=None if value["minimum"] is None else float(value["minimum"]),
        maximum=None if value["maximum"] is None else float(value["maximum"]),
        nullable=bool(value["nullable"]),
        complete=bool(value["complete"]),
    )


def canonical(frame: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """The columns of the signature in their order and in the types that models see; (n, inputs).

    Numeric columns become float64 up to ``LARGEST_NUMBER``, with NaN for missing and for infinite values. Categorical
    ones become texts, or NaN for missing: booleans ``true`` and ``false``, whole numbers without a decimal point.
    Other columns are left out.
    Raises ``KeyError`` when a column of the signature is not there.
    """
    columns = {
        spec.name: numbers(frame[spec.name]) if spec.kind == NUMERIC else _categories(frame[spec.name])
        for spec in signature.inputs
    }
    # Columns are made one by one and put together at once: a frame that grows copies itself each time.
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), columns=pd.Index(signature.names, dtype=object))


def numbers(values: "pd.Series[Any]") -> np.ndarray:
    """The values as float64 up to ``LARGEST_NUMBER``, (n,), with NaN for what is missing or infinite."""
    found: np.ndarray = pd.to_numeric(values, errors="raise").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    found[~np.isfinite(found)] = np.nan
    return np.clip(found, -LARGEST_NUMBER, LARGEST_NUMBER, out=found)


def texts(values: "pd.Series[Any]") -> np.ndarray:
    """The values as texts in an object array, (n,), with None for what is missing."""
    found = np.empty(len(values), dtype=object)
    missing = values.isna().to_numpy(dtype=bool)
    found[:] = [None if absent else label(value) for value, absent in zip(_plain(values), missing, strict=True)]
    return found


def label(value: object) -> str:
    """A value as the text of a category or class: ``true``, ``3`` for 3 and 3.0, ``3.5``, texts as they are.

    NUL, which PostgreSQL stores in no text, becomes the replacement character.
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 2**53:
        return str(int(value))
    return str(value).replace("\0", "\ufffd")


def _categories(values: "pd.Series[Any]") -> "pd.Series[Any]":
    # One type and one missing value whatever the rows hold: left to itself pandas makes NaN of None in a column with
    # any text and keeps it in one without, and an encoder that has learnt the one does not know the other.
    return pd.Series([np.nan if text is None else text for text in texts(values)], dtype=object)


def _plain(values: "pd.Series[Any]") -> Sequence[object]:
    return cast("Sequence[object]", values.tolist())
