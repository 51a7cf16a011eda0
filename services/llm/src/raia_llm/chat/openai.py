"""Any OpenAI-compatible endpoint as a provider."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from raia_llm import errors
from raia_llm.chat.domain import Reply
from raia_llm.chat.prompt import messages, reply_of
from raia_llm.passages.domain import Passage, Question
from raia_llm.settings import LlmSettings

_LOG = logging.getLogger(__name__)
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_CONNECT_SECONDS = 5.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 20.0
_LARGEST_ANSWER = 4 * 1024**2


class OpenAiProvider:
    """Asks ``/chat/completions``; answers rest on the passages that the model cites."""

    name = "openai"

    def __init__(self, settings: LlmSettings) -> None:
        self._url = settings.openai_base_url.rstrip("/") + "/chat/completions"
        self.model = settings.openai_model
        self._retries, self._timeout = settings.openai_retries, settings.openai_timeout
        key = settings.openai_api_key.get_secret_value()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, follow_redirects=False)
        self._ended = threading.Event()

    def close(self) -> None:
        """Ends connections and whoever waits to try again."""
        self._ended.set()
        self._client.close()

    def answer(self, question: Question, passages: Sequence[Passage], seconds: float) -> Reply:
        """What the model says; raises ``ProviderAway`` and ``ProviderRefused``."""
        body = {"model": self.model, "messages": messages(question.text, passages), "temperature": 0}
        document = self._ask(body, time.monotonic() + min(seconds, self._timeout))
        try:
            text = document["choices"][0]["message"]["content"] or ""
            usage = document.get("usage") or {}
            tokens = (_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))
            model = _sendable(str(document.get("model") or self.model))
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise self._away("its answer is not in the form of a chat completion", "") from error
        return reply_of(_sendable(text), passages, model, tokens)

    def _ask(self, body: dict[str, Any], deadline: float) -> Any:
        pause = _FIRST_PAUSE
        for attempt in range(self._retries + 1):
            try:
                answer = self._post(body, deadline)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                _LOG.warning("the provider at %s: %s", self._url, type(error).__name__)
                failure = self._away("it cannot be reached, or takes too long", "")
            else:
                if answer.status_code == 200:
                    return self._document(answer)
                failure = self._away(f"it answered {answer.status_code}", str(answer.status_code))
                if answer.status_code not in _PASSING:
                    raise self._refused(answer.status_code)
                pause = _told_pause(answer) or pause
            if attempt == self._retries or time.monotonic() + pause >= deadline or self._ended.wait(pause):
                raise failure
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise self._away("it was not asked", "")

    def _post(self, body: dict[str, Any], deadline: float) -> httpx.Response:
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._away("it takes too long", "")
        timeout = httpx.Timeout(left, connect=min(_CONNECT_SECONDS, left))
        with self._client.stream("POST", self._url, json=body, timeout=timeout) as answer:
            size = 0
            pieces: list[bytes] = []
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > _LARGEST_ANSWER or time.monotonic() > deadline:
                    raise self._away("its answer is too long, or takes too long", str(answer.status_code))
                pieces.append(piece)
            return httpx.Response(answer.status_code, headers=_retry_header(answer), content=b"".join(pieces))

    def _document(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            raise self._away("its answer is no JSON", "200") from error

    def _away(self, why: str, status: str) -> errors.ProviderAway:
        return errors.ProviderAway(
            f"the provider {self.name} did not answer: {why}; try again, or ask the offline provider",
            reason="PROVIDER_FAILED",
            metadata={"provider": self.name, "status": status},
            retry_after=5.0,
        )

    def _refused(self, status: int) -> errors.ProviderRefused:
        advice = "check RAIA_OPENAI_API_KEY" if status in (401, 403) else "check RAIA_OPENAI_BASE_URL and _MODEL"
        return errors.ProviderRefused(
            f"the provider {self.name} refused with status {status}: {advice}",
            reason="PROVIDER_FAILED",
            metadata={"provider": self.name, "status": str(status)},
        )


def _count(told: Any) -> int:
    """A number of tokens that fits into an answer of ours."""
    return min(max(0, int(told or 0)), 2**63 - 1)


def _sendable(text: str) -> str:
    """JSON may hold halves of characters, which no message may."""
    return text.encode("utf-8", "replace").decode()


def _retry_header(answer: httpx.Response) -> dict[str, str]:
    return {"retry-after": answer.headers["retry-after"]} if "retry-after" in answer.headers else {}


def _told_pause(answer: httpx.Response) -> float | None:
    told = answer.headers.get("retry-after", "")
    try:
        return min(max(0.0, float(told)), _LONGEST_PAUSE) if told else None
    except ValueError:
        return None
