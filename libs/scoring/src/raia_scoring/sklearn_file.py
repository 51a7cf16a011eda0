"""scikit-learn objects as bytes without pickle: skops files, made repeatable, and read against a fixed list."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import skops.io

from raia_scoring.errors import bad_artefact

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_SCHEMA = "schema.json"

_ALLOWED = frozenset(
    {
        ("builtins", "dict", "DictNode"),
        ("builtins", "list", "ListNode"),
        ("builtins", "slice", "SliceNode"),
        ("builtins", "str", "JsonNode"),
        ("builtins", "str", "TypeNode"),
        ("builtins", "tuple", "TupleNode"),
        ("builtins", "int", "TypeNode"),
        ("numpy", "dtype", "DTypeNode"),
        ("numpy", "ndarray", "NdArrayNode"),
        ("numpy", "float64", "NdArrayNode"),
        ("numpy", "float64", "TypeNode"),
        ("numpy", "int32", "NdArrayNode"),
        ("numpy", "int64", "NdArrayNode"),
        ("numpy", "int64", "TypeNode"),
        ("numpy", "uint64", "NdArrayNode"),
        ("numpy.random._generator", "Generator", "RandomGeneratorNode"),
        ("sklearn._loss._loss", "CyHalfBinomialLoss", "LossNode"),
        ("sklearn._loss._loss", "CyHalfMultinomialLoss", "LossNode"),
        ("sklearn._loss._loss", "CyHalfSquaredError", "LossNode"),
        ("sklearn._loss.link", "IdentityLink", "ObjectNode"),
        ("sklearn._loss.link", "Interval", "ObjectNode"),
        ("sklearn._loss.link", "LogitLink", "ObjectNode"),
        ("sklearn._loss.link", "MultinomialLogit", "ObjectNode"),
        ("sklearn._loss.loss", "HalfBinomialLoss", "ObjectNode"),
        ("sklearn._loss.loss", "HalfMultinomialLoss", "ObjectNode"),
        ("sklearn._loss.loss", "HalfSquaredError", "ObjectNode"),
        ("sklearn.compose._column_transformer", "ColumnTransformer", "ObjectNode"),
        ("sklearn.ensemble._forest", "RandomForestClassifier", "ObjectNode"),
        ("sklearn.ensemble._forest", "RandomForestRegressor", "ObjectNode"),
        ("sklearn.ensemble._hist_gradient_boosting.binning", "_BinMapper", "ObjectNode"),
        (
            "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
            "HistGradientBoostingClassifier",
            "ObjectNode",
        ),
        ("sklearn.ensemble._hist_gradient_boosting.gradient_boosting", "HistGradientBoostingRegressor", "ObjectNode"),
        ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor", "ObjectNode"),
        ("sklearn.impute._base", "MissingIndicator", "ObjectNode"),
        ("sklearn.impute._base", "SimpleImputer", "ObjectNode"),
        ("sklearn.linear_model._base", "LinearRegression", "ObjectNode"),
        ("sklearn.linear_model._logistic", "LogisticRegression", "ObjectNode"),
        ("sklearn.linear_model._ridge", "Ridge", "ObjectNode"),
        ("sklearn.pipeline", "Pipeline", "ObjectNode"),
        ("sklearn.preprocessing._data", "StandardScaler", "ObjectNode"),
        ("sklearn.preprocessing._encoders", "OneHotEncoder", "ObjectNode"),
        ("sklearn.preprocessing._label", "LabelEncoder", "ObjectNode"),
        ("sklearn.tree._classes", "DecisionTreeClassifier", "ObjectNode"),
        ("sklearn.tree._classes", "DecisionTreeRegressor", "ObjectNode"),
        ("sklearn.tree._tree", "Tree", "TreeNode"),
    }
)
"""Module, class and loader of everything that our own models consist of; nothing else is loaded."""

_VALUES = frozenset({"JsonNode", "TypeNode"})
"""Loaders of values that cannot change, for which it does not matter whether two of them are one object."""


def dump(value: Any) -> bytes:
    """The object as a skops file whose bytes depend on nothing but the object's content."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(value))) as made:
        schema = json.loads(made.read(_SCHEMA))
        names = _renumber(schema)
        members = {new: _repeatable(made.read(old)) for old, new in names.items()}
    members[_SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return pack(members)


def parse(data: bytes) -> Any:
    """The object of a skops file; raises ``ArtefactInvalid`` when it holds anything that is not on the list."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            _check_types(json.loads(file.read(_SCHEMA)))
        # What skops itself does not trust without being asked is on our list, or the check above has refused it.
        return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, EOFError) as error:
        raise bad_artefact("the artefact's scikit-learn part cannot be read: export the model again") from error


def pack(members: dict[str, bytes]) -> bytes:
    """An uncompressed zip with sorted members and a fixed date: equal members give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            file.writestr(zipfile.ZipInfo(name, ZIP_DATE), members[name])
    return out.getvalue()


def _renumber(schema: dict[str, Any]) -> dict[str, str]:
    """Replaces the memory addresses in a schema by numbers in order of appearance; answers old → new file names."""
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    count = 0
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            if isinstance(node.get("__id__"), int) and "__loader__" in node:
                count += 1
                unique = node["__loader__"] in _VALUES
                node["__id__"] = count if unique else numbers.setdefault(node["__id__"], count)
            if isinstance(node.get("file"), str) and "__loader__" in node:
                suffix = node["file"].rpartition(".")[2]
                node["file"] = names.setdefault(node["file"], f"{len(names)}.{suffix}")
            stack.extend(reversed(list(node.values())))
    return names


def _repeatable(data: bytes) -> bytes:
    """An array file whose padding between fields, which is whatever lay in memory, is zero."""
    if not data.startswith(b"\x93NUMPY"):
        return data
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    header, raw = data[: len(data) - array.nbytes], data[len(data) - array.nbytes :]
    fields, clean = np.frombuffer(raw, dtype=array.dtype), bytearray(array.nbytes)
    # Copying whole records, as numpy's own writer does, would bring in padding of the copy.
    view = np.frombuffer(clean, dtype=array.dtype)
    for name in array.dtype.names:
        view[name] = fields[name]
    return header + bytes(clean)


def _check_types(schema: Any) -> None:
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if "__loader__" in node:
                found = (node.get("__module__"), node.get("__class__"), node["__loader__"])
                if found not in _ALLOWED:
                    raise bad_artefact(
                        f"the artefact holds a {found[0]}.{found[1]}, which is not loaded: train the model here, or "
                        "export it as ONNX, or in XGBoost's or LightGBM's own format"
                    )
            stack.extend(node.values())
