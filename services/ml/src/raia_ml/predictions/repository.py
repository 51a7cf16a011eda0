"""Predictions in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.ids import new_id
from sqlalchemy import insert

from raia_ml.predictions.domain import Made, Prediction
from raia_ml.predictions.tables import model_prediction


class PredictionRepository:
    """Writes predictions in the unit of work that it is given."""

    def add(
        self, unit: UnitOfWork, model_id: UUID, version: int, made: Sequence[Made], timestamp: datetime
    ) -> list[Prediction]:
        """Keeps predictions, in their order."""
        kept = [Prediction(id=new_id(), timestamp=timestamp, **vars(each)) for each in made]
        rows: list[dict[str, Any]] = [
            {
                "org_id": unit.tenant,
                "id": each.id,
                "model_id": model_id,
                "version": version,
                "input_data": each.input_data,
                "prediction": each.prediction,
                "confidence": each.confidence,
                "probabilities": each.probabilities,
                "warnings": each.warnings,
                "created_by": unit.actor.user_id,
                "created_at": timestamp,
            }
            for each in kept
        ]
        unit.session.execute(insert(model_prediction), rows)
        return kept
