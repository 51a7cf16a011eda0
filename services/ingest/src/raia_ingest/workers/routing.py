"""The compute function that routes a file: tells by names, types and values which field its rows come from."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from raia_kit.plugins import load
from raia_plugins import Processor

from raia_ingest.processors.concepts import FIELDS, roles, words
from raia_ingest.workers.exhaustion import explained

GENERAL = "general"
_GENERAL_SCORE = 3.0
"""What a field must reach to be likelier than none."""
_SHARPNESS = 1.0
_SAMPLE_ROWS = 2_000
_FILE_NAME_WEIGHT = 1.2
_FILE_WORDS = {
    "sales": {"sales", "orders", "order", "invoices", "invoice", "transactions", "revenue", "retail", "receipts"},
    "inventory": {"inventory", "stock", "warehouse", "stocks", "replenishment"},
    "sensor": {"sensor", "sensors", "telemetry", "readings", "iot", "measurements", "scada"},
    "policy": {"policy", "policies", "premium", "premiums", "contracts", "underwriting", "portfolio"},
    "claims": {"claims", "claim", "losses", "loss", "accidents", "injuries"},
}


def route_file(path: str, columns: list[dict[str, str]], filename: str, category: str = "") -> dict[str, Any]:
    """The category of a canonical file whose columns are ``columns`` (name, type; in order).

    A ``category`` that a person gave stands. Returns ``category``, ``confidence`` (0 to 1), ``scores`` by category,
    ``evidence`` (category, column, says, weight) and ``processors``, the names of the plug-ins of the category.
    """
    shares, evidence = ({category: 1.0}, []) if category else _weighed(path, columns, filename)
    if not category:
        category = max(shares, key=lambda name: (shares[name], name == GENERAL))
    found = load("processor", Processor)  # type: ignore[type-abstract]
    return {
        "category": category,
        "confidence": round(shares[category], 4),
        "scores": {name: round(share, 4) for name, share in shares.items()},
        "evidence": [each for each in evidence if each["category"] == category] or evidence[:5],
        "processors": sorted(name for name, plugin in found.found.items() if plugin.category == category),
    }


def _weighed(path: str, columns: list[dict[str, str]], filename: str) -> tuple[dict[str, float], list[dict[str, Any]]]:
    with explained():
        table = pq.ParquetFile(path).iter_batches(batch_size=_SAMPLE_ROWS)
        sample = next(table, None)
    scores, evidence = score([(column["name"], column["type"]) for column in columns], filename, sample)
    return _softmax(scores), evidence


def score(
    columns: list[tuple[str, str]], filename: str, sample: pa.RecordBatch | None
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """How much speaks for each category, and what does, the heaviest first."""
    scores = {GENERAL: _GENERAL_SCORE}
    evidence: list[dict[str, Any]] = []
    for field in FIELDS:
        found = list(roles(field, columns).values())
        total = sum(each.weight for each in found)
        evidence += [
            {"category": field, "column": each.column, "says": each.role.replace("_", " "), "weight": each.weight}
            for each in found
        ]
        spoken = _FILE_WORDS[field] & set(words(Path(filename).stem).split())
        if spoken:
            total += _FILE_NAME_WEIGHT
            evidence.append(
                {
                    "category": field,
                    "column": "",
                    "says": f"the file is called {min(spoken)}",
                    "weight": _FILE_NAME_WEIGHT,
                }
            )
        scores[field] = total
    if sample is not None and (text := _series(columns, sample)):
        scores["sensor"] += 2.5
        evidence.append(
            {"category": "sensor", "column": text, "says": "times at even steps beside numbers", "weight": 2.5}
        )
    evidence.sort(key=lambda each: -each["weight"])
    return scores, evidence


def _series(columns: list[tuple[str, str]], sample: pa.RecordBatch) -> str:
    """The column of times at even steps, in a table of little else than numbers; empty when there is none."""
    numbers = sum(kind in {"integer", "float"} for _, kind in columns)
    if sample.num_rows < 20 or numbers == 0 or numbers < (len(columns) - 1) / 2:
        return ""
    for position, (name, kind) in enumerate(columns):
        if kind == "datetime":
            times = sample.column(position).drop_null().cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
            steps = np.diff(np.unique(times))
            if len(steps) > 10 and np.mean(np.abs(steps - np.median(steps)) <= 0.1 * np.median(steps)) >= 0.8:
                return name
    return ""


def _softmax(scores: dict[str, float]) -> dict[str, float]:
    top = max(scores.values())
    weights = {name: math.exp(_SHARPNESS * (value - top)) for name, value in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
