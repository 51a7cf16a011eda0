"""Passages between the domain and the contract."""

from raia.llm.v1 import document_pb2

from raia_llm.passages.domain import Passage


def to_passage(passage: Passage) -> document_pb2.Passage:
    """The passage as the contract has it."""
    return document_pb2.Passage(
        document_id=str(passage.document_id),
        filename=passage.filename,
        chunk=passage.chunk,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        page=passage.page,
        headings=passage.headings,
        score=passage.score,
        vector_rank=passage.vector_rank,
        text_rank=passage.text_rank,
    )
