"""Providers: language models behind somebody's API."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from raia_plugins.base import Plugin


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who says it."""
    content: str
    """What is said."""


@dataclass(frozen=True)
class CompletionRequest:
    """What to answer and how."""

    model: str
    """The model's id, one of ``Provider.models``."""
    messages: Sequence[Message]
    """The conversation, oldest first."""
    max_tokens: int = 1024
    """The longest answer."""
    temperature: float = 0.0
    """0 for the likeliest answer, more for variety."""
    stop: Sequence[str] = ()
    """Texts at which the answer ends."""
    json_schema: Mapping[str, Any] | None = None
    """The answer shall be JSON of this schema; free text when None."""
    timeout: float = 60.0
    """Seconds without a word after which it gives up."""


@dataclass(frozen=True)
class Completion:
    """The next piece of an answer."""

    text: str
    """The piece."""
    finish_reason: Literal["", "stop", "length", "filtered"] = ""
    """Set on the last piece: why the answer ends."""
    input_tokens: int = 0
    """Set on the last piece: tokens of the conversation."""
    output_tokens: int = 0
    """Set on the last piece: tokens of the answer."""


@dataclass(frozen=True)
class ModelInfo:
    """A model that the provider offers."""

    id: str
    """Its id."""
    context_tokens: int
    """How much conversation it takes."""
    input_price: float = 0.0
    """US dollars for a million input tokens."""
    output_price: float = 0.0
    """US dollars for a million output tokens."""


@runtime_checkable
class Provider(Plugin, Protocol):
    """Answers conversations; may be called from several threads at once."""

    def configure(self, options: Mapping[str, Any]) -> None:
        """Called once before anything else, with values by ``options_schema``, secrets included."""

    def models(self) -> Sequence[ModelInfo]:
        """What it offers."""

    def complete(self, request: CompletionRequest) -> Iterator[Completion]:
        """The answer in pieces; closing the iterator ends the work. Raises ``PluginError`` when refused."""
