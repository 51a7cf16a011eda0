"""Collects a model version's governance record from the services that own its parts, as the user may read them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from raia.auth.v1 import audit_service_pb2, audit_service_pb2_grpc
from raia.explain.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    fairness_service_pb2,
    fairness_service_pb2_grpc,
)
from raia.ingest.v1 import dataset_service_pb2, dataset_service_pb2_grpc, profile_service_pb2, profile_service_pb2_grpc
from raia.ml.v1 import (
    gate_service_pb2,
    gate_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    training_service_pb2,
    training_service_pb2_grpc,
)
from raia_kit.errors import NotFound, PermissionDenied, ResourceExhausted, Unavailable

S = TypeVar("S")
T = TypeVar("T")
Facts = dict[str, Any]

Page = Callable[[int, str], Any]
"""Reads a page of a list: how many at most, and where the last page ended."""

FORMAT = "raia.governance_record/1"
MOST_AUDIT_ENTRIES = 5000
_PAGE = 1000
_WAIT_SECONDS = 5
_UNDER_WAY = ("pending", "running")
_PROFILE_LEAVES_OUT = ("histogram", "top_values", "temporal", "text")
"""Parts of a column's profile that hold values of single rows, or say little."""


class Progress(Protocol):
    """What a collector tells and asks of the job that it works for."""

    def check(self) -> None:
        """Raises when the job must stop."""
        ...

    def progress(self, fraction: float, message: str = "") -> None:
        """Takes how far it is."""
        ...


class Channels(Protocol):
    """How other services are reached; ``raia_kit.channels.ServiceChannels`` is one."""

    def stub(self, stub_class: Callable[[Any], S], service: str, token: str | None = None) -> S:
        """A stub whose calls carry the token."""
        ...


class Sources:
    """Stubs of the other services whose calls act for the user."""

    def __init__(self, channels: Channels, token: Callable[[], str]) -> None:
        self._channels, self._token = channels, token

    def stub(self, stub_class: Callable[[Any], S], service: str) -> S:
        """A stub with a token that still holds for a while."""
        return self._channels.stub(stub_class, service, token=self._token())


