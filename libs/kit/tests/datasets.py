"""A table with every kind of column that lists filter and order by, behind a real contract."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from raia.ingest.v1 import dataset_pb2
from raia_kit.filtering import QueryFields
from sqlalchemy import BigInteger, Column, DateTime, Double, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as SqlUuid
from sqlalchemy.orm import Session

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PROJECTS = [None, UUID(int=0x100), UUID(int=0x101)]

DATASET = Table(
    "dataset",
    MetaData(),
    Column("id", SqlUuid(as_uuid=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("file_size", BigInteger, nullable=False),
    Column("file_type", Text, nullable=False),
    Column("row_count", BigInteger),
    Column("column_count", Integer),
    Column("uploaded_by", SqlUuid(as_uuid=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("project_id", SqlUuid(as_uuid=True)),
    Column("quality_score", Double),
    Column("quality_gate", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    prefixes=["temporary"],
)

FIELDS = QueryFields(dataset_pb2.Dataset.DESCRIPTOR, {column.name: column for column in DATASET.columns})


def rows(count: int) -> list[dict[str, Any]]:
    """Rows with many equal and some absent values."""
    return [
        {
            "id": UUID(int=(number * 7919) % 10_007),
            "name": ["Claims", "claims 100%", "back\\slash", "under_score", 'a "quoted" name', ""][number % 6],
            "description": f"number {number}",
            "file_size": [0, 5, 2**40, -3][number % 4],
            "file_type": ["csv", "excel", "parquet"][number % 3],
            "row_count": None if number % 5 == 0 else number % 4,
            "column_count": None if number % 7 == 0 else number % 3,
            "uploaded_by": UUID(int=number % 2),
            "created_at": EPOCH + timedelta(hours=number // 3),
            "updated_at": EPOCH + timedelta(microseconds=number % 11),
            "status": "ready" if number % 2 else "failed",
            "project_id": PROJECTS[number % 3],
            "tags": ["claims", "daily %", "2026"][: number % 4],
            "quality_score": None if number % 4 == 0 else number % 10 / 10,
            "quality_gate": "",
        }
        for number in range(count)
    ]


def fill(session: Session, items: list[dict[str, Any]]) -> None:
    """Makes the table for the transaction at hand."""
    DATASET.create(session.connection())
    session.execute(DATASET.insert(), items)
