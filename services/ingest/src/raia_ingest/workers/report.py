"""The compute function that makes a report: what the columns say about each other, in figures, words and charts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq

from raia_ingest.workers import associations, dependencies, drift, isolation, seasonal, similar_rows
from raia_ingest.workers.exhaustion import explained
from raia_ingest.workers.inclusion import ReferenceFinder
from raia_ingest.workers.parts import copy_columns
from raia_ingest.workers.report_charts import charts
from raia_ingest.workers.report_words import summarise
from raia_ingest.workers.tables import create_view, opened

LARGEST_BYTES = 3 * 1024**2
"""Of a whole report; an answer carries at most 4 MiB."""
MOST_COLUMNS = 500
"""Of wider tables, the first columns are looked at."""
_LEFT_TO_PROFILE = ("histogram", "top_values")

Progress = Callable[[float, str], None]


def report_file(
    *,
    path: str,
    name: str,
    columns: list[dict[str, str]],
    profile: dict[str, Any],
    previous: dict[str, Any] | None,
    neighbours: list[dict[str, Any]],
    memory_bytes: int,
    spill_folder: str,
    progress: Progress,
) -> dict[str, Any]:
    """Reports on the file whose profile is ``profile``.

    ``previous`` is the version before (version, row_count, columns, path), ``neighbours`` are other datasets (these and
    id, name). Returns summary, columns, analysis, charts and notes, named as in the contract's ``DatasetReport``; the
    ends of references are left under ``from`` and ``to``. The database holds at most ``memory_bytes`` and spills to
    ``spill_folder``.
    """
    Path(spill_folder).mkdir(parents=True, exist_ok=True)
    with explained(), TemporaryDirectory(dir=spill_folder) as folder:
        subject = _narrowed(Path(path), len(columns), Path(folder) / "subject.parquet")
        maker = _Report(subject, columns, profile, progress)
        with opened(memory_bytes, spill_folder) as connection:
            create_view(connection, "data", subject, columns[:MOST_COLUMNS])
            maker.of_rows(connection)
            if previous is not None:
                before = _narrowed(Path(previous["path"]), len(previous["columns"]), Path(folder) / "before.parquet")
                maker.of_changes(connection, before, {**previous, "columns": previous["columns"][:MOST_COLUMNS]})
            maker.of_references(connection, name, neighbours)
        maker.of_isolation()
        return maker.finished(name)


def _narrowed(path: Path, width: int, target: Path) -> Path:
    """A file of the first columns alone when there are too many: a query costs time by the width of the file."""
    if width <= MOST_COLUMNS:
        return path
    with pq.ParquetFile(path) as file:
        copy_columns(file, range(MOST_COLUMNS), target)
    return target


class _Report:
    """One report as it grows."""

    def __init__(
        self, path: Path, columns: Sequence[Mapping[str, str]], profile: Mapping[str, Any], progress: Progress
    ) -> None:
        self._path, self._columns, self._profile, self._progress = path, columns[:MOST_COLUMNS], profile, progress
        self._profiles = profile["columns"][:MOST_COLUMNS]
        self._rows = int(profile["row_count"])
        self._notes: list[dict[str, str]] = []
        self._series: list[dict[str, Any]] = []
        self._analysis: dict[str, Any] = {}
        if len(columns) > MOST_COLUMNS:
            self._note("columns_limited", f"the first {MOST_COLUMNS} of {len(columns):,} columns are looked at")

    def _note(self, kind: str, message: str) -> None:
        self._notes.append({"kind": kind, "column": "", "message": message})

    def of_rows(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Associations, keys, dependencies, near-duplicates and series of the version itself."""
        self._progress(0.02, "associations")
        self._analysis["associations"] = associations.associate(self._path, self._profiles)
        self._progress(0.2, "keys and dependencies")
        finder = dependencies.DependencyFinder(connection, self._profiles, self._rows)
        self._analysis["candidate_keys"] = finder.keys()
        self._analysis["dependencies"] = finder.dependencies()
        if finder.limited:
            self._note(
                "dependencies_limited", "there are more sets of columns that may be keys or depend than were proved"
            )
        if len(self._profiles) > dependencies.MOST_COLUMNS:
            self._note("keys_limited", f"keys and dependencies are of the first {dependencies.MOST_COLUMNS} columns")
        self._progress(0.4, "near-duplicates")
        near = similar_rows.near_duplicates(
            connection, self._profiles, self._rows, int(self._profile["duplicate_row_count"])
        )
        if near is not None:
            self._analysis["near_duplicates"] = near
        if self._rows * len(self._profiles) > similar_rows.MOST_CELLS:
            self._note("near_duplicates_limited", "rows that differ in one column alone are not looked for: too many")
        self._progress(0.55, "time series")
        found = seasonal.seasonal_outliers(connection, self._profiles)
        self._series = [each.pop("drawn") for each in found]
        self._analysis["seasonal_outliers"] = found

    def of_changes(self, connection: duckdb.DuckDBPyConnection, path: Path, previous: Mapping[str, Any]) -> None:
        """Drift against the version before, whose rows are at ``path``."""
        self._progress(0.62, "changes since the version before")
        create_view(connection, "before", path, previous["columns"])
        self._analysis["drift"] = drift.compare(connection, self._columns, previous, self._rows)

    def of_references(
        self, connection: duckdb.DuckDBPyConnection, name: str, neighbours: Sequence[Mapping[str, Any]]
    ) -> None:
        """References to and from other datasets."""
        self._progress(0.7, "references")
        finder = ReferenceFinder(connection, self._path, name, self._columns, self._rows)
        self._analysis["foreign_keys"], left = finder.find(neighbours)
        if left:
            self._note("references_limited", f"{left:,} other datasets were not looked at for references: too many")

    def of_isolation(self) -> None:
        """Rows that stand apart."""
        found = isolation.isolated_rows(
            self._path,
            self._profiles,
            self._rows,
            lambda part: self._progress(0.8 + 0.18 * part, "rows that stand apart"),
        )
        if found is not None:
            self._analysis["isolated_rows"] = found
            if found["scored_count"] < self._rows:
                text = f"{found['scored_count']:,} of {self._rows:,} rows, evenly chosen, are scored for standing apart"
                self._note("isolation_limited", text)

    def finished(self, name: str) -> dict[str, Any]:
        """The report, cut to the size of one answer."""
        report = {
            "summary": summarise(name, self._rows, self._profile, self._analysis),
            "columns": [
                {key: value for key, value in profile.items() if key not in _LEFT_TO_PROFILE}
                for profile in self._profile["columns"]
            ],
            "analysis": self._analysis,
            "charts": charts({**self._profile, "columns": self._profiles}, self._analysis, self._series),
            "notes": self._notes,
        }
        for part in ("columns", "charts"):
            if len(orjson.dumps(report)) > LARGEST_BYTES:
                report[part] = []
                self._note("details_limited", f"{part} are left out: the table is too wide for all of them")
        return report
