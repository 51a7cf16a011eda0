"""The job that computes an explanation."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import orjson
from raia_kit.changes import Changes
from raia_kit.channels import LARGEST_MESSAGE
from raia_kit.database import UnitOfWork
from raia_kit.errors import RaiaError
from raia_kit.identity import ServiceIdentity
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_explain.errors import answer_too_large, model_changed
from raia_explain.explanations import events
from raia_explain.explanations.converters import to_shap
from raia_explain.explanations.domain import FAILED, HOLDOUT, PERMUTATION, SUCCEEDED, Explanation, Subject
from raia_explain.explanations.repository import ExplanationRepository
from raia_explain.explanations.results import Results
from raia_explain.settings import ExplainSettings
from raia_explain.sources.datasets import DatasetSource
from raia_explain.sources.models import ModelSource, ModelVersion

EXPLAIN_JOB = "explain.explanation"
_PERMISSIONS = ("models.read", "datasets.read", "explanations.read")
_OTHER_BYTES = 1024
"""Room for what is not known before an explanation has succeeded."""
_ROWS = "raia_explain.workers.shap_values:explain_rows"
_ALL = "raia_explain.workers.shap_values:explain_all"
_PERMUTE = "raia_explain.workers.importance:permute"


class ExplanationJobs:
    """Runs explanations."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        explanations: ExplanationRepository,
        results: Results,
        models: ModelSource,
        datasets: DatasetSource,
        identity: ServiceIdentity,
        changes: Changes,
        settings: ExplainSettings,
    ) -> None:
        self._explanations, self._results = explanations, results
        self._models, self._datasets, self._identity, self._changes = models, datasets, identity, changes
        jobs.task(
            EXPLAIN_JOB,
            time_limit=settings.explanation_time_limit,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)

    def run(self, job: Job) -> None:
        """Computes one explanation; a run that repeats an earlier one's work changes nothing twice."""
        explanation_id = UUID(job.args["explanation_id"])
        with job.unit() as unit:
            found = self._explanations.find(unit, explanation_id)
            if found is None or found.finished or found.job_id != job.id:
                return
            self._explanations.set_progress(unit, explanation_id, 0.0)
        began = time.monotonic()
        result = self._compute(job, found)
        _require_answerable(found, result)
        row, key = self._results.store(job.org_id, result)
        milliseconds = (time.monotonic() - began) * 1000
        with job.complete() as unit:
            self._explanations.find(unit, explanation_id, lock=True)
            if self._explanations.succeed(unit, explanation_id, result=row, result_key=key, duration_ms=milliseconds):
                events.finished(unit, found, SUCCEEDED)
            unit.after_commit(self._changes.notify)

    def _compute(self, job: Job, explanation: Explanation) -> Mapping[str, Any]:
        subject = explanation.subject
        token = self._identity.exchange(job.user_id, job.org_id, str(job.id), _PERMISSIONS)
        with ExitStack() as files:
            model = self._models.get(subject.model_id, subject.version, token)
            if model.digest != subject.digest:
                raise model_changed(model.id, model.version)
            artifact = files.enter_context(self._models.artifact(model, token))
            rows = files.enter_context(
                self._datasets.rows(
                    subject.dataset_id, subject.dataset_version, _columns(model, subject), token, _reader(job)
                )
            )
            arguments: dict[str, Any] = {
                "model_path": str(artifact),
                "digest": subject.digest,
                "data_path": str(rows),
            }
            function = self._complete(arguments, explanation, self._holdout(explanation, token))
            found: Mapping[str, Any] = job.compute(function, arguments, affinity=subject.digest)
            return found

    def _holdout(self, explanation: Explanation, token: str) -> bytes | None:
        subject = explanation.subject
        if subject.scope != HOLDOUT:
            return None
        return self._models.holdout(subject.model_id, subject.version, token)

    @staticmethod
    def _complete(arguments: dict[str, Any], explanation: Explanation, holdout: bytes | None) -> str:
        """Adds what the function of this kind of explanation takes, and names the function."""
        subject = explanation.subject
        if subject.method == PERMUTATION:
            arguments |= {"holdout": holdout, "target": subject.target}
            return _PERMUTE
        arguments["label"] = None if subject.of_every_class else subject.explained_class
        if subject.rows:
            arguments["rows"] = list(subject.rows)
            return _ROWS
        arguments["holdout"] = holdout
        return _ALL

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._explanations.set_progress(unit, UUID(record.args["explanation_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        self._end(unit, record, error.message)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        self._end(unit, record, "the explanation was cancelled; ask again")

    def _end(self, unit: UnitOfWork, record: JobRecord, message: str) -> None:
        found = self._explanations.find(unit, UUID(record.args["explanation_id"]), lock=True)
        if found is not None and found.job_id == record.id and self._explanations.fail(unit, found.id, message):
            events.finished(unit, found, FAILED)
        unit.after_commit(self._changes.notify)


def _columns(model: ModelVersion, subject: Subject) -> list[str]:
    """What is read of each row: of the dataset trained from the label too, so that every method uses one file."""
    trained_from = (subject.dataset_id, subject.dataset_version) == (model.dataset_id, model.dataset_version)
    return [*model.columns, *([model.target] if trained_from and model.target else [])]


def _reader(job: Job) -> list[str]:
    return [str(job.org_id), str(job.user_id)]


def _require_answerable(explanation: Explanation, result: Mapping[str, Any]) -> None:
    """Raises ``ResourceExhausted`` (ANSWER_TOO_LARGE) for values of rows that no answer could ever hold."""
    if not explanation.subject.rows or len(orjson.dumps(result)) < LARGEST_MESSAGE:
        return
    size = to_shap(explanation, result).ByteSize() + _OTHER_BYTES
    if size > LARGEST_MESSAGE:
        raise answer_too_large(size, LARGEST_MESSAGE)
