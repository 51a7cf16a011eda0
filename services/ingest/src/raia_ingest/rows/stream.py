"""A version's rows as an Arrow stream, from a compute child through a Unix socket."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from raia.ingest.v1 import reader_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import Cancelled, NotFound, Unavailable
from raia_kit.objects import ObjectStore
from raia_kit.resources import AccessDecisions

from raia_ingest import metrics
from raia_ingest.datasets.domain import Dataset
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.datasets.service import missing
from raia_ingest.errors import ColumnMissing
from raia_ingest.scratch import SCRATCH_PREFIX
from raia_ingest.settings import IngestSettings

_STREAM = "raia_ingest.workers.rows:stream"
_PERMISSION = "datasets.read"
_LOOK_SECONDS = 0.2


class RowStreamService:
    """Streams rows to other services."""

    def __init__(
        self,
        *,
        database: Database,
        datasets: DatasetRepository,
        objects: ObjectStore,
        pool: ComputePool,
        access: AccessDecisions,
        settings: IngestSettings,
    ) -> None:
        self._database, self._datasets, self._objects = database, datasets, objects
        self._pool, self._access = pool, access
        self._time_limit = settings.read_time_limit

    def read(self, call: Call, request: reader_service_pb2.ReadRequest) -> Iterator[reader_service_pb2.ReadResponse]:
        """The rows; raises ``NotFound`` (also when the user may not read them), ``NotReady``,
        ``Quarantined``, ``ColumnMissing``."""
        dataset = self._find(call, UUID(request.dataset_id), request.version)
        version = dataset.version
        known = {column.name for column in version.columns}
        for name in request.columns:
            if name not in known:
                raise ColumnMissing(
                    f"the dataset has no column {name!r}", reason="COLUMN_NOT_FOUND", metadata={"column": name[:200]}
                )
        response = reader_service_pb2.ReadResponse(
            version=version.number, sha256=version.stored_sha256 or "", row_count=version.row_count or 0
        )
        with self._objects.materialise(version.stored_key or "") as path:
            for message in self._messages(call, path, list(dict.fromkeys(request.columns))):
                metrics.STREAMED_BYTES.inc(len(message))
                response.data = message
                yield response
                response = reader_service_pb2.ReadResponse()

    def _find(self, call: Call, dataset_id: UUID, number: int) -> Dataset:
        with self._database.unit_of_work(call.org_id) as unit:
            dataset = self._datasets.find(unit, dataset_id, number)
        if dataset is None:
            raise missing(dataset_id, number)
        caller = call.authenticated
        place = {"resource_type": "dataset", "resource_id": str(dataset_id)}
        # A service that acts for nobody reads what it was told of; one that acts for a user reads what they may.
        if caller.user_id is not None and not self._access.allows(
            caller, _PERMISSION, project_id=dataset.project_id, **place
        ):
            raise NotFound.of("dataset", dataset_id)
        dataset.version.require_readable(dataset_id)
        return dataset

    def _messages(self, call: Call, path: Path, columns: list[str]) -> Iterator[bytes]:
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX) as folder, _Run(self._pool, self._time_limit) as run:
            address = str(Path(folder) / "s")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(address)
                listener.listen(1)
                listener.settimeout(_LOOK_SECONDS)
                run.start({"path": str(path), "columns": columns, "address": address}, str(call.org_id))
                with run.accept(listener, call) as connection:
                    connection.settimeout(_LOOK_SECONDS)
                    while size := int.from_bytes(run.receive(connection, 4, call), "big"):
                        yield run.receive(connection, size, call)
            run.finish()


class _Run:
    """A compute run on a thread of its own, cancelled when its reader goes away."""

    def __init__(self, pool: ComputePool, time_limit: float) -> None:
        self._pool, self._time_limit = pool, time_limit
        self._cancel = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel.set()
        if self._thread is not None:
            self._thread.join()

    def start(self, arguments: dict[str, object], share: str) -> None:
        def run() -> None:
            try:
                self._pool.run(_STREAM, arguments, time_limit=self._time_limit, cancel=self._cancel, share=share)
            except BaseException as error:  # raised again on the reading thread
                self._error = error

        self._thread = threading.Thread(target=run, name="row-stream", daemon=True)
        self._thread.start()

    def accept(self, listener: socket.socket, call: Call) -> socket.socket:
        while True:
            try:
                return listener.accept()[0]
            except TimeoutError:
                self._check(call)

    def receive(self, connection: socket.socket, size: int, call: Call) -> bytes:
        """Exactly ``size`` bytes; raises what ended the run when they do not come."""
        data = bytearray()
        while len(data) < size:
            try:
                piece = connection.recv(size - len(data))
            except TimeoutError:
                self._check(call)
                continue
            if not piece:
                self.finish()
                raise Unavailable("reading the rows was interrupted; try again", reason="READ_INTERRUPTED")
            data += piece
        return bytes(data)

    def finish(self) -> None:
        """Waits for the run to end and raises what it raised."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _check(self, call: Call) -> None:
        if not call.is_active():
            raise Cancelled("the client went away", reason="CANCELLED")
        if self._error is not None:
            raise self._error
