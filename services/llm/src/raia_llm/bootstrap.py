"""The composition root: settings → repositories → use cases → servicers."""

from raia.llm.v1 import chat_service_pb2, document_service_pb2
from raia_kit.compute import ComputePool
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_llm.chat.domain import Relevance
from raia_llm.chat.offline import OfflineProvider
from raia_llm.chat.openai import OpenAiProvider
from raia_llm.chat.service import ChatService
from raia_llm.chat.servicer import ChatServicer
from raia_llm.documents.guard import DocumentGuard
from raia_llm.documents.reading import DocumentReader, ReadJobs
from raia_llm.documents.repository import DocumentRepository
from raia_llm.documents.service import DocumentService
from raia_llm.documents.servicer import DocumentServicer
from raia_llm.documents.upload import UploadService
from raia_llm.embedding.onnx_name import FURTHEST, NEAR
from raia_llm.embedding.queries import QueryEmbedder
from raia_llm.passages.corpus import CorpusRepository
from raia_llm.passages.repository import PassageRepository
from raia_llm.passages.service import SearchService
from raia_llm.passages.weighing import WeighingJobs
from raia_llm.scratch import clear_scratch
from raia_llm.settings import LlmSettings


class Children:
    """Compute children apart from those of jobs, and the provider's connections; ended with the process."""

    name = "search"

    def __init__(self, pool: ComputePool, provider: OpenAiProvider | None) -> None:
        self.pool, self._provider = pool, provider

    def start(self) -> None:
        """Nothing: children start on demand."""

    def stop(self, timeout: float = 10.0) -> bool:  # noqa: ARG002 - children are killed at once
        """Kills the children and closes connections."""
        self.pool.close()
        if self._provider is not None:
            self._provider.close()
        return True

    def healthy(self) -> tuple[bool, str]:
        """Always: a child that cannot start fails its own call."""
        return True, ""


def build(settings: LlmSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    runtime = runtime or Runtime(settings)
    pool = ComputePool(settings.search_children, settings.compute_idle_seconds, settings.compute_memory_bytes)
    openai = OpenAiProvider(settings) if settings.openai_base_url else None
    embedder = QueryEmbedder(settings, pool)
    documents, corpus = DocumentRepository(), CorpusRepository(settings.text_language)
    passages = PassageRepository(settings.text_language, settings.search_exact_below)
    weighing = WeighingJobs(runtime.jobs, corpus, embedder)
    searches = SearchService(
        database=runtime.database,
        documents=documents,
        passages=passages,
        embedder=embedder,
        weighing=weighing,
        access=runtime.access,
    )
    document_servicer = DocumentServicer(
        DocumentService(documents, corpus, runtime.jobs, runtime.access),
        _uploads(settings, runtime, documents, corpus=corpus, embedder=embedder, weighing=weighing, pool=pool),
        searches,
    )
    offline = OfflineProvider(runtime.database, passages, embedder, _relevance(settings))
    chat = ChatService(searches=searches, offline=offline, openai=openai, default=settings.chat_provider)
    Housekeeping(runtime.database, objects=runtime.objects, references=documents.references).schedule(runtime.jobs)
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(document_service_pb2.DESCRIPTOR.services_by_name["DocumentService"], document_servicer),
            Servicer(chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"], ChatServicer(chat)),
        ],
        resource_guards={"document": DocumentGuard(documents)},
        background=[Children(pool, openai)],
        prepare=lambda: _prepare(settings),
    )


def _relevance(settings: LlmSettings) -> Relevance:
    """What of a question must be covered; a model's eyes see beyond words."""
    if settings.embedder == "onnx":
        return Relevance(settings.relevance, distance=FURTHEST, nearness=NEAR)
    return Relevance(settings.relevance)


def _uploads(
    settings: LlmSettings,
    runtime: Runtime,
    documents: DocumentRepository,
    *,
    corpus: CorpusRepository,
    embedder: QueryEmbedder,
    weighing: WeighingJobs,
    pool: ComputePool,
) -> UploadService:
    reader = DocumentReader(
        database=runtime.database,
        objects=runtime.objects,
        documents=documents,
        corpus=corpus,
        embedder=embedder,
        weighing=weighing,
        settings=settings,
    )
    return UploadService(
        database=runtime.database,
        documents=documents,
        objects=runtime.objects,
        reader=reader,
        jobs=ReadJobs(jobs=runtime.jobs, documents=documents, reader=reader, settings=settings),
        pool=pool,
        access=runtime.access,
        settings=settings,
    )


def _prepare(settings: LlmSettings) -> None:
    clear_scratch(settings.scratch_folder)
