"""Validations between the domain and the contract."""

from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import quality_validation_pb2, quality_validation_service_pb2

from raia_ingest.datasets.converters import to_column
from raia_ingest.quality_rules.converters import spec_to_proto
from raia_ingest.quality_validations.domain import SUCCEEDED, Validation
from raia_ingest.quality_validations.failing import FailingPage

_LARGEST_BYTES = 3 * 1024**2
"""Of an answer, which may take 4 MiB."""


def to_proto(validation: Validation, *, results: bool = True) -> quality_validation_pb2.DatasetValidation:
    """The validation as the contract has it; lists leave out its results."""
    message = quality_validation_pb2.DatasetValidation(
        id=str(validation.id),
        dataset_id=str(validation.dataset_id),
        version=validation.version,
        status=validation.status,
        progress=validation.progress,
        error=validation.error,
        trigger=validation.trigger,
        passed=validation.passed,
        row_count=validation.row_count or 0,
        failing_row_count=validation.failing_row_count or 0,
        quality_gate=validation.quality_gate,
        created_by=str(validation.created_by or ""),
    )
    message.created_at.FromDatetime(validation.created_at)
    if validation.completed_at is not None:
        message.completed_at.FromDatetime(validation.completed_at)
    if results and validation.status == SUCCEEDED:
        for place, (rule, found) in enumerate(zip(validation.rules, validation.results, strict=True), start=1):
            result = message.results.add(
                position=place,
                rule_id=str(rule.rule_id or ""),
                rule=spec_to_proto(rule.document),
                status=found["status"],
                failing_row_count=found["failing_row_count"],
                failing_fraction=found["failing_fraction"],
                message=found["message"],
            )
            if found["observed"]:
                ParseDict(found["observed"], result.observed)
    if message.ByteSize() > _LARGEST_BYTES:
        for result in message.results:
            result.rule.ClearField("check")  # sets of thousands of values may be long
    return message


def page_to_proto(page: FailingPage) -> quality_validation_service_pb2.ListFailingRowsResponse:
    """A page of failing rows as the contract has it."""
    rules = page.validation.rules
    return quality_validation_service_pb2.ListFailingRowsResponse(
        version=page.validation.version,
        columns=[to_column(column) for column in page.columns],
        rows=[
            quality_validation_pb2.FailingRow(
                row_number=row["row"],
                position=row["rule"],
                rule_id=str(rules[row["rule"] - 1].rule_id or ""),
                rule_name=rules[row["rule"] - 1].name,
                values=_list(row["values"]),
            )
            for row in page.rows
        ],
        next_page_token=page.next_page_token,
    )


def _list(row: list[Any]) -> struct_pb2.ListValue:
    values = struct_pb2.ListValue()
    values.extend(row)
    return values
