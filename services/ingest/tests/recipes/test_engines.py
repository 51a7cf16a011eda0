"""Every kind of step gives the same bytes by DuckDB and by Spark."""

import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_ingest.recipes.plan import KINDS, kind_of
from raia_kit.compute import ComputePool

RUN = "raia_ingest.workers.recipe.run:run_recipe"
COLUMNS = [
    {"name": "id", "type": "integer"},
    {"name": "Name", "type": "string"},
    {"name": "amount", "type": "float"},
    {"name": "text number", "type": "string"},
    {"name": "day", "type": "string"},
    {"name": "flag", "type": "string"},
    {"name": "kind", "type": "string"},
    {"name": "at", "type": "datetime", "timezone": "UTC"},
    {"name": "when", "type": "datetime"},
    {"name": "on", "type": "date"},
    {"name": "name", "type": "string"},
    {"name": "empty", "type": "null"},
]
OTHER = [{"name": "key", "type": "string"}, {"name": "weight", "type": "float"}, {"name": "n", "type": "integer"}]
WORDS = [
    "Ada",
    " ada",
    "ADA ",
    "Åsa",
    "ßtraße",
    "İstanbul",
    "ΣΊΣΥΦΟΣ",
    "日本",
    "e\u0301",
    "é",
    "",
    "x\u00a0y",
    "a  b",
    "𝒜b",
]
RECIPES = [
    [
        {
            "normalize_text": {
                "columns": ["Name"],
                "compose": True,
                "trim": True,
                "collapse_spaces": True,
                "case": "lower",
            }
        },
        {
            "normalize_text": {
                "columns": ["name"],
                "strip_accents": True,
                "case": "upper",
                "missing_tokens": ["日本"],
                "empty_as_missing": True,
            }
        },
        {
            "convert_type": {
                "columns": ["text number"],
                "to": "float",
                "decimal_separator": ",",
                "ignored_characters": "€ ",
            }
        },
        {"parse_dates": {"columns": ["day"], "formats": ["%d.%m.%Y", "%Y/%m/%d"], "on_error": "remove_row"}},
        {"convert_type": {"columns": ["flag"], "to": "boolean"}},
        {"fill_missing": {"columns": ["amount"], "strategy": "mean", "indicator": True}},
        {"handle_outliers": {"columns": ["amount"], "method": "z_score", "action": "clip"}},
        {"scale_numbers": {"columns": ["amount"], "method": "standard"}},
        {"convert_type": {"columns": ["amount", "at", "on"], "to": "string"}},
    ],
    [
        {"deduplicate": {"columns": ["Name", "kind"], "ignore_case": True, "keep": "last"}},
        {
            "fill_missing": {
                "columns": ["text number"],
                "strategy": "previous",
                "group_by": ["kind"],
                "order_by": "amount",
            }
        },
        {"fill_missing": {"columns": ["day"], "strategy": "next"}},
        {"fill_missing": {"columns": ["kind"], "strategy": "mode"}},
        {"fill_missing": {"columns": ["on"], "strategy": "median"}},
        {"fill_missing": {"columns": ["when"], "strategy": "constant", "value": "2024-01-01T00:00:00"}},
        {
            "join_dataset": {
                "dataset_id": "o",
                "on": [{"left": "kind", "right": "key"}],
                "kind": "inner",
                "matches": "first",
            }
        },
        {"derive_column": {"column": "value", "expression": "round(ln(abs(amount) + 1) * weight / (id % 7), 3)"}},
        {"filter_rows": {"expression": "value is null or value < 10 and not contains(Name, '日')"}},
        {"rename_columns": {"names": {"Name": "who", "value": "Value"}}},
        {"drop_columns": {"columns": ["empty"]}},
    ],
    [
        {"merge_rare": {"columns": ["kind"], "minimum_fraction": 0.1}},
        {"encode_categories": {"columns": ["kind"], "method": "one_hot", "keep_original": True}},
        {"encode_categories": {"columns": ["kind"], "method": "frequency"}},
        {"encode_categories": {"columns": ["flag"], "method": "ordinal"}},
        {
            "replace_values": {
                "column": "name",
                "replacements": [{"old_values": ["ada"], "new_value": "Ada Lovelace"}],
                "ignore_case": True,
            }
        },
        {"handle_outliers": {"columns": ["amount"], "method": "median_deviation", "action": "flag"}},
        {
            "handle_outliers": {
                "columns": ["amount"],
                "method": "quantiles",
                "lower": 0.02,
                "upper": 0.98,
                "action": "remove_row",
            }
        },
        {"convert_unit": {"column": "amount", "from_unit": "f", "to_unit": "c", "new_column": "celsius"}},
        {"scale_numbers": {"columns": ["celsius"], "method": "robust"}},
        {"deduplicate": {"columns": ["amount", "day"]}},
        {"select_columns": {"columns": ["id", "celsius", "kind", "name", "at", "flag"]}},
    ],
]


