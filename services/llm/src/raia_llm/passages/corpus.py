"""The chunks of an organisation and the words that weigh them, in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from raia_kit.database import UnitOfWork
from sqlalchemy import text

from raia_llm.documents.domain import Document
from raia_llm.embedding.weights import word_weight

_BATCH = 200
_LOCK = text("""
insert into corpus (org_id) values (:org) on conflict (org_id) do update set updated_at = now()
returning chunks, weighed_chunks, embedder, job_id
""")
_INSERT = text("""
insert into chunk (org_id, document_id, number, project_id, text, start_at, end_at, page, page_starts, headings,
    terms, embedder, embedding)
select :org, :document, n.number, cast(:project as uuid), n.text, n.start_at, n.end_at, n.page,
    array(select jsonb_array_elements_text(n.page_starts::jsonb)::bigint),
    array(select jsonb_array_elements_text(n.headings::jsonb)),
    to_tsvector(cast(:language as regconfig), n.text) || to_tsvector('simple', n.text), :embedder, n.embedding::halfvec
from unnest(cast(:numbers as int[]), cast(:texts as text[]), cast(:starts as bigint[]), cast(:ends as bigint[]),
    cast(:pages as int[]), cast(:page_starts as text[]), cast(:headings as text[]), cast(:embeddings as text[]))
    as n(number, text, start_at, end_at, page, page_starts, headings, embedding)
""")
_COUNT_WORDS = text("""
insert into word (org_id, word, chunks)
select :org, n.word, n.chunks from unnest(cast(:words as text[]), cast(:chunks as int[])) as n(word, chunks)
order by n.word
on conflict (org_id, word) do update set chunks = word.chunks + excluded.chunks
""")
_KEEP_WORDS = text("""
insert into document_words (org_id, document_id, words, chunks)
values (:org, :document, cast(:words as text[]), cast(:chunks as int[]))
""")
_FORGET_WORDS = text("""
with gone as (
    select n.word, n.chunks from document_words d, unnest(d.words, d.chunks) as n(word, chunks)
    where d.document_id = :document
)
update word set chunks = word.chunks - gone.chunks from gone where word.word = gone.word
""")
_DROP_UNUSED = text("""
delete from word using document_words d
where d.document_id = :document and word.word = any (d.words) and word.chunks <= 0
""")
_GROW = text("update corpus set chunks = chunks + :chunks, updated_at = now()")
_WEIGHED = text("update corpus set weighed_chunks = chunks, embedder = :embedder, job_id = null, updated_at = now()")
_SET_JOB = text("update corpus set job_id = cast(:job as bigint)")
_WEIGHTS = text("""
select w.word, coalesce(k.chunks, 0) as chunks, length(to_tsvector(cast(:language as regconfig), w.word)) = 0 as stop
from unnest(cast(:words as text[])) as w(word) left join word k on k.word = w.word
""")
_SIZE = text("select chunks, weighed_chunks, embedder, job_id from corpus")
_AFTER = text("""
select document_id, number, text, to_jsonb(headings) as headings from chunk
where (document_id, number) > (cast(:document as uuid), :number) order by document_id, number limit :batch
""")
_EMBED = text("""
update chunk set embedding = n.embedding::halfvec, embedder = :embedder
from unnest(cast(:documents as uuid[]), cast(:numbers as int[]), cast(:embeddings as text[]))
    as n(document_id, number, embedding)
