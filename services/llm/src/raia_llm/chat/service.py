"""The use case of asking a question."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from raia_kit.context import Call, final_unit
from raia_kit.ids import new_id

from raia_llm import errors
from raia_llm.chat.domain import NOT_TOLD, Answer, Relevance, Reply
from raia_llm.chat.offline import OfflineProvider
from raia_llm.chat.openai import OpenAiProvider
from raia_llm.passages.domain import Found
from raia_llm.passages.service import SearchService

_SEARCHED = 20
"""Passages that are looked at to find those an answer may rest on."""
_MODEL_COVERAGE = 0.15
"""A language model understands other words for the same: it is asked about passages that cover less."""
_MARGIN_SECONDS = 2.0


class ChatService:
    """Answers questions from the documents that the caller may see."""

    def __init__(
        self,
        *,
        searches: SearchService,
        offline: OfflineProvider,
        openai: OpenAiProvider | None,
        default: str,
    ) -> None:
        self._searches, self._offline, self._openai = searches, offline, openai
        relevance = offline.relevance
        self._lenient = Relevance(min(_MODEL_COVERAGE, relevance.coverage), relevance.distance, strict=False)
        self._default = default or ("openai" if openai is not None else "offline")

    def ask(self, call: Call, message: str, document_ids: Sequence[UUID], passages: int, provider: str) -> Answer:
        """The answer; raises ``NotFound`` for documents, ``ProviderRefused`` and ``ProviderAway``."""
        chosen = provider or self._default
        if chosen == "openai" and self._openai is None:
            raise errors.provider_missing(chosen)
        found = self._searches.search(call, message, max(_SEARCHED, passages), document_ids)
        if chosen == "openai":
            reply = self._generate(call, found, passages)
        else:
            reply = self._offline.answer(call.org_id, found.question, found.passages, passages)
        final_unit()
        call.audit_details.update(
            {
                "provider": chosen,
                "model": reply.model,
                "grounded": bool(reply.citations),
                "documents": sorted({str(citation.document_id) for citation in reply.citations}),
                "input_tokens": reply.input_tokens,
                "output_tokens": reply.output_tokens,
            }
        )
        return Answer(new_id(), reply, chosen, datetime.now(UTC))

    def _generate(self, call: Call, found: Found, passages: int) -> Reply:
        if self._openai is None:
            raise errors.provider_missing("openai")
        judged = self._offline.relevant(call.org_id, found.question, found.passages, self._lenient)
        relevant = [passage for passage, _ in judged[:passages]]
        if not relevant:
            return Reply(NOT_TOLD, [], self._openai.model)
        seconds = call.deadline - time.monotonic() - _MARGIN_SECONDS if call.deadline is not None else 60.0
        return self._openai.answer(found.question, relevant, seconds)