def write_tables(folder: Path, rows: int = 700) -> None:
    chance = random.Random(7)

    def some(values):
        return [None if chance.random() < 0.15 else chance.choice(values) for _ in range(rows)]

    moments = [dt.datetime(2024, 1, 1) + dt.timedelta(minutes=n * 37, microseconds=n) for n in range(40)]
    table = {
        "id": pa.array(range(rows), pa.int64()),
        "Name": some(WORDS),
        "amount": pa.array(some([1.5, -2.25, 0.1, 1e6, -0.0, 0.0, float("inf"), 1 / 3, 7e-5, 12.0]), pa.float64()),
        "text number": some(["1,5", "€ 2", "1.234,5", "x", " 7 "]),
        "day": some(["01.02.2024", "2024/03/04", "31.02.2024", "soon"]),
        "flag": some(["yes", "NO", "t", "0", "perhaps"]),
        "kind": some(["a", "b", "c", "d"] * 5 + ["rare"]),
        "at": pa.array(some(moments), pa.timestamp("us", "UTC")),
        "when": pa.array(some(moments), pa.timestamp("us")),
        "on": pa.array(some([moment.date() for moment in moments]), pa.date32()),
        "name": some(WORDS),
        "empty": pa.nulls(rows, pa.string()),
    }
    pq.write_table(pa.table(table), folder / "in.parquet", row_group_size=200)
    other = {"key": ["a", "b", "b", "c", None], "weight": [1.5, 2.5, 9.0, None, 1.0], "n": [1, 2, 3, 4, 5]}
    pq.write_table(pa.table(other), folder / "other.parquet")


def arguments(folder: Path, steps, engine: str, packages: str = ""):
    out = folder / engine
    out.mkdir(exist_ok=True)
    return {
        "path": str(folder / "in.parquet"),
        "columns": COLUMNS,
        "steps": steps,
        "others": {"o": {"path": str(folder / "other.parquet"), "columns": OTHER}},
        "fitted": None,
        "folder": str(out),
        "memory_bytes": 256 * 2**20,
        "engine": engine,
        "spark": {"master": "local[2]", "options": {"spark.driver.memory": "600m"}, "packages": packages},
    }


@pytest.fixture(scope="module")
def pool():
    with ComputePool(1) as children:
        yield children


def test_the_recipes_here_hold_every_kind_of_step():
    assert {kind_of(step) for steps in RECIPES for step in steps} == set(KINDS)


@pytest.mark.servers("spark")
@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_both_engines_give_the_same_bytes(pool, spark_packages, tmp_path, number):
    write_tables(tmp_path)
    results = {
        engine: pool.run(RUN, arguments(tmp_path, RECIPES[number], engine, spark_packages), time_limit=280)
        for engine in ("duckdb", "spark")
    }
    assert results["duckdb"] == results["spark"]
    assert 0 < results["duckdb"]["row_count"] <= 700
    for name in ("rows", "lineage", "removed", "ledger"):
        ours, theirs = (tmp_path / engine / f"{name}.parquet" for engine in ("duckdb", "spark"))
        assert pq.read_table(ours).equals(pq.read_table(theirs)), name
        assert ours.read_bytes() == theirs.read_bytes(), name
