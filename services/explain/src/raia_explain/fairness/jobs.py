"""The job that makes a fairness report and records it as evidence."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import UUID

from google.protobuf.json_format import ParseDict
from raia.ml.v1 import gate_service_pb2, gate_service_pb2_grpc
from raia_kit.changes import Changes
from raia_kit.channels import ServiceChannels
from raia_kit.database import UnitOfWork
from raia_kit.errors import NotFound, RaiaError
from raia_kit.identity import ServiceIdentity
from raia_kit.jobs import Job, JobQueue, JobRecord

from raia_explain.errors import model_changed
from raia_explain.fairness import events
from raia_explain.fairness.domain import CANCELLED, FAILED, SUCCEEDED, FairnessReport, report_digest
from raia_explain.fairness.repository import FairnessRepository
from raia_explain.settings import ExplainSettings
from raia_explain.sources.datasets import DatasetSource
from raia_explain.sources.models import ML, ModelSource

FAIRNESS_JOB = "explain.fairness"
WITHDRAW_JOB = "explain.withdraw_evidence"
_PERMISSIONS = ("models.read", "datasets.read", "fairness.analyze")
_ANALYSE = "raia_explain.workers.fairness:analyse"
_EVIDENCE = "fairness"


class FairnessJobs:
    """Runs fairness analyses."""

    def __init__(
        self,
        *,
        jobs: JobQueue,
        reports: FairnessRepository,
        models: ModelSource,
        datasets: DatasetSource,
        channels: ServiceChannels,
        identity: ServiceIdentity,
        changes: Changes,
        settings: ExplainSettings,
    ) -> None:
        self._jobs = jobs
        self._reports, self._models, self._datasets = reports, models, datasets
        self._channels, self._identity, self._changes = channels, identity, changes
        jobs.task(
            FAIRNESS_JOB,
            time_limit=settings.fairness_time_limit,
            retries=6,
            on_failed=self._failed,
            on_cancelled=self._cancelled,
            on_progress=self._progressed,
        )(self.run)
        jobs.task(WITHDRAW_JOB, time_limit=60, retries=12)(self.withdraw)

    def run(self, job: Job) -> None:
        """Makes one report; it has succeeded once ml has recorded it, however often the run is repeated."""
        report_id = UUID(job.args["report_id"])
        with job.unit() as unit:
            report = self._reports.find(unit, report_id)
            if report is None or report.finished:
                return
            self._reports.set_progress(unit, report_id, 0.0)
        found = self._compute(job, report)
        content, figures = found["content"], found["figures"]
        digest = report_digest(report, content)
        with job.unit() as unit:
            self._reports.find(unit, report_id, lock=True)
            if not self._reports.begin_recording(unit, report_id, figures, digest):
                return
        self._record(job, report, digest, figures)
        with job.complete() as unit:
            self._reports.find(unit, report_id, lock=True)
            if self._reports.succeed(unit, report_id, content):
                events.analyzed(unit, report, SUCCEEDED, bias_detected=content["bias_detected"])
            unit.after_commit(self._changes.notify)

    def withdraw(self, job: Job) -> None:
        """Withdraws what ml may have recorded of a report that failed in the end."""
        with job.unit() as unit:
            report = self._reports.find(unit, UUID(job.args["report_id"]))
        if report is None or report.status == SUCCEEDED:
            return
        with suppress(NotFound):  # it was never recorded, or its model is gone
            self._record(job, report, report.report_digest, report.figures or {}, withdraw=True)

    def _token(self, job: Job) -> str:
        return self._identity.exchange(job.user_id, job.org_id, str(job.id), _PERMISSIONS)

    def _compute(self, job: Job, report: FairnessReport) -> Mapping[str, Any]:
        token = self._token(job)
        model = self._models.get(report.model_id, report.version, token)
        if model.digest != report.digest:
            raise model_changed(model.id, model.version)
        columns = [*model.columns, report.target, *(each.column for each in report.definitions)]
        reader = [str(job.org_id), str(job.user_id)]
        with (
            self._models.artifact(model, token) as artifact,
            self._datasets.rows(report.dataset_id, report.dataset_version, columns, token, reader) as rows,
        ):
            arguments = {
                "model_path": str(artifact),
                "digest": report.digest,
                "data_path": str(rows),
                "holdout": self._models.holdout(report.model_id, report.version, token),
                "target": report.target,
                "definitions": [asdict(each) for each in report.definitions],
                "favourable": asdict(report.favourable),
            }
            found: Mapping[str, Any] = job.compute(_ANALYSE, arguments, affinity=report.digest)
            return found

    def _record(
        self,
        job: Job,
        report: FairnessReport,
        digest: str,
        figures: Mapping[str, Any],
        *,
        withdraw: bool = False,
    ) -> None:
        request = gate_service_pb2.RecordRequest(
            model_id=str(report.model_id),
            version=report.version,
            digest=report.digest,
            kind=_EVIDENCE,
            report_id=str(report.id),
            report_digest=digest,
            withdraw=withdraw,
        )
        ParseDict(dict(figures), request.figures)
        self._channels.stub(gate_service_pb2_grpc.EvidenceServiceStub, ML, self._token(job)).Record(request)

    def _progressed(self, unit: UnitOfWork, record: JobRecord, fraction: float, _message: str) -> None:
        self._reports.set_progress(unit, UUID(record.args["report_id"]), fraction)
        unit.after_commit(self._changes.notify)

    def _failed(self, unit: UnitOfWork, record: JobRecord, error: RaiaError) -> None:
        report = self._reports.find(unit, UUID(record.args["report_id"]), lock=True)
        if report is not None and self._reports.fail(unit, report.id, error.message):
            events.analyzed(unit, report, FAILED)
            if report.recording:
                # Whether ml stored it is not known: the answer may have been lost.
                self._jobs.enqueue(unit, WITHDRAW_JOB, record.args, unit.tenant, record.user_id)
        unit.after_commit(self._changes.notify)

    def _cancelled(self, unit: UnitOfWork, record: JobRecord) -> None:
        report = self._reports.find(unit, UUID(record.args["report_id"]), lock=True)
        if report is not None and self._reports.cancel(unit, report.id):
            events.analyzed(unit, report, CANCELLED)
        unit.after_commit(self._changes.notify)
