"""The events of training runs; each is emitted after the run's row is locked."""

from raia.ml.events.v1 import model_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ml.runs.domain import Run

TOPIC = "raia.ml.training_run"


def started(unit: UnitOfWork, run: Run) -> None:
    """A run began."""
    message = events.TrainingStarted(
        training_run_id=str(run.id),
        model_id=str(run.model_id),
        model_name=run.model_name,
        algorithm=run.algorithm,
        project_id=str(run.project_id or ""),
    )
    unit.emit(message, key=str(run.id), topic=TOPIC)


def finished(unit: UnitOfWork, run: Run, status: str, *, version: int = 0, error: str = "") -> None:
    """A run ended."""
    message = events.TrainingFinished(
        training_run_id=str(run.id),
        model_id=str(run.model_id),
        model_name=run.model_name,
        status=status,
        version=version,
        error=error,
        project_id=str(run.project_id or ""),
        dataset_id=str(run.dataset_id),
        dataset_version=run.dataset_version,
    )
    unit.emit(message, key=str(run.id), topic=TOPIC)
