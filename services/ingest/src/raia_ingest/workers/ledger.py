"""What became of every record of a file."""

from dataclasses import dataclass, field
from typing import Any

POSITIONS_KEPT = 1000


@dataclass
class Ledger:
    """Counts of one pass: every record read is either stored or rejected, and rejections say where and why."""

    stored: int = 0
    rejected: int = 0
    rejections: list[dict[str, Any]] = field(default_factory=list)
    """The first 1,000: ``record`` (from 1, the header not counted) and ``reason``."""

    def reject(self, record: int, reason: str) -> None:
        """Counts a record that is not stored."""
        self.rejected += 1
        if len(self.rejections) < POSITIONS_KEPT:
            self.rejections.append({"record": record, "reason": reason})

    def as_dict(self) -> dict[str, Any]:
        """The ledger as JSON values; records_read = stored + rejected."""
        return {
            "records_read": self.stored + self.rejected,
            "stored": self.stored,
            "rejected": self.rejected,
            "rejections": self.rejections,
        }
