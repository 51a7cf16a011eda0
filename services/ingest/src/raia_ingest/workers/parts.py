"""Parts of a wide table: a query costs time by the width of the file it reads, so wide files are profiled in pieces."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

PART_COLUMNS = 100
"""Columns of one part; tables up to this width are read as they are."""
_BATCH_CELLS = 2_000_000


@contextmanager
def parts(path: Path, width: int, folder: Path) -> Iterator[Iterator[tuple[Path, range]]]:
    """Gives the files that hold the columns of the Parquet file at ``path``, each with the positions of its columns.

    A table of many columns is copied part by part below ``folder``; one part lies there at a time.
    """
    if width <= PART_COLUMNS:
        yield iter([(path, range(width))])
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as place:
        yield _copies(path, width, Path(place) / "part.parquet")


def _copies(path: Path, width: int, target: Path) -> Iterator[tuple[Path, range]]:
    for start in range(0, width, PART_COLUMNS):
        positions = range(start, min(start + PART_COLUMNS, width))
        with pq.ParquetFile(path) as file:
            copy_columns(file, positions, target)
        yield target, positions


def copy_columns(file: pq.ParquetFile, positions: Sequence[int], target: Path) -> None:
    """Writes the columns at ``positions`` of a Parquet file to another, row by row as they are."""
    fields = [file.schema_arrow.field(position) for position in positions]
    names = [field.name for field in fields]
    schema = pa.schema(fields)
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        rows = max(1024, _BATCH_CELLS // len(names))
        for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=False):
            # A name that another one continues after a dot brings that column along.
            arrays = [batch.column(name) for name in names]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