where chunk.document_id = n.document_id and chunk.number = n.number
""")


@dataclass(frozen=True)
class Corpus:
    """How much an organisation has."""

    chunks: int = 0
    weighed_chunks: int = 0
    """How much it had when its chunks were last embedded anew."""
    embedder: str = ""
    """With which."""
    job_id: int | None = None
    """The job that embeds them anew now, if any."""

    def outgrown(self, embedder: str, *, weighs_words: bool) -> bool:
        """Whether the vectors are of another embedder, or of weights from before the corpus doubled."""
        if not self.chunks:
            return False
        if self.embedder != embedder:
            return True
        return weighs_words and self.chunks > 2 * self.weighed_chunks + 20


@dataclass(frozen=True)
class StoredChunk:
    """A chunk to be embedded anew."""

    document_id: UUID
    number: int
    text: str
    headings: Sequence[str]

    @property
    def embedded_text(self) -> str:
        """What its vector is of: a passage is found by the headings above it too."""
        return "\n".join([*self.headings, self.text])


class CorpusRepository:
    """Reads and writes chunks and words in the unit of work that it is given."""

    def __init__(self, language: str) -> None:
        self._language = language

    def lock(self, unit: UnitOfWork) -> Corpus:
        """The organisation's corpus, made if it is new and locked: counts of words change one after the other."""
        row = unit.session.execute(_LOCK, {"org": unit.tenant}).one()
        return _corpus(row)

    def size(self, unit: UnitOfWork) -> Corpus:
        """The organisation's corpus."""
        row = unit.session.execute(_SIZE).first()
        return _corpus(row) if row is not None else Corpus()

    def add(
        self,
        unit: UnitOfWork,
        document: Document,
        embedder: str,
        chunks: Iterable[bytes],
        vectors: Iterable[bytes],
    ) -> None:
        """Adds a document's chunks: JSON lines as the reader writes them, and their vectors' literals."""
        pairs = enumerate(zip(chunks, vectors, strict=True))
        shared = {
            "org": unit.tenant, "document": document.id, "project": document.project_id, "language": self._language,
            "embedder": embedder,
        }  # fmt: skip
        while batch := list(islice(pairs, _BATCH)):
            records = [orjson.loads(line) for _, (line, _) in batch]
            unit.session.execute(
                _INSERT,
                {
                    **shared,
                    "numbers": [number for number, _ in batch],
                    "texts": [record["text"] for record in records],
                    "starts": [record["start"] for record in records],
                    "ends": [record["end"] for record in records],
                    "pages": [record["page"] for record in records],
                    "page_starts": [orjson.dumps(record["page_starts"]).decode() for record in records],
                    "headings": [orjson.dumps(record["headings"]).decode() for record in records],
                    "embeddings": [vector.decode() for _, (_, vector) in batch],
                },
            )

    def count(self, unit: UnitOfWork, document_id: UUID, chunk_count: int, words: Mapping[str, int]) -> None:
        """Adds a document to the counts; the corpus must be locked."""
        counted = {"words": list(words), "chunks": list(words.values())}
        unit.session.execute(_KEEP_WORDS, {"org": unit.tenant, "document": document_id, **counted})
        unit.session.execute(_COUNT_WORDS, {"org": unit.tenant, **counted})
        unit.session.execute(_GROW, {"chunks": chunk_count})

    def discount(self, unit: UnitOfWork, document_id: UUID, chunk_count: int) -> None:
        """Takes a document off the counts; the corpus must be locked."""
        unit.session.execute(_FORGET_WORDS, {"document": document_id})
        unit.session.execute(_DROP_UNUSED, {"document": document_id})
        unit.session.execute(_GROW, {"chunks": -chunk_count})

    def weights(
        self, unit: UnitOfWork, words: Iterable[str], *, adding: Mapping[str, int], chunks: int
    ) -> Mapping[str, float]:
        """The weight of each word, as if ``adding`` and its ``chunks`` were counted already."""
        total = self.size(unit).chunks + chunks
        found = unit.session.execute(_WEIGHTS, {"words": list(words), "language": self._language})
        return {row.word: word_weight(row.chunks + adding.get(row.word, 0), total, stop=row.stop) for row in found}

    def set_job(self, unit: UnitOfWork, job_id: int) -> None:
        """Notes which job embeds the corpus anew."""
        unit.session.execute(_SET_JOB, {"job": job_id})

    def forget_job(self, unit: UnitOfWork) -> None:
        """Notes that no job embeds the corpus anew."""
        unit.session.execute(_SET_JOB, {"job": None})

    def weighed(self, unit: UnitOfWork, embedder: str) -> None:
        """Notes that every chunk was embedded with the weights of now."""
        unit.session.execute(_WEIGHED, {"embedder": embedder})

    def after(self, unit: UnitOfWork, place: tuple[UUID, int], batch: int) -> list[StoredChunk]:
        """The chunks that follow the one at ``place``."""
        parameters = {"document": place[0], "number": place[1], "batch": batch}
        return [
            StoredChunk(row.document_id, row.number, row.text, row.headings)
            for row in unit.session.execute(_AFTER, parameters)
        ]

    def embed(self, unit: UnitOfWork, embedder: str, chunks: Sequence[StoredChunk], vectors: Sequence[str]) -> None:
        """Writes new vectors of chunks."""
        unit.session.execute(
            _EMBED,
            {
                "embedder": embedder,
                "documents": [chunk.document_id for chunk in chunks],
                "numbers": [chunk.number for chunk in chunks],
                "embeddings": list(vectors),
            },
        )


def _corpus(row: Any) -> Corpus:
    return Corpus(row.chunks, row.weighed_chunks, row.embedder, row.job_id)
