"""The settings of llm."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from raia_kit.settings import ServiceSettings


class LlmSettings(ServiceSettings):
    """Limits on documents, how they are found, and who answers."""

    service: ClassVar[str] = "llm"

    document_max_bytes: int = Field(default=256 * 1024**2, ge=1)
    """Largest document that is taken, in bytes."""
    document_max_unpacked_bytes: int = Field(default=512 * 1024**2, ge=1)
    """Bytes that a packed document may unpack to."""
    document_max_pages: int = Field(default=5_000, ge=1)
    """Pages that a document may have."""
    document_max_characters: int = Field(default=20_000_000, ge=1)
    """Characters of text that a document may hold."""
    document_at_once_bytes: int = Field(default=4 * 1024**2, ge=0)
    """Documents up to this size are read while the uploader waits; larger ones by a job."""
    document_at_once_seconds: float = Field(default=10.0, gt=0)
    """How long an upload waits for such a document, the start of a compute child included, before a job takes over."""
    document_time_limit: float = Field(default=1800, gt=0)
    """Seconds that reading a document may take."""
    search_children: int = Field(default=1, ge=1, le=16)
    """Compute children for small uploads and for questions, apart from those of jobs."""
    scratch_folder: Path | None = None
    """Folder for temporary files of the size of a document; the system's when unset."""

    text_language: str = Field(default="english", pattern="^[a-z_]+$")
    """PostgreSQL text search configuration whose stop words and stems are used."""
    embedder: Literal["hashed", "onnx"] = "hashed"
    """What turns texts into vectors: hashed words and letters, or a sentence-transformers model in embedder_folder."""
    embedder_folder: Path | None = None
    """Folder of a sentence-transformers model with model.onnx and tokenizer.json; needed when embedder is onnx."""
    search_exact_below: int = Field(default=20_000, ge=0)
    """Organisations with fewer chunks are scanned exactly rather than by the approximate index."""
    relevance: float = Field(default=0.55, gt=0, le=1)
    """Share of a question's weight that a passage must cover before the offline provider answers from it."""

    chat_provider: Literal["", "offline", "openai"] = ""
    """Provider that answers unless a question names one; when empty, openai if it is configured, else offline."""
    openai_base_url: str = ""
    """Base URL of an OpenAI-compatible API, such as https://api.openai.com/v1; not configured when empty."""
    openai_api_key: SecretStr = SecretStr("")
    """Key sent to it as a bearer token; none is sent when empty."""
    openai_model: str = ""
    """Model that it is asked for."""
    openai_timeout: float = Field(default=60.0, gt=0)
    """Seconds that it may take for one answer."""
    openai_retries: int = Field(default=2, ge=0, le=10)
    """How often a call is repeated that failed in a way that may pass."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.embedder == "onnx" and self.embedder_folder is None:
            raise ValueError("RAIA_EMBEDDER_FOLDER must name the model's folder when RAIA_EMBEDDER is onnx")
        if bool(self.openai_base_url) != bool(self.openai_model):
            raise ValueError("RAIA_OPENAI_BASE_URL and RAIA_OPENAI_MODEL are set together or not at all")
        if self.chat_provider == "openai" and not self.openai_base_url:
            raise ValueError("RAIA_CHAT_PROVIDER is openai, so RAIA_OPENAI_BASE_URL and RAIA_OPENAI_MODEL are needed")
        return self
