"""The events of models; each is emitted after the model's row is locked."""

from uuid import UUID

from google.protobuf.message import Message
from raia.ml.events.v1 import model_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ml.gates.domain import Verdict
from raia_ml.models.domain import Model

TOPIC = "raia.ml.model"


def deployed(unit: UnitOfWork, model: Model, verdict: Verdict, previous: int | None) -> None:
    """A version went into production."""
    message = events.ModelDeployed(
        model_id=str(model.id),
        model_name=model.name,
        version=verdict.version,
        previous_version=previous or 0,
        verdict_id=str(verdict.id),
        project_id=str(model.project_id or ""),
    )
    _emit(unit, model.id, message)


def refused(unit: UnitOfWork, model: Model, verdict: Verdict) -> None:
    """The gate refused a deployment."""
    message = events.DeploymentRefused(
        model_id=str(model.id),
        model_name=model.name,
        version=verdict.version,
        verdict_id=str(verdict.id),
        failed_checks=verdict.failed,
        project_id=str(model.project_id or ""),
    )
    _emit(unit, model.id, message)


def retired(unit: UnitOfWork, model: Model, version: int) -> None:
    """A model was taken out of production."""
    message = events.ModelRetired(
        model_id=str(model.id), model_name=model.name, version=version, project_id=str(model.project_id or "")
    )
    _emit(unit, model.id, message)


def evidence_recorded(unit: UnitOfWork, model_id: UUID, version: int, kind: str, report_id: UUID) -> None:
    """Evidence was recorded."""
    message = events.EvidenceRecorded(model_id=str(model_id), version=version, kind=kind, report_id=str(report_id))
    _emit(unit, model_id, message)


def _emit(unit: UnitOfWork, model_id: UUID, message: Message) -> None:
    unit.emit(message, key=str(model_id), topic=TOPIC)
