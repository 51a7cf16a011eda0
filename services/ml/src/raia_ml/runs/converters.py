"""Training runs between the domain and the contract."""

from raia.ml.v1 import training_run_pb2

from raia_ml.models.converters import struct
from raia_ml.runs.domain import Run


def to_proto(run: Run) -> training_run_pb2.TrainingRun:
    """The run as the contract has it."""
    message = training_run_pb2.TrainingRun(
        id=str(run.id),
        status=run.status,
        progress=run.progress,
        message=run.message,
        error=run.error,
        model_id=str(run.model_id),
        model_name=run.model_name,
        version=run.version,
        dataset_id=str(run.dataset_id),
        dataset_version=run.dataset_version,
        target=run.target,
        algorithm=run.algorithm,
        parameters=struct(run.parameters),
        seed=run.seed,
        created_by=str(run.created_by or ""),
        warnings=run.warnings,
    )
    message.created_at.FromDatetime(run.created_at)
    if run.completed_at is not None:
        message.completed_at.FromDatetime(run.completed_at)
    return message
