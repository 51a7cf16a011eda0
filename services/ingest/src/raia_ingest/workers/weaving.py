"""Puts mended records back among the rows of a block, in their place."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from raia_ingest.workers.ledger import Entry
from raia_ingest.workers.ragged import Mended

Ragged = deque[tuple[int, str]]
"""Records of another width that wait for their place: number and text, in order."""


@dataclass
class Woven:
    """A block with its mended records."""

    columns: Sequence[pa.Array]
    numbers: list[int]
    """The record of each row."""
    repairs: dict[int, list[Entry]]
    end: int
    """The record that follows the block."""


def weave(
    columns: Sequence[pa.Array], rows: int, first: int, ragged: Ragged, mend: Callable[[int, str], Mended | None]
) -> Woven:
    """Takes from ``ragged`` what belongs into a block of ``rows`` rows whose first record is ``first``.

    ``mend`` answers the record at the table's width, or None after rejecting it.
    """
    order: list[int] = []
    numbers: list[int] = []
    added: list[list[str]] = []
    repairs: dict[int, list[Entry]] = {}
    at, record, taken = 0, first, 0
    while ragged and ragged[0][0] <= first + rows + taken:
        number, text = ragged.popleft()
        taken += 1
        before = max(0, min(number - record, rows - at))
        order += range(at, at + before)
        numbers += range(record, record + before)
        at, record = at + before, number + 1
        found = mend(number, text)
        if found is not None:
            order.append(rows + len(added))
            numbers.append(number)
            added.append(found.cells)
            repairs[number] = [Entry(found.reason, found.message, content=text)]
    order += range(at, rows)
    numbers += range(record, record + rows - at)
    if added:
        taken_from = pa.array(order, pa.int64())
        columns = [
            pa.concat_arrays([column, pa.array(list(map(_present, cells)), pa.string())]).take(taken_from)
            for column, cells in zip(columns, zip(*added, strict=True), strict=True)
        ]
    return Woven(columns, numbers, repairs, record + rows - at)


def _present(cell: str) -> str | None:
    return cell or None
