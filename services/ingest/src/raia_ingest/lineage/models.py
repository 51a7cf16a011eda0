"""Models that were trained on dataset versions, learnt from the events of ml."""

from datetime import UTC, datetime
from uuid import UUID

from raia.ml.events.v1 import model_events_pb2
from raia_kit.database import UnitOfWork
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event
from sqlalchemy.dialects.postgresql import insert

from raia_ingest.lineage.tables import trained_model

_SUCCEEDED = "succeeded"


def consumer() -> Consumer:
    """Keeps which model learnt from which version."""
    return Consumer(
        name="trained-models",
        topics=["raia.ml.training_run"],
        handler=learn,
        types=(model_events_pb2.TrainingFinished.DESCRIPTOR.full_name,),
    )


def learn(unit: UnitOfWork, event: Event) -> None:
    """Takes in one training that made a model version; events that name no dataset are passed over."""
    message = event.decode()
    if not isinstance(message, model_events_pb2.TrainingFinished) or unit.org_id is None:
        return
    if message.status != _SUCCEEDED or not message.dataset_id:
        return
    row = insert(trained_model).values(
        org_id=unit.tenant,
        model_id=UUID(message.model_id),
        model_version=message.version,
        model_name=message.model_name,
        project_id=UUID(message.project_id) if message.project_id else None,
        dataset_id=UUID(message.dataset_id),
        dataset_version=message.dataset_version,
        trained_at=event.time or datetime.now(UTC),
    )
    unit.session.execute(row.on_conflict_do_nothing())
