"""Fairness reports between the domain and the contract."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from google.protobuf.json_format import ParseDict
from raia.explain.v1 import fairness_report_pb2

from raia_explain.fairness.domain import AttributeDefinition, FairnessReport, Favourable


def definitions_from(messages: Iterable[fairness_report_pb2.ProtectedAttribute]) -> tuple[AttributeDefinition, ...]:
    """Protected attributes as the domain has them; one without a column is read from the column of its name."""
    return tuple(
        AttributeDefinition(
            name=each.name,
            column=each.column or each.name,
            groups=dict(each.groups),
            bins=tuple(each.bins),
            reference_group=each.reference_group,
        )
        for each in messages
    )


def favourable_from(message: fairness_report_pb2.FavourableOutcome) -> Favourable:
    """The favourable outcome as the domain has it."""
    return Favourable(
        favourable_class=message.favourable_class,
        threshold=message.threshold if message.HasField("threshold") else None,
        regression_threshold=message.regression_threshold if message.HasField("regression_threshold") else None,
        side=message.side,
    )


def to_proto(report: FairnessReport) -> fairness_report_pb2.FairnessReport:
    """The report as the contract has it."""
    message = fairness_report_pb2.FairnessReport(
        id=str(report.id),
        model_id=str(report.model_id),
        protected_attributes=[each.name for each in report.definitions],
        status=report.status,
        progress=report.progress,
        error=report.error,
        version=report.version,
        digest=report.digest,
        dataset_id=str(report.dataset_id),
        dataset_version=report.dataset_version,
        favourable_outcome=ParseDict(_set(asdict(report.favourable)), fairness_report_pb2.FavourableOutcome()),
        created_by=str(report.created_by or ""),
        definitions=[ParseDict(asdict(each), fairness_report_pb2.ProtectedAttribute()) for each in report.definitions],
    )
    message.created_at.FromDatetime(report.created_at)
    if report.completed_at is not None:
        message.completed_at.FromDatetime(report.completed_at)
    if report.content is not None:
        said = ("row_count", "attributes", "bias_detected", "recommendations")
        ParseDict({name: report.content[name] for name in said}, message)
        ParseDict(dict(report.figures or {}), message.fairness_metrics)
    return message


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
