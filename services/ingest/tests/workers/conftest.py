"""Reading a small file as the compute child does."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raia_ingest.workers.read import read_file
from raia_ingest.workers.source import Limits


@dataclass(frozen=True)
class Read:
    """What reading a file gave."""

    result: dict[str, Any]
    table: pa.Table

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


Reader = Callable[..., Read]


def ignore(_fraction: float, _message: str) -> None:
    """Takes progress and does nothing."""


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads bytes, text or a file."""

    def reader(content: bytes | str | Path, filename: str = "table.csv", limits: Limits | None = None) -> Read:
        if isinstance(content, Path):
            path = content
        else:
            path = tmp_path / "raw"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        target = tmp_path / "canonical.parquet"
        result = read_file(str(path), str(target), filename, asdict(limits or Limits()), ignore)
        table = pq.read_table(target)
        assert table.num_rows == result["row_count"] == result["ledger"]["stored"]
        ledger = result["ledger"]
        assert ledger["records_read"] == ledger["stored"] + ledger["rejected"]
        assert table.schema.names == [column["name"] for column in result["columns"]]
        return Read(result, table)

    return reader
