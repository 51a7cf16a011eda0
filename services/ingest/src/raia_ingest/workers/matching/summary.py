"""What the values of a table's columns show, from a sample of its rows."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SAMPLE_ROWS = 50_000
_MOST_VALUES = 200


def summaries(path: str, columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A summary a column of the canonical file, from rows spread over it; ``columns`` has name, type, description."""
    found = []
    with pq.ParquetFile(path) as file:
        groups = _spread(file)
        for column in columns:
            values = file.read_row_groups(groups, columns=[column["name"]], use_threads=False).column(0)
            found.append(summary(column, values.slice(0, SAMPLE_ROWS)))
    return found


def _spread(file: Any) -> list[int]:
    """The first, the last and row groups in between, as many as make up the sample."""
    count = file.num_row_groups
    if count <= 1:
        return list(range(count))
    rows = max(1, file.metadata.num_rows // count)
    wanted = max(1, min(count, -(-SAMPLE_ROWS // rows)))
    return sorted({round(at * (count - 1) / max(1, wanted - 1)) for at in range(wanted)})


def summary(column: dict[str, Any], values: Any) -> dict[str, Any]:
    """One column's summary, as ``SourceColumn`` takes it."""
    present = values.drop_null()
    counted = pc.value_counts(present.combine_chunks() if isinstance(present, pa.ChunkedArray) else present)
    pairs = sorted(
        ((_text(value), count) for value, count in zip(counted.field(0), counted.field(1).to_pylist(), strict=True)),
        key=lambda pair: (-pair[1], pair[0]),
    )
    pairs = [pair for pair in pairs if pair[0].strip()]
    total = sum(count for _, count in pairs)
    numbers = [(number, count) for text, count in pairs if (number := _number(text)) is not None]
    return {
        "name": column["name"],
        "type": column.get("type", "string"),
        "description": column.get("description", ""),
        "values": [[text[:200], count] for text, count in pairs[:_MOST_VALUES]],
        "rows": len(values),
        "present": total,
        "distinct": len(pairs),
        "numeric": sum(count for _, count in numbers) / total if total else 0.0,
        "minimum": min((number for number, _ in numbers), default=None),
        "maximum": max((number for number, _ in numbers), default=None),
        "mean_length": sum(len(text) * count for text, count in pairs) / total if total else 0.0,
    }


def _text(scalar: Any) -> str:
    try:
        value = scalar.as_py()
    except (ValueError, OverflowError):
        return str(scalar)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN is not itself
