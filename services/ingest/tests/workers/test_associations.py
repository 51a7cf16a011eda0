"""Associations, dependencies, keys, near-duplicates and drift against scipy, pandas and scikit-learn."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
from raia_ingest.workers import associations, drift, isolation, report, similar_rows
from raia_ingest.workers.dependencies import DependencyFinder
from raia_ingest.workers.inclusion import ReferenceFinder, name_likeness
from raia_ingest.workers.tables import create_view, opened
from sklearn.ensemble import IsolationForest

from .conftest import ignore
from .test_profile import _TYPES, profile

pytestmark = pytest.mark.fast


def columns_of(table: pa.Table) -> list[dict[str, str]]:
    return [
        {"name": field.name, "type": _TYPES.get(str(field.type), "datetime"), "timezone": ""} for field in table.schema
    ]


def table_of(frame: pd.DataFrame) -> pa.Table:
    """The frame as canonical files have it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [field.with_type(pa.string()) if "string" in str(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))


@contextmanager
def viewed(folder: Path, table: pa.Table) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Any]]]:
    """The table as view ``data``, and its profile."""
    found = profile(folder, table)
    with opened(256 * 1024**2, str(folder / "spill")) as connection:
        create_view(connection, "data", folder / "canonical.parquet", columns_of(table))
        yield connection, found


@pytest.fixture
def mixed() -> pd.DataFrame:
    generator = np.random.default_rng(11)
    size = 4000
    frame = pd.DataFrame(
        {
            "region": generator.choice(["north", "south", "east"], size, p=[0.5, 0.3, 0.2]),
            "flag": generator.random(size) < 0.4,
            "level": generator.integers(1, 6, size),
            "amount": generator.normal(1e6, 5, size),
        }
    )
    frame["zone"] = np.where(generator.random(size) < 0.8, frame["region"].str[:1], "z")
    frame.loc[frame["region"] == "north", "amount"] += 8
    frame.loc[::13, "region"] = None
    frame.loc[::17, "amount"] = np.nan
    return frame


def test_measures_agree_with_scipy(tmp_path: Path, mixed: pd.DataFrame) -> None:
    found = profile(tmp_path, table_of(mixed))
    pairs = associations.associate(tmp_path / "canonical.parquet", found["columns"])
    assert {(pair["left"], pair["right"]) for pair in pairs} >= {("region", "zone"), ("region", "amount")}
    for pair in pairs:
        both = mixed[[pair["left"], pair["right"]]].dropna()
        assert pair["count"] == len(both)
        if pair["measure"] == "cramers_v":
            table = pd.crosstab(both.iloc[:, 0], both.iloc[:, 1]).to_numpy()
            assert pair["coefficient"] == pytest.approx(scipy.stats.contingency.association(table), rel=1e-12)
            reference = scipy.stats.chi2_contingency(table, correction=False)
            assert pair["chi_square"] == pytest.approx(reference.statistic, rel=1e-12)
            assert pair["degrees_of_freedom"] == reference.dof
            assert 0 <= pair["corrected"] <= pair["coefficient"]
        else:
            groups = [group.to_numpy() for _, group in both.groupby(pair["left"])[pair["right"]]]
            overall = both[pair["right"]].mean()
            between = sum(len(group) * (group.mean() - overall) ** 2 for group in groups)
            total = ((both[pair["right"]] - overall) ** 2).sum()
            assert pair["coefficient"] == pytest.approx(np.sqrt(between / total), rel=1e-9)


def test_a_table_that_says_nothing_has_no_measure() -> None:
    assert associations.cramers_v(np.array([[5, 3]])) is None
    coefficient, corrected, *_ = associations.cramers_v(np.array([[10, 0], [0, 10]])) or ()
    assert coefficient == 1
    assert corrected == pytest.approx(1, abs=0.01)


def test_dependencies_are_exact_or_name_their_exceptions(tmp_path: Path) -> None:
    size = 3000
    city = [n % 40 for n in range(size)]
    country = [("DE", "FR", "IT")[n % 3] for n in city]
    country[7], country[100] = "XX", "XX"
    frame = {
        "id": list(range(size)),
        "city": [f"city {n}" for n in city],
        "country": country,
        "code": [f"c{n}" for n in city],
        "noise": [(n * 7919) % 13 for n in range(size)],
    }
    with viewed(tmp_path, pa.table(frame)) as (connection, found):
        finder = DependencyFinder(connection, found["columns"], size)
        by_pair = {(each["determinant"], each["dependent"]): each for each in finder.dependencies()}
        assert finder.keys() == [{"columns": ["id"]}]
    assert by_pair["city", "code"]["violating_rows"] == by_pair["code", "city"]["violating_rows"] == 0
    assert by_pair["city", "country"]["violating_rows"] == 2
    assert by_pair["city", "country"]["error"] == 2 / size
    assert set(by_pair["city", "country"]["examples"]) == {"city 7", "city 20"}
    assert {left for left, _ in by_pair} == {"city", "code"}


