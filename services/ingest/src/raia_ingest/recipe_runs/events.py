"""The events of runs; each is emitted after the run's row is locked, or made."""

from uuid import UUID

from raia.ingest.events.v1 import recipe_events_pb2 as events
from raia_kit.database import UnitOfWork

from raia_ingest.recipe_runs.domain import RecipeRun, RunResult

TOPIC = "raia.ingest.recipe_run"


def started(unit: UnitOfWork, run: RecipeRun) -> None:
    """A run was asked for."""
    message = events.RecipeRunStarted(
        run_id=str(run.id),
        recipe_id=str(run.recipe_id),
        recipe_version=run.recipe_version,
        dataset_id=str(run.dataset_id),
        dataset_version=run.dataset_version,
        project_id=str(run.project_id or ""),
    )
    unit.emit(message, key=str(run.id), topic=TOPIC)


def ended(unit: UnitOfWork, run: RecipeRun, status: str, *, error: str = "", result: RunResult | None = None) -> None:
    """A run has ended."""
    output: UUID | None = result.output_dataset_id if result else None
    ledger = result.ledger if result else {}
    message = events.RecipeRunEnded(
        run_id=str(run.id),
        recipe_id=str(run.recipe_id),
        status=status,
        error=error,
        output_dataset_id=str(output or ""),
        output_version=result.output_version if result else 0,
        rows_written=ledger.get("rows_written", 0),
        rows_removed=ledger.get("rows_removed", 0),
        project_id=str(run.project_id or ""),
    )
    unit.emit(message, key=str(run.id), topic=TOPIC)
