"""The use case of predictions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from raia_kit.compute import ComputePool
from raia_kit.context import Call, final_unit
from raia_kit.database import Database
from raia_kit.interceptors.deadline import remaining

from raia_ml.artifacts.files import ArtefactFiles
from raia_ml.errors import missing, not_deployed, not_ready
from raia_ml.models.domain import RETIRED, Version
from raia_ml.models.repository import ModelRepository
from raia_ml.predictions.domain import Made, Prediction
from raia_ml.predictions.repository import PredictionRepository

_PREDICT = "raia_ml.workers.predict:predict"


class PredictionService:
    """Predicts, and keeps what was predicted."""

    def __init__(
        self,
        *,
        database: Database,
        models: ModelRepository,
        predictions: PredictionRepository,
        files: ArtefactFiles,
        pool: ComputePool,
        time_limit: float,
    ) -> None:
        self._database, self._models, self._predictions = database, models, predictions
        self._files, self._pool, self._time_limit = files, pool, time_limit

    def predict(
        self, call: Call, model_id: UUID, number: int, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[int, list[Prediction]]:
        """The version used and one prediction a row.

        Raises ``RowInvalid``, ``NotFound``, and ``NotReady`` for a model without a version, or one that was taken out
        of production when no version is named.
        """
        version = self._version(call, model_id, number)
        with self._files.open(version.object_key, version.digest) as path:
            arguments = {"path": str(path), "sha256": version.digest, "rows": rows}
            answers = self._pool.run(
                _PREDICT,
                arguments,
                time_limit=min(self._time_limit, remaining(call)),
                affinity=version.digest,
                share=str(call.org_id),
            )
        made = [Made(input_data=row, **answer) for row, answer in zip(rows, answers, strict=True)]
        call.audit_details.update({"version": version.number, "digest": version.digest, "rows": len(made)})
        kept = self._predictions.add(final_unit(), model_id, version.number, made, datetime.now(UTC))
        return version.number, kept

    def _version(self, call: Call, model_id: UUID, number: int) -> Version:
        with self._database.unit_of_work(call.org_id) as unit:
            model = self._models.find(unit, model_id, number)
        if model is None:
            raise missing(model_id, number)
        if model.version is None:
            raise not_ready(model_id)
        if model.status == RETIRED and not number:
            raise not_deployed(model_id, "it was retired; deploy a version, or name the version to predict with")
        return model.version
