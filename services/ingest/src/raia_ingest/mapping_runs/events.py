"""The event of a run's end; emitted after the run's row is locked."""

from raia.ingest.events.v1 import mapping_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.mapping.events import TOPIC
from raia_ingest.mapping_runs.domain import MappingRun


def ended(unit: UnitOfWork, run: MappingRun) -> None:
    """A run has ended, well or not."""
    ledger = run.result["ledger"] if run.result is not None else {}
    message = events.MappingRunEnded(
        mapping_id=str(run.mapping_id),
        run_id=str(run.id),
        status=run.status,
        records_read=ledger.get("records_read", 0),
        rejected=ledger.get("rejected", 0),
        anomaly_count=run.anomaly_count,
        project_id=str(run.project_id or ""),
    )
    unit.emit(message, key=str(run.mapping_id), topic=TOPIC)
