"""Reading a small file as the compute child does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_ingest.workers import ledger
from raia_ingest.workers.read import read_file
from raia_ingest.workers.source import Limits


@dataclass(frozen=True)
class Read:
    """What reading a file gave."""

    result: dict[str, Any]
    table: pa.Table
    entries: list[dict[str, Any]] = field(default_factory=list)
    """The ledger's."""

    @property
    def types(self) -> dict[str, str]:
        """Column types by name."""
        return {column["name"]: column["type"] for column in self.result["columns"]}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The stored rows."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    @property
    def note_kinds(self) -> set[str]:
        """The kinds of the notes."""
        return {note["kind"] for note in self.result["notes"]}

    def column(self, name: str) -> list[Any]:
        """One column's values."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values


OUTCOMES = ("repaired", "rejected")


def entries_of(target: Path) -> list[dict[str, Any]]:
    """All entries of the ledger beside ``target``, page by page."""
    path = Path(f"{target}.ledger")
    entries: list[dict[str, Any]] = []
    following = 0
    while path.exists() and following >= 0:
        found = ledger.page(str(path), offset=following, limit=700, outcome="", reason="", max_bytes=2**20)
        entries += found["entries"]
        following = found["next"]
    return entries


Reader = Callable[..., Read]


def ignore(_fraction: float, _message: str) -> None:
    """Takes progress and does nothing."""


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads bytes, text or a file."""

    def reader(
        content: bytes | str | Path, filename: str = "table.csv", limits: Limits | None = None, **wanted: Any
    ) -> Read:
        if isinstance(content, Path):
            path = content
        else:
            path = tmp_path / "raw"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        target = tmp_path / "canonical.parquet"
        result = read_file(str(path), str(target), filename, asdict(limits or Limits()), ignore, wanted=wanted)
        table = pq.read_table(target)
        counts = result["ledger"]
        assert table.num_rows == result["row_count"] == counts["stored"] + counts["repaired"]
        assert counts["records_read"] == counts["stored"] + counts["repaired"] + counts["rejected"]
        entries = entries_of(target)
        told = {outcome: {entry["record"] for entry in entries if entry["outcome"] == outcome} for outcome in OUTCOMES}
        assert {outcome: len(records) for outcome, records in told.items()} == {o: counts[o] for o in OUTCOMES}
        assert [entry["record"] for entry in entries] == sorted(entry["record"] for entry in entries)
        assert not told["repaired"] & told["rejected"]
        assert table.schema.names == [column["name"] for column in result["columns"]]
        return Read(result, table, entries)

    return reader
