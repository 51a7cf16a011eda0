"""Embeds an organisation's chunks anew: once the weights of its words have changed much, or the embedder."""

from collections.abc import Mapping
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_llm.embedding.queries import QueryEmbedder
from raia_llm.embedding.words import words_of
from raia_llm.passages.corpus import Corpus, CorpusRepository, StoredChunk

WEIGH_JOB = "llm.weigh"
_EMBED = "raia_llm.workers.read:embed_texts"
_BATCH = 200
_FIRST = (UUID(int=0), -1)
_TIME_LIMIT = 6 * 3600.0


class WeighingJobs:
    """The jobs that embed chunks anew, one at a time in an organisation."""

    def __init__(self, jobs: JobQueue, corpus: CorpusRepository, embedder: QueryEmbedder) -> None:
        self._jobs, self._corpus, self._embedder = jobs, corpus, embedder
        jobs.task(WEIGH_JOB, time_limit=_TIME_LIMIT, on_failed=self._failed, on_cancelled=self._ended)(self.run)

    def consider(self, unit: UnitOfWork) -> None:
        """Starts a job if the corpus has outgrown its vectors and none is under way."""
        if not self._outgrown(self._corpus.size(unit)):
            return
        corpus = self._corpus.lock(unit)
        if not corpus.embedder:
            # The first document: its own words weigh what they should.
            self._corpus.weighed(unit, self._embedder.name)
        elif self._outgrown(corpus):
            job_id = self._jobs.enqueue(unit, WEIGH_JOB, {}, unit.tenant, None, lock=f"weigh {unit.tenant}")
            self._corpus.set_job(unit, job_id)

    def _outgrown(self, corpus: Corpus) -> bool:
        weighs = self._embedder.weighs_words
        return corpus.job_id is None and corpus.outgrown(self._embedder.name, weighs_words=weighs)

    def run(self, job: Job) -> None:
        """Embeds every chunk of the organisation with the weights of now, a batch in each transaction."""
        place = _FIRST
        while True:
            job.check()
            with job.unit() as unit:
                chunks = self._corpus.after(unit, place, _BATCH)
                weights: Mapping[str, float] = {}
                if self._embedder.weighs_words and chunks:
                    words = {word for chunk in chunks for word in words_of(chunk.embedded_text)}
                    weights = self._corpus.weights(unit, words, adding={}, chunks=0)
            if not chunks:
                break
            vectors = self._embed(job, chunks, dict(weights))
            with job.unit() as unit:
                self._corpus.embed(unit, self._embedder.name, chunks, vectors)
            place = (chunks[-1].document_id, chunks[-1].number)
        with job.complete() as unit:
            self._corpus.lock(unit)
            self._corpus.weighed(unit, self._embedder.name)

    def _embed(self, job: Job, chunks: list[StoredChunk], weights: dict[str, float]) -> list[str]:
        arguments = {
            "texts": [chunk.embedded_text for chunk in chunks],
            "weights": weights,
            "embedder": self._embedder.options,
        }
        vectors: list[str] = job.compute(_EMBED, arguments, affinity="embedder")
        return vectors

    def _failed(self, unit: UnitOfWork, record: JobRecord, _error: RaiaError) -> None:
        self._ended(unit, record)

    def _ended(self, unit: UnitOfWork, _record: JobRecord) -> None:
        """The next document that is added tries again."""
        self._corpus.lock(unit)
        self._corpus.forget_job(unit)