class Collector:
    """Collects one record. Whatever the user may not read is named under ``omissions``.

    Nothing else is left out: a service that is away raises ``Unavailable``.
    """

    def __init__(self, sources: Sources, job: Progress, *, patience: float) -> None:
        self._sources, self._job, self._patience = sources, job, patience
        self._omissions: list[str] = []

    def collect(self, model_id: str, version: int) -> Facts:
        """The record as JSON values: the same state gives the same record."""
        model = self._model(model_id, version)
        self._job.progress(0.1, "model")
        run = self._training(model)
        evidence, verdicts = self._gate(model_id, version)
        self._job.progress(0.3, "training and gate")
        dataset, profile = self._data(run, model)
        self._job.progress(0.5, "data")
        reports = self._fairness(model_id, version)
        self._job.progress(0.6, "fairness")
        explanations = self._explanations(model_id, version)
        self._job.progress(0.8, "explanations")
        subjects = [model_id, model["training_run_id"], *(report["id"] for report in reports)]
        audit = self._audit([subject for subject in subjects if subject])
        self._job.progress(0.9, "audit trail")
        record: Facts = {
            "format": FORMAT,
            "model": model,
            "versions": self._versions(model_id),
            "training_run": run,
            "dataset": dataset,
            "profile": profile,
            "evidence": evidence,
            "verdicts": verdicts,
            "fairness_reports": reports,
            "explanations": explanations,
            "audit_entries": audit,
            "omissions": sorted(self._omissions),
        }
        record["as_of"] = latest_time(record)
        return record

    def _model(self, model_id: str, version: int) -> Facts:
        stub = self._sources.stub(model_service_pb2_grpc.ModelServiceStub, "ml")
        return _facts(stub.GetModel(model_service_pb2.GetModelRequest(id=model_id, version=version)))

    def _versions(self, model_id: str) -> list[Facts]:
        def page(size: int, token: str) -> Any:
            stub = self._sources.stub(model_service_pb2_grpc.ModelServiceStub, "ml")
            return stub.ListModelVersions(
                model_service_pb2.ListModelVersionsRequest(model_id=model_id, page_size=size, page_token=token)
            )

        kept = ("version", "algorithm", "framework", "digest", "training_run_id", "accuracy")
        found = [_facts(each) for each in self._pages(page, "versions")]
        return [{name: each[name] for name in kept if name in each} for each in found]

    def _training(self, model: Facts) -> Facts | None:
        if not model["training_run_id"]:
            return None

        def read() -> Facts:
            stub = self._sources.stub(training_service_pb2_grpc.TrainingServiceStub, "ml")
            return _facts(stub.GetTrainingRun(training_service_pb2.GetTrainingRunRequest(id=model["training_run_id"])))

        return self._unless_hidden("training run", read)

    def _gate(self, model_id: str, version: int) -> tuple[list[Facts], list[Facts]]:
        def evidence(size: int, token: str) -> Any:
            stub = self._sources.stub(gate_service_pb2_grpc.EvidenceServiceStub, "ml")
            return stub.ListEvidence(
                gate_service_pb2.ListEvidenceRequest(model_id=model_id, page_size=size, page_token=token)
            )

        def verdicts(size: int, token: str) -> Any:
            stub = self._sources.stub(gate_service_pb2_grpc.EvidenceServiceStub, "ml")
            return stub.ListVerdicts(
                gate_service_pb2.ListVerdictsRequest(model_id=model_id, page_size=size, page_token=token)
            )

        found = (
            self._unless_hidden("evidence", lambda: self._of_version(evidence, "evidence", version)),
            self._unless_hidden("gate verdicts", lambda: self._of_version(verdicts, "verdicts", version)),
        )
        return found[0] or [], found[1] or []

    def _data(self, run: Facts | None, model: Facts) -> tuple[Facts | None, Facts | None]:
        trained_on = run or model["training_data_info"]
        dataset_id, version = trained_on.get("dataset_id"), int(trained_on.get("dataset_version") or 0)
        if not dataset_id:
            return None, None

        def dataset() -> Facts:
            stub = self._sources.stub(dataset_service_pb2_grpc.DatasetServiceStub, "ingest")
            request = dataset_service_pb2.GetDatasetRequest(id=dataset_id, version=version)
            found = _facts(stub.GetDataset(request))
            return {name: value for name, value in found.items() if name not in ("schema_info", "etag")}

        def profile() -> Facts:
            found = self._finished(
                "profile",
                lambda: self._sources.stub(profile_service_pb2_grpc.ProfileServiceStub, "ingest").GetDatasetProfile(
                    _waiting(profile_service_pb2.GetDatasetProfileRequest(dataset_id=dataset_id, version=version))
                ),
            )
            for column in found.get("columns", []):
                for name in _PROFILE_LEAVES_OUT:
                    column.pop(name, None)
            found.pop("correlations", None)
            return found

        return self._unless_hidden("dataset", dataset), self._unless_hidden("profile of the dataset", profile)

    def _fairness(self, model_id: str, version: int) -> list[Facts]:
        def page(size: int, token: str) -> Any:
            stub = self._sources.stub(fairness_service_pb2_grpc.FairnessServiceStub, "explain")
            return stub.ListFairnessReports(
                fairness_service_pb2.ListFairnessReportsRequest(model_id=model_id, page_size=size, page_token=token)
            )

        found = self._unless_hidden("fairness reports", lambda: self._of_version(page, "reports", version))
        return [report for report in found or [] if report["status"] == "succeeded"]

    def _explanations(self, model_id: str, version: int) -> Facts:
        def shap() -> Facts:
            request = explanation_service_pb2.GetShapExplanationRequest(model_id=model_id, version=version)
            return self._finished("SHAP values", lambda: self._explainer().GetShapExplanation(_waiting(request)))

        def importance() -> Facts:
            request = explanation_service_pb2.GetFeatureImportanceRequest(
                model_id=model_id, version=version, method="permutation"
            )
            return self._finished(
                "feature importance", lambda: self._explainer().GetFeatureImportance(_waiting(request))
            )

        return {
            "shap": self._unless_hidden("SHAP values", shap),
            "feature_importance": self._unless_hidden("feature importance", importance),
        }

    def _explainer(self) -> explanation_service_pb2_grpc.ExplanationServiceStub:
        return self._sources.stub(explanation_service_pb2_grpc.ExplanationServiceStub, "explain")

    def _audit(self, subjects: list[str]) -> list[Facts]:
        def read() -> list[Facts]:
            entries = {
                entry["id"]: entry
                for subject in subjects
                for entry in map(_facts, self._pages(partial(self._audit_page, subject), "entries"))
            }
            return sorted(entries.values(), key=lambda entry: int(entry["place"]))

        found = self._unless_hidden("audit trail", read) or []
        if len(found) > MOST_AUDIT_ENTRIES:
            self._omissions.append(f"audit trail: all but the latest {MOST_AUDIT_ENTRIES:,} of {len(found):,} entries")
        return found[-MOST_AUDIT_ENTRIES:]

    def _audit_page(self, subject: str, size: int, token: str) -> Any:
        stub = self._sources.stub(audit_service_pb2_grpc.AuditServiceStub, "auth")
        # Predictions are no part of how the version came about, and there may be millions of them.
        chosen = f'resource_id = "{subject}" AND action != "model.predict"'
        return stub.ListAuditLogs(
            audit_service_pb2.ListAuditLogsRequest(page_size=size, page_token=token, order_by="place", filter=chosen)
        )

    def _of_version(self, page: Page, name: str, version: int) -> list[Facts]:
        found = (_facts(each) for each in self._pages(page, name))
        return [facts for facts in found if facts["version"] == version]

    def _pages(self, page: Page, name: str) -> Iterable[Message]:
        token, size = "", _PAGE
        while True:
            self._job.check()
            try:
                answer = page(size, token)
            except ResourceExhausted as error:
                if error.reason != "ANSWER_TOO_LARGE" or size == 1:
                    raise
                size = max(1, size // 4)
                continue
            yield from getattr(answer, name)
            token = answer.next_page_token
            if not token:
                return

    def _finished(self, what: str, ask: Callable[[], Any]) -> Facts:
        """What is computed on demand, once it has ended, well or not."""
        for _ in range(max(1, round(self._patience / _WAIT_SECONDS))):
            self._job.check()
            found = ask()
            if found.status not in _UNDER_WAY:
                return _facts(found)
        raise Unavailable(f"the {what} are still being computed; export again later", reason="EXPLANATION_PENDING")

    def _unless_hidden(self, what: str, read: Callable[[], T]) -> T | None:
        """What the user may read; what they may not becomes an omission."""
        try:
            return read()
        except PermissionDenied as error:
            needed = error.metadata.get("permission")
            self._omissions.append(f"{what}: {needed} is needed" if needed else f"{what}: it may not be read")
        except NotFound:
            self._omissions.append(f"{what}: not found; deleted, or in a project that cannot be seen")
        return None


def _waiting(request: Any) -> Any:
    request.wait.FromSeconds(_WAIT_SECONDS)
    return request


def _facts(message: Message) -> Facts:
    facts: Facts = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return facts


def latest_time(record: Mapping[str, Any]) -> str:
    """The latest of the times in the record, as it stands there; empty when it holds none."""
    times = list(_times(record))
    return max(times, key=datetime.fromisoformat) if times else ""


def _times(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name.endswith("_at") and isinstance(each, str) and _is_time(each):
                yield each
            else:
                yield from _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)


def _is_time(text: str) -> bool:
    """Names may end so by chance, such as the values of a column that a report puts into groups."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
