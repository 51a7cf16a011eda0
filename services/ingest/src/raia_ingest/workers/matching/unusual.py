# ruff: noqa: S608 - queries are made of places, constants and quoted literals, never of bare names or values
"""Unusual values among the rows that a mapping stores: each alone by robust z, together by an isolation forest."""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from raia_ingest.workers.matching.relations import Filled

_ROBUST_Z = 6.0
_SCALE = 0.6744897501960817
_MOST = 1_000
_FOREST_ROWS = 100_000
_FOREST_AT = 0.65
_FEWEST_ROWS = 200
_HIGH, _MEDIUM = 20.0, 10.0

Found = dict[str, Any]


def by_value(connection: duckdb.DuckDBPyConnection, entity: Filled, table: str, name: str, column: str) -> list[Found]:
    """Values of one field further than 6 robust deviations from the median, the furthest 1,000."""
    told = connection.execute(
        f"with middle as (select median({column}) m from {table}) "
        f"select m, (select median(abs({column} - m)) from {table}) from middle"
    ).fetchone()
    if told is None or told[0] is None:
        return []
    middle, spread = float(told[0]), float(told[1] or 0)
    if spread == 0:
        return []  # more than half of the values are equal: how far another one is says nothing
    rows = connection.execute(
        f"select k, {column}::double, abs({column} - ?) * {_SCALE} / ? z from {table} "
        f"where {column} is not null and z > {_ROBUST_Z} order by z desc, k limit {_MOST}",
        [middle, spread],
    ).fetchall()
    return [
        _anomaly(
            entity.name, key, name, repr(value), "robust_z", z,
            f"{value:g} is {z:.1f} robust deviations from the median {middle:g}",
        )
        for key, value, z in rows
    ]  # fmt: skip


def together(
    connection: duckdb.DuckDBPyConnection, entity: Filled, table: str, names: Sequence[str], columns: Sequence[str]
) -> list[Found]:
    """Rows whose numbers are unusual together, the 1,000 most unusual of up to 100,000."""
    shown = ", ".join(f"{column}::double" for column in columns)
    rows = connection.execute(f"select k, {shown} from {table} order by k limit {_FOREST_ROWS}").fetchall()
    if len(rows) < _FEWEST_ROWS:
        return []
    from sklearn.ensemble import IsolationForest  # takes a second to import, and memory

    values = np.array([[np.nan if v is None else v for v in row[1:]] for row in rows], dtype=float)
    middle = np.nan_to_num(np.nanmedian(values, axis=0))
    values = np.where(np.isfinite(values), values, middle)
    forest = IsolationForest(n_estimators=100, random_state=0).fit(values)
    scores = -forest.score_samples(values)
    order = [at for at in np.argsort(-scores, kind="stable")[:_MOST] if scores[at] >= _FOREST_AT]
    listed = ", ".join(names)
    return [
        _anomaly(
            entity.name, rows[at][0], "", "", "isolation_forest", float(scores[at]),
            f"{listed} are unusual together (score {scores[at]:.2f} of 1)",
        )
        for at in order
    ]  # fmt: skip


def _anomaly(  # noqa: PLR0917 - the columns of a row
    entity: str, key: str, name: str, value: str, method: str, score: float, description: str
) -> Found:
    if method == "robust_z":
        severity = "high" if score >= _HIGH else "medium" if score >= _MEDIUM else "low"
    else:
        severity = "high" if score >= 0.8 else "medium" if score >= 0.7 else "low"
    return {
        "entity": entity,
        "record_id": key,
        "field": name,
        "value": value,
        "method": method,
        "score": score,
        "severity": severity,
        "description": description,
    }
