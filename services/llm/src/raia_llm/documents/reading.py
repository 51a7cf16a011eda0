"""Turns a stored file into text, passages and vectors: in compute children, while an uploader waits or in a job."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord
from raia_kit.objects import ObjectStore

from raia_llm.documents import events
from raia_llm.documents.domain import PROCESSING, Document, Reading
from raia_llm.documents.repository import DocumentRepository
from raia_llm.embedding.queries import QueryEmbedder
from raia_llm.handover import CHUNKS, TEXT, VECTORS, WEIGHTS, WORDS
from raia_llm.passages.corpus import CorpusRepository
from raia_llm.passages.weighing import WeighingJobs
from raia_llm.scratch import scratch_folder
from raia_llm.settings import LlmSettings

READ_JOB = "llm.read"
_READ = "raia_llm.workers.read:read_document"
_EMBED = "raia_llm.workers.read:embed_chunks"

Compute = Callable[[str, Mapping[str, Any]], Any]
"""Runs a function in a compute child."""


@dataclass(frozen=True)
class Work:
    """A document that has been read, its passages still in files of ``folder``."""

    reading: Reading
    words: Mapping[str, int]
    folder: Path


class DocumentReader:
    """Reads an object into text, passages and vectors, and writes them to the database."""

    def __init__(
        self,
        *,
        database: Database,
        objects: ObjectStore,
        documents: DocumentRepository,
        corpus: CorpusRepository,
        embedder: QueryEmbedder,
        weighing: WeighingJobs,
        settings: LlmSettings,
    ) -> None:
        self._database, self._objects, self._documents = database, objects, documents
        self._corpus, self._embedder, self._weighing = corpus, embedder, weighing
        self._scratch = settings.scratch_folder
        self._limits = {
            "max_pages": settings.document_max_pages,
            "max_characters": settings.document_max_characters,
            "max_unpacked_bytes": settings.document_max_unpacked_bytes,
        }

    @contextmanager
    def read(self, org_id: UUID, key: str, filename: str, compute: Compute) -> Iterator[Work]:
        """Reads the file at ``key``; its passages are there while the context is open.

        Raises ``BadDocument``, ``TooLarge``, or what ``compute`` and the store raise.
        """
        with scratch_folder(self._scratch) as folder:
            with self._objects.materialise(key) as path:
                arguments = {
                    "path": str(path),
                    "filename": filename,
                    "folder": str(folder),
                    "limits": self._limits,
                }
                found = compute(_READ, arguments)
            words: dict[str, int] = orjson.loads((folder / WORDS).read_bytes())
            weights: Mapping[str, float] = {}
            if self._embedder.weighs_words:
                with self._database.unit_of_work(org_id) as unit:
                    weights = self._corpus.weights(unit, words, adding=words, chunks=found["chunk_count"])
            (folder / WEIGHTS).write_bytes(orjson.dumps(weights))
            compute(_EMBED, {"folder": str(folder), "embedder": self._embedder.options})
            stored = self._objects.put_file(org_id, folder / TEXT)
            reading = Reading(
                file_type=found["file_type"],
                metadata=found["metadata"],
                content=found["content"],
                character_count=found["character_count"],
                chunk_count=found["chunk_count"],
                text_key=stored.key,
                embedder=self._embedder.name,
            )
            yield Work(reading, words, folder)

    def finish(self, unit: UnitOfWork, document: Document, work: Work) -> None:
        """Makes a locked document ready: text, passages, counts and event in this one transaction."""
        if not self._documents.mark_ready(unit, document.id, work.reading):
            return
        with (work.folder / CHUNKS).open("rb") as chunks, (work.folder / VECTORS).open("rb") as vectors:
            self._corpus.add(unit, document, work.reading.embedder, chunks, vectors)
        self._corpus.lock(unit)
        self._corpus.count(unit, document.id, work.reading.chunk_count, work.words)
        self._weighing.consider(unit)
        events.ready(unit, document, work.reading.chunk_count)


class ReadJobs:
    """The jobs that read uploaded documents."""

    def __init__(
        self, *, jobs: JobQueue, documents: DocumentRepository, reader: DocumentReader, settings: LlmSettings
    ) -> None:
        self._jobs, self._documents, self._reader = jobs, documents, reader
        jobs.task(
            READ_JOB, time_limit=settings.document_time_limit, on_failed=self._failed, on_cancelled=self._cancelled
        )(self.run)

    def enqueue(self, unit: UnitOfWork, document_id: UUID, user_id: UUID | None) -> None:
        """Has the document read once the unit of work has committed."""
        job_id = self._jobs.enqueue(unit, READ_JOB, {"document_id": str(document_id)}, unit.tenant, user_id)
        self._documents.set_job(unit, document_id, job_id)

    def run(self, job: Job) -> None:
        """Reads one document; a run that repeats an earlier one's work changes nothing twice."""
        document_id = UUID(job.args["document_id"])
        with job.unit() as unit:
            document = self._documents.find(unit, document_id)
        if document is None or document.status != PROCESSING:
            return
        reading = self._reader.read(job.org_id, document.object_key, document.filename, job.compute)
        with reading as work, job.complete() as unit:
            locked = self._documents.lock(unit, document_id)
            if locked is not None:
                self._reader.finish(unit, locked, work)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end(unit, record, error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._end(unit, record, "reading was cancelled")

    def _end(self, unit: UnitOfWork, record: JobRecord, message: str) -> None:
        document_id = UUID(record.args["document_id"])
        locked = self._documents.lock(unit, document_id)
        if locked is not None and self._documents.mark_failed(unit, document_id, message):
            events.failed(unit, locked, message)
