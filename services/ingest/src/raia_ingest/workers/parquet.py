"""Reads Parquet, ORC and Arrow (Feather) files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.orc
import pyarrow.parquet as pq

from raia_ingest import errors
from raia_ingest.workers.source import Limits
from raia_ingest.workers.typed import TypedSource

_BLOCK_ROWS = 32_768


class ParquetSource(TypedSource):
    """A Parquet file."""

    file_type = "parquet"

    def _open(self, limits: Limits) -> pa.Schema:
        try:
            with pq.ParquetFile(self._path) as file:
                schema = file.schema_arrow
                metadata = file.metadata
                unpacked = sum(metadata.row_group(each).total_byte_size for each in range(metadata.num_row_groups))
                self._rows = metadata.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            if _last_bytes(self._path) == b"PARE" or "encrypted" in str(error):
                raise errors.encrypted(self._filename) from error
            raise errors.corrupt(
                self._filename, "its footer is missing or broken, so it may end in the middle"
            ) from error
        if unpacked > max(limits.max_unpacked_bytes, 16 * self._path.stat().st_size):
            raise errors.too_large(limits.max_unpacked_bytes, "the file unpacks to more bytes than allowed")
        return schema

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._path) as file:
            yield from file.iter_batches(batch_size=_BLOCK_ROWS, use_threads=False)


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return file.read()


class OrcSource(TypedSource):
    """An ORC file, read stripe by stripe."""

    file_type = "orc"

    def _open(self, limits: Limits) -> pa.Schema:
        try:
            file = pa.orc.ORCFile(self._path)
            self._rows = file.nrows
            if file.content_length > max(limits.max_unpacked_bytes, 16 * self._path.stat().st_size):
                raise errors.too_large(limits.max_unpacked_bytes, "the file unpacks to more bytes than allowed")
            return file.schema
        except (pa.ArrowException, OSError, ValueError) as error:
            raise errors.corrupt(
                self._filename, "its footer is missing or broken, so it may end in the middle"
            ) from error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        file = pa.orc.ORCFile(self._path)
        for stripe in range(file.nstripes):
            read = file.read_stripe(stripe)
            table = read if isinstance(read, pa.Table) else pa.Table.from_batches([read])
            yield from table.to_batches(max_chunksize=_BLOCK_ROWS)


class ArrowSource(TypedSource):
    """An Arrow file, which Feather calls version 2, or an Arrow stream."""

    file_type = "arrow"

    def _open(self, limits: Limits) -> pa.Schema:  # noqa: ARG002 - batches are read one by one
        try:
            with pa.OSFile(str(self._path)) as file:
                return self._reader(file).schema
        except (pa.ArrowException, OSError, ValueError) as error:
            raise errors.corrupt(self._filename, "its schema is missing or broken") from error

    def _reader(self, file: pa.NativeFile) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
        if file.read(6) == b"ARROW1":
            file.seek(0)
            return pa.ipc.open_file(file)
        file.seek(0)
        return pa.ipc.open_stream(file)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._path)) as file:
            reader = self._reader(file)
            if isinstance(reader, pa.RecordBatchFileReader):
                batches = (reader.get_batch(position) for position in range(reader.num_record_batches))
            else:
                batches = iter(reader)
            for batch in batches:
                for start in range(0, batch.num_rows, _BLOCK_ROWS):
                    yield batch.slice(start, _BLOCK_ROWS)
