"""Tables of documents, their chunks and the words that weigh them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR, UUID
from sqlalchemy.types import UserDefinedType

from raia_llm.embedding.embedder import DIMENSIONS
from raia_llm.schema import metadata

_NOW = func.now()


class HalfVector(UserDefinedType[str]):
    """pgvector's half precision vector, as its text."""

    cache_ok = True

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self.dimensions = int(dimensions)

    def get_col_spec(self, **_kw: Any) -> str:
        """As PostgreSQL declares it."""
        return f"halfvec({self.dimensions})"


document = Table(
    "document",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("filename", Text, nullable=False),
    Column("file_type", Text, nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("text_key", Text),
    Column("status", Text, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    Column("content", Text, nullable=False, server_default=""),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("character_count", BigInteger, nullable=False, server_default="0"),
    Column("chunk_count", Integer, nullable=False, server_default="0"),
    Column("job_id", BigInteger),
    Column("uploaded_by", UUID(as_uuid=True)),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id", "id"),
    comment="Files as they came and the text read from them; content is its beginning",
)

chunk = Table(
    "chunk",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("document_id", UUID(as_uuid=True), nullable=False),
    Column("number", Integer, nullable=False),
    Column("project_id", UUID(as_uuid=True)),
    Column("text", Text, nullable=False),
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("page", Integer, nullable=False, server_default="0"),
    Column("page_starts", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    Column("headings", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("terms", TSVECTOR, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("embedding", HalfVector(), nullable=False),
    PrimaryKeyConstraint("org_id", "document_id", "number"),
    ForeignKeyConstraint(["org_id", "document_id"], ["document.org_id", "document.id"], ondelete="CASCADE"),
    comment="Passages: text is word for word what stands from start_at to end_at",
)

corpus = Table(
    "corpus",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("chunks", BigInteger, nullable=False, server_default="0"),
    Column("weighed_chunks", BigInteger, nullable=False, server_default="0"),
    Column("embedder", Text, nullable=False, server_default=""),
    Column("job_id", BigInteger),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
    PrimaryKeyConstraint("org_id"),
    comment="How much an organisation has, and how much it had when its chunks were last embedded",
)

word = Table(
    "word",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("word", Text, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    PrimaryKeyConstraint("org_id", "word"),
    comment="In how many chunks of the organisation a word stands: its weight",
)

document_words = Table(
    "document_words",
    metadata,
    Column("org_id", UUID(as_uuid=True), nullable=False),
    Column("document_id", UUID(as_uuid=True), nullable=False),
    Column("words", ARRAY(Text), nullable=False),
    Column("chunks", ARRAY(Integer), nullable=False),
    PrimaryKeyConstraint("org_id", "document_id"),
    ForeignKeyConstraint(["org_id", "document_id"], ["document.org_id", "document.id"], ondelete="CASCADE"),
    comment="What a document adds to the counts of words, taken off again when it is deleted",
)
