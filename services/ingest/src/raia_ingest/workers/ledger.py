"""What became of every record of a file: stored as it was, stored after a repair, or rejected."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

POSITIONS_KEPT = 1000
"""Rejections told with the dataset itself; all of them lie in the ledger's own file."""
_LONGEST_CONTENT = 10_000
_FLUSHED_ENTRIES = 20_000
_HELD_ENTRIES = 200_000

REPAIRED = "repaired"
REJECTED = "rejected"

SCHEMA = pa.schema(
    [
        ("record", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("column", pa.string()),
        ("content", pa.string()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """Why one record is not stored as it was."""

    reason: str
    """A word such as ``ragged``, ``stray_nul``, ``not_json``."""
    message: str
    """A sentence that begins where "the record" ends."""
    column: str = ""
    """The column that was changed; empty for the record as a whole."""
    content: str = ""
    """What stood in the file."""


class Ledger:
    """Counts of one pass: records read = stored + repaired + rejected; every repair and rejection has an entry.

    Entries go to a Parquet file as they come, so that no number of them fills the memory.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._writer: pq.ParquetWriter | None = None
        self._clear()

    def _clear(self) -> None:
        self.stored = self.repaired = self.rejected = 0
        self.entries = 0
        self.rejections: list[dict[str, Any]] = []
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._held: list[tuple[int, str, Entry]] = []

    @property
    def kept(self) -> int:
        """Records that became rows."""
        return self.stored + self.repaired

    def keep_in(self, path: Path) -> None:
        """Has entries written to ``path``; before the first pass."""
        self._path = path

    def restart(self) -> None:
        """Begins another pass: nothing has been read."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._clear()

    def take(self, rows: int, repairs: Mapping[int, Sequence[Entry]] | None = None) -> None:
        """Counts the rows of a block; ``repairs`` says by record what was changed in some of them."""
        repairs = repairs or {}
        self.stored += rows - len(repairs)
        self.repaired += len(repairs)
        for record, entries in repairs.items():
            for entry in entries:
                self._add(record, REPAIRED, entry)
        if len(self._held) >= _FLUSHED_ENTRIES:
            self._flush()

    def reject(self, record: int, reason: str, message: str, content: str = "") -> None:
        """Counts a record that is not stored; ``record`` counts from 1, the header not counted."""
        self.rejected += 1
        if len(self.rejections) < POSITIONS_KEPT:
            self.rejections.append({"record": record, "reason": message})
        self._add(record, REJECTED, Entry(reason, message, content=content))
        if len(self._held) >= _HELD_ENTRIES:
            self._flush()

    def close(self) -> Path | None:
        """Ends the file of entries and returns it; None when there are none, or nowhere to keep them."""
        self._flush()
        if self._writer is None:
            return None
        self._writer.close()
        self._writer = None
        return self._path

    def as_dict(self) -> dict[str, Any]:
        """The ledger as JSON values; records_read = stored + repaired + rejected."""
        return {
            "records_read": self.stored + self.repaired + self.rejected,
            "stored": self.stored,
            "repaired": self.repaired,
            "rejected": self.rejected,
            "reasons": [
                {"outcome": outcome, "reason": reason, "entries": count}
                for (outcome, reason), count in self._reasons.most_common()
            ],
            "rejections": self.rejections,
        }

    def _add(self, record: int, outcome: str, entry: Entry) -> None:
        self.entries += 1
        self._reasons[outcome, entry.reason] += 1
        if self._path is not None:
            self._held.append((record, outcome, entry))

    def _flush(self) -> None:
        if not self._held or self._path is None:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, SCHEMA, compression="zstd")
        self._held.sort(key=lambda held: held[0])
        columns = [
            [record for record, _, _ in self._held],
            [outcome for _, outcome, _ in self._held],
            [entry.reason for _, _, entry in self._held],
            [entry.message for _, _, entry in self._held],
            [entry.column for _, _, entry in self._held],
            [told(entry.content) for _, _, entry in self._held],
        ]
        self._writer.write_table(pa.table([pa.array(each) for each in columns], schema=SCHEMA))
        self._held = []


def told(content: str) -> str:
    """What stood in the file, as text that every reader of the ledger can take: cut, and without NUL."""
    text = content[:_LONGEST_CONTENT].replace("\0", "\u2400")
    return text.encode("utf-8", "replace").decode() + ("…" if len(content) > _LONGEST_CONTENT else "")


def page(path: str, *, offset: int, limit: int, outcome: str, reason: str, max_bytes: int) -> dict[str, Any]:
    """Entries of the ledger at ``path`` from entry ``offset`` on, of one outcome and reason where given.

    Returns ``entries`` and ``next``: the offset behind the last entry looked at, or -1 at the end.
    """
    entries: list[dict[str, Any]] = []
    size = at = 0
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if at + rows <= offset:
                at += rows
                continue
            table = file.read_row_group(group, use_threads=False)
            table = table.append_column("at", pa.array(range(at, at + rows))).slice(max(0, offset - at))
            at += rows
            for name, wanted in (("outcome", outcome), ("reason", reason)):
                if wanted:
                    table = table.filter(pc.equal(table[name], wanted))
            for row in table.to_pylist():
                position = row.pop("at")
                if len(entries) >= limit or (entries and size > max_bytes):
                    return {"entries": entries, "next": position}
                size += len(row["content"]) * 2 + len(row["message"]) + 100
                entries.append(row)
    return {"entries": entries, "next": -1}
