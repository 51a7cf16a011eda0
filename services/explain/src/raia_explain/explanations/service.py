"""Use cases of explanations: ask for one, which starts it if there is none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from raia_kit.changes import Changes
from raia_kit.context import Call
from raia_kit.database import Database
from raia_kit.errors import InvalidArgument, NotFound
from raia_kit.jobs import JobQueue

from raia_explain.errors import class_unknown, row_out_of_range, training_data_unknown
from raia_explain.explanations.domain import (
    EVERY,
    EVERY_CLASS,
    FEATURE_IMPORTANCE,
    HOLDOUT,
    PERMUTATION,
    SHAP,
    Explanation,
    Subject,
)
from raia_explain.explanations.jobs import EXPLAIN_JOB
from raia_explain.explanations.repository import ExplanationRepository
from raia_explain.explanations.results import Results
from raia_explain.settings import ExplainSettings
from raia_explain.sources.access import ModelAccess
from raia_explain.sources.datasets import DatasetSource
from raia_explain.sources.models import ModelVersion

Shown = tuple[Explanation, Mapping[str, Any] | None]
"""An explanation and its result, None while there is none."""


class ExplanationService:
    """Explanations of model versions."""

    def __init__(
        self,
        *,
        database: Database,
        explanations: ExplanationRepository,
        results: Results,
        jobs: JobQueue,
        models: ModelAccess,
        datasets: DatasetSource,
        changes: Changes,
        settings: ExplainSettings,
    ) -> None:
        self._database, self._explanations, self._results = database, explanations, results
        self._jobs, self._models, self._datasets, self._changes = jobs, models, datasets, changes
        self._most_attributions = settings.most_attributions

    def shap(
        self,
        call: Call,
        *,
        model_id: UUID,
        version: int,
        rows: tuple[int, ...],
        dataset_id: UUID | None,
        dataset_version: int,
        explained_class: str,
        seconds: float,
    ) -> Shown:
        """SHAP values of rows, or in summary without any, after waiting up to ``seconds`` for them.

        Raises ``NotFound``, ``PermissionDenied``, ``ClassUnknown``, ``RowOutOfRange``, ``ColumnsMissing``.
        """
        model = self._models.require(call, model_id, version)
        subject = Subject(
            kind=SHAP,
            method=SHAP,
            model_id=model.id,
            version=model.version,
            digest=model.digest,
            dataset_id=dataset_id or _trained_from(model),
            dataset_version=dataset_version,
            scope="rows" if rows else HOLDOUT,
            rows=tuple(sorted(rows)),
            explained_class=_class_of(model, explained_class),
            target=model.target,
        )
        if len(rows) * len(model.columns) > self._most_attributions:
            most = max(1, self._most_attributions // len(model.columns))
            raise InvalidArgument.of_field("rows", f"at most {most:,} rows of this model's columns fit one answer")
        return self._answer(call, model, self._on_training_version(model, subject), seconds)

    def importance(self, call: Call, *, model_id: UUID, version: int, method: str, seconds: float) -> Shown:
        """How much each column matters on the hold-out rows, after waiting up to ``seconds`` for it.

        Raises ``NotFound``, ``PermissionDenied``, ``ColumnsMissing``.
        """
        model = self._models.require(call, model_id, version)
        subject = Subject(
            kind=FEATURE_IMPORTANCE,
            method=method or PERMUTATION,
            model_id=model.id,
            version=model.version,
            digest=model.digest,
            dataset_id=_trained_from(model),
            dataset_version=model.dataset_version,
            scope=HOLDOUT,
            explained_class=_class_of_importance(model) if method == SHAP else "",
            target=model.target,
        )
        return self._answer(call, model, subject, seconds)

    @staticmethod
    def _on_training_version(model: ModelVersion, subject: Subject) -> Subject:
        """The subject with the version that the model was trained from, where no other is asked for."""
        if subject.dataset_id == model.dataset_id and not subject.dataset_version:
            subject = replace(subject, dataset_version=model.dataset_version)
        if (subject.dataset_id, subject.dataset_version) != (model.dataset_id, model.dataset_version):
            # Rows of another version were never held out: a summary covers them all.
            subject = replace(subject, scope="rows" if subject.rows else EVERY)
        return subject

    def _answer(self, call: Call, model: ModelVersion, subject: Subject, seconds: float) -> Shown:
        """The explanation of a subject, started when there is none.

        The dataset's owner is asked, too, wherever rows are shown or read: whoever may see explanations but no rows
        gets summaries that others have asked for.
        """
        found = None
        if not subject.rows and subject.dataset_version:
            found = self._find(call, subject)
        if found is None or found.to_be_started_anew(datetime.now(UTC)):
            subject = self._checked(model, subject)
            self._start(call, model, subject)

        shown = self._changes.await_result(
            lambda: self._find(call, subject), lambda each: each is not None and each.finished, seconds
        )
        if shown is None:
            raise NotFound.of("explanation of model", model.id)
        return shown, self._results.load(shown)

    def _checked(self, model: ModelVersion, subject: Subject) -> Subject:
        """The subject with its dataset version settled, if the caller may read it and it holds what is needed."""
        dataset = self._datasets.get(subject.dataset_id, subject.dataset_version)
        dataset.require([*model.columns, *([subject.target] if subject.method == PERMUTATION else [])], model.numeric)
        for row in subject.rows:
            if row >= dataset.row_count:
                raise row_out_of_range(row, dataset.row_count)
        return self._on_training_version(model, replace(subject, dataset_version=dataset.version))

    def _find(self, call: Call, subject: Subject) -> Explanation | None:
        with self._database.unit_of_work(call.org_id) as unit:
            return self._explanations.of_subject(unit, subject)

    def _start(self, call: Call, model: ModelVersion, subject: Subject) -> None:
        with self._database.unit_of_work(call.org_id) as unit:
            made = self._explanations.create(unit, subject, model.project_id)
            found = self._explanations.of_subject(unit, subject, lock=True)
            if found is None:
                raise NotFound.of("explanation of model", model.id)
            if not made:
                if not found.to_be_started_anew(datetime.now(UTC)):
                    return
                self._explanations.restart(unit, found.id)
            arguments = {"explanation_id": str(found.id)}
            job_id = self._jobs.enqueue(unit, EXPLAIN_JOB, arguments, unit.tenant, call.user_id)
            self._explanations.set_job(unit, found.id, job_id)


def _trained_from(model: ModelVersion) -> UUID:
    if model.dataset_id is None:
        raise training_data_unknown(model.id)
    return model.dataset_id


def _class_of_importance(model: ModelVersion) -> str:
    """The class whose SHAP values are summed up: the mean over all where there are more than two."""
    if len(model.classes) > 2:
        return EVERY_CLASS
    return model.classes[-1] if model.classes else ""


def _class_of(model: ModelVersion, label: str) -> str:
    """The class to explain: the one asked for, of two the second, of more the favourable one; none for a regressor."""
    if label:
        if label not in model.classes:
            raise class_unknown(label, model.classes)
        return label
    if not model.classes:
        return ""
    if len(model.classes) == 2:
        return model.classes[1]
    if not model.favourable_class:
        raise class_unknown("", model.classes)
    return model.favourable_class