def test_a_missing_value_agrees_with_a_missing_value(tmp_path: Path) -> None:
    frame = {"a": [None, None, "x", "x"] * 10, "b": ["n", "n", "p", "p"] * 10}
    with viewed(tmp_path, pa.table(frame)) as (connection, found):
        held = DependencyFinder(connection, found["columns"], 40).dependencies()
    assert {(each["determinant"], each["violating_rows"]) for each in held} == {("a", 0), ("b", 0)}


def test_keys_of_several_columns_are_the_smallest(tmp_path: Path) -> None:
    frame = {
        "policy": [n // 12 for n in range(240)],
        "month": [n % 12 for n in range(240)],
        "kind": ["ab"[n % 2] for n in range(240)],
        "amount": [n / 7 % 3 for n in range(240)],
    }
    with viewed(tmp_path, pa.table(frame)) as (connection, found):
        assert DependencyFinder(connection, found["columns"], 240).keys() == [{"columns": ["policy", "month"]}]


def test_near_duplicates_differ_in_spelling_or_in_one_column(tmp_path: Path) -> None:
    rows = [(n, f"Person {n}", f"Street {n % 50}", n % 9, n % 4) for n in range(100)]
    rows.append((100, "person  3", "STREET-3", 3, 3))
    rows.append((101, "Person 5", "Street 5", 8, 1))
    names = ("id", "name", "street", "floor", "stairs")
    frame = pd.DataFrame(rows, columns=list(names))
    with viewed(tmp_path, table_of(frame)) as (connection, found):
        near = similar_rows.near_duplicates(connection, found["columns"], len(frame), found["duplicate_row_count"])
    assert near is not None
    assert near["ignored_columns"] == ["id"]
    assert (near["normalized_count"], near["groups"]) == (1, [{"rows": [4, 101]}])
    (almost,) = near["almost_equal"]
    assert (almost["column"], almost["count"], almost["groups"]) == ("floor", 2, [{"rows": [6, 102]}])
    expected = frame.drop(columns=["id", "floor"]).duplicated(keep=False).sum()
    assert almost["count"] == expected


def test_rows_that_stand_apart_have_the_scores_of_the_reference(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    values = generator.normal(size=(3000, 3))
    values[17] = [9, -9, 9]
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    found = profile(tmp_path, pa.Table.from_pandas(frame, preserve_index=False))
    isolated = isolation.isolated_rows(tmp_path / "canonical.parquet", found["columns"], 3000, lambda _part: None)
    assert isolated is not None
    assert (isolated["rows"][0]["row"], isolated["scored_count"]) == (18, 3000)
    assert isolated["rows"][0]["values"] == {"a": 9.0, "b": -9.0, "c": 9.0}
    reference = -IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(values).score_samples(values)
    assert [each["score"] for each in isolated["rows"]] == pytest.approx(sorted(reference, reverse=True)[:20])
    assert isolated["isolated_count"] == (reference >= 0.6).sum()


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_drift_of_numbers_agrees_with_scipy(tmp_path: Path, shift: float) -> None:
    generator = np.random.default_rng(9)
    before, after = generator.normal(0, 1, 3000).round(2), generator.normal(shift, 1, 2000).round(2)
    found = drifted(tmp_path, pa.table({"x": before}), pa.table({"x": after}))["columns"][0]
    reference = scipy.stats.ks_2samp(before, after, method="asymp")
    assert found["statistic"] == pytest.approx(reference.statistic, abs=1e-12)
    assert found["p_value"] == pytest.approx(reference.pvalue, rel=1e-9, abs=1e-300)
    ordered = np.sort(before)
    edges = np.unique([ordered[int(np.ceil(3000 * tenth / 10)) - 1] for tenth in range(1, 10)])
    shares = [np.bincount(np.searchsorted(edges, values), minlength=10) / len(values) for values in (before, after)]
    assert found["psi"] == pytest.approx(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    assert found["magnitude"] == ("none" if shift == 0 else "moderate" if found["psi"] < 0.25 else "large")


def test_drift_of_categories_agrees_with_scipy(tmp_path: Path) -> None:
    before = ["a"] * 500 + ["b"] * 300 + ["c"] * 200
    after = ["a"] * 300 + ["b"] * 300 + ["d"] * 100 + [None] * 50
    found = drifted(tmp_path, pa.table({"x": before}), pa.table({"x": after}))["columns"][0]
    reference = scipy.stats.chi2_contingency([[500, 300, 200, 0], [300, 300, 0, 100]], correction=False)
    assert found["statistic"] == pytest.approx(reference.statistic)
    assert found["p_value"] == pytest.approx(reference.pvalue)
    assert (found["degrees_of_freedom"], found["new_values"]) == (3, ["d"])
    assert found["missing_fraction"] == pytest.approx(50 / 750)
    assert found["magnitude"] == "large"


def test_drift_tells_columns_that_came_went_or_changed(tmp_path: Path) -> None:
    before = pa.table({"kept": [1, 2], "gone": [1, 2], "typed": [1, 2], "day": [dt.date(2024, 1, 1)] * 2})
    after = pa.table({"typed": ["a", "b"], "kept": [1, 2], "new": [1, 2], "day": [dt.date(2025, 1, 1)] * 2})
    found = drifted(tmp_path, before, after)
    assert (found["added_columns"], found["removed_columns"]) == (["new"], ["gone"])
    assert found["type_changes"] == [{"column": "typed", "previous_type": "integer", "type": "string"}]
    assert [each["column"] for each in found["columns"]] == ["kept", "day"]
    assert found["columns"][1]["statistic"] == 1.0


def drifted(folder: Path, before: pa.Table, after: pa.Table) -> dict[str, Any]:
    """What ``drift`` finds between two tables."""
    for name, table in (("before", before), ("data", after)):
        pq.write_table(table, folder / f"{name}.parquet")
    previous = {"version": 1, "row_count": before.num_rows, "columns": columns_of(before)}
    with opened(256 * 1024**2, str(folder / "spill")) as connection:
        create_view(connection, "before", folder / "before.parquet", previous["columns"])
        create_view(connection, "data", folder / "data.parquet", columns_of(after))
        return drift.compare(connection, columns_of(after), previous, after.num_rows)


def references(folder: Path, name: str, table: pa.Table, others: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """What refers to what between a table and others."""
    pq.write_table(table, folder / "subject.parquet")
    neighbours = []
    for other, rows in others.items():
        path = folder / f"{other}.parquet"
        pq.write_table(rows, path)
        facts = {"id": other, "name": other, "version": 1, "row_count": rows.num_rows, "columns": columns_of(rows)}
        neighbours.append(facts | {"path": str(path)})
    with opened(256 * 1024**2, str(folder / "spill")) as connection:
        create_view(connection, "data", folder / "subject.parquet", columns_of(table))
        finder = ReferenceFinder(connection, folder / "subject.parquet", name, columns_of(table), table.num_rows)
        found, left = finder.find(neighbours)
    assert left == 0
    return found


def test_references_are_inclusions_in_keys(tmp_path: Path) -> None:
    customers = pa.table({"id": list(range(1, 201)), "country": ["DE", "FR"] * 100})
    orders = pa.table({"order_no": [f"O{n}" for n in range(500)], "customer_id": [n % 150 + 1 for n in range(500)]})
    lines = pa.table({"order": [f"O{n % 500}" for n in range(900)], "quantity": [n % 5 + 1 for n in range(900)]})
    found = references(tmp_path, "orders", orders, {"customers": customers, "lines": lines})
    pairs = {(each["from"] and each["from"]["id"], each["column"], each["to"] and each["to"]["id"]) for each in found}
    assert pairs == {(None, "customer_id", "customers"), ("lines", "order", None)}
    by_column = {each["column"]: each for each in found}
    assert (by_column["customer_id"]["distinct_count"], by_column["customer_id"]["inclusion"]) == (150, 1.0)
    broken = pa.table({"customer_id": [*range(1, 100), 900]})
    (partial,) = references(tmp_path, "visits", broken, {"customers": customers})
    assert (partial["found_count"], partial["inclusion"]) == (99, 0.99)
    stranger = pa.table({"customer_id": [*range(100, 300)]})
    assert references(tmp_path, "visits", stranger, {"customers": customers}) == []


def test_names_speak_of_keys() -> None:
    assert name_likeness("customer_id", "id", "customers") == 1.0
    assert name_likeness("customer_id", "customer_id", "people") == 1.0
    assert name_likeness("quantity", "id", "customers") == 0.0
    assert name_likeness("id", "id", "customers") == 0.3


def test_of_wide_tables_the_first_columns_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_COLUMNS", 3)
    table = pa.table({f"column {place}": [place * row % 7 for row in range(60)] for place in range(5)})
    found = profile(tmp_path, table)
    path = str(tmp_path / "canonical.parquet")
    made = report.report_file(
        path=path,
        name="wide",
        columns=columns_of(table),
        profile=found,
        previous={"version": 1, "row_count": 60, "columns": columns_of(table), "path": path},
        neighbours=[],
        memory_bytes=256 * 1024**2,
        spill_folder=str(tmp_path / "spill"),
        progress=ignore,
    )
    assert [note["kind"] for note in made["notes"]] == ["columns_limited"]
    assert [each["column"] for each in made["analysis"]["drift"]["columns"]] == ["column 0", "column 1", "column 2"]
    assert len(made["columns"]) == 5
