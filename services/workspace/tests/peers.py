"""The other services as far as an export reads them: gRPC servers that hold one model's facts."""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from raia.auth.v1 import (
    audit_pb2,
    audit_service_pb2,
    audit_service_pb2_grpc,
    token_service_pb2,
    token_service_pb2_grpc,
)
from raia.explain.v1 import (
    explanation_pb2,
    explanation_service_pb2_grpc,
    fairness_report_pb2,
    fairness_service_pb2,
    fairness_service_pb2_grpc,
)
from raia.ingest.v1 import dataset_pb2, dataset_service_pb2_grpc, profile_pb2, profile_service_pb2_grpc
from raia.ml.v1 import (
    gate_pb2,
    gate_service_pb2,
    gate_service_pb2_grpc,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    training_run_pb2,
    training_service_pb2_grpc,
)
from raia_kit.errors import NotFound, PermissionDenied, RaiaError, ResourceExhausted
from raia_kit.metadata import STATUS_DETAILS
from raia_kit.status import to_status

SERVICES = ("auth", "ingest", "ml", "explain")
DIGEST = "5e" * 32


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=1_780_000_000 + seconds)


@dataclass
class World:
    """One model of one organisation, and who may read what of it."""

    model_id: str = field(default_factory=lambda: str(uuid4()))
    run_id: str = field(default_factory=lambda: str(uuid4()))
    dataset_id: str = field(default_factory=lambda: str(uuid4()))
    report_id: str = field(default_factory=lambda: str(uuid4()))
    denied: set[str] = field(default_factory=set)
    """Permissions that the user lacks."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The rpcs that were called, each with its token."""
    pending: int = 0
    """How often SHAP values are answered as still being computed."""
    dataset_gone: bool = False
    name: str = "Credit risk / 2026"
    largest_page: int = 1000
    """Fairness reports that fit into one answer."""

    def model(self, version: int = 2) -> model_pb2.Model:
        inputs = [
            model_pb2.FeatureSpec(name="age", kind="numeric", minimum=19, maximum=75),
            model_pb2.FeatureSpec(
                name="purpose", kind="categorical", nullable=True, categories=[f"kind {n}" for n in range(11)]
            ),
        ]
        return model_pb2.Model(
            id=self.model_id, name=self.name, type="classification", algorithm="logistic_regression",
            framework="scikit-learn 1.9.1", version=str(version), status="production", accuracy=0.744,
            feature_names=["age", "purpose"], created_at=at(0), updated_at=at(50), production_version=2,
            latest_version=2, digest=DIGEST, training_run_id=self.run_id,
            signature=model_pb2.Signature(inputs=inputs, classes=["0", "1"]),
            metrics=[
                model_pb2.Metric(name="accuracy", scope="holdout", value=0.744, lower=0.69, upper=0.8, count=250),
                model_pb2.Metric(name="roc_auc", scope="holdout", value=0.7812, lower=0.72, upper=0.84, count=250),
                model_pb2.Metric(
                    name="roc_auc", scope="cross_validation", value=0.77, lower=0.74, upper=0.8, count=5
                ),
            ],
        )  # fmt: skip

    def report(self, version: int = 2) -> fairness_report_pb2.FairnessReport:
        def interval(value: float) -> fairness_report_pb2.Interval:
            return fairness_report_pb2.Interval(value=value, lower=value - 0.05, upper=value + 0.05)

        groups = [
            fairness_report_pb2.GroupFairness(
                group=name, count=count, judged=count >= 30, selection_rate=interval(rate), true_positive_rate=0.8,
                false_positive_rate=0.2, accuracy=0.75,
            )
            for name, count, rate in [("male", 170, 0.72), ("female", 71, 0.61), ("unknown", 9, 0.5)]
        ]  # fmt: skip
        attribute = fairness_report_pb2.AttributeFairness(
            attribute="sex", reference_group="male", judged=True, disparate_impact=interval(0.847),
            demographic_parity_difference=interval(0.11), equalized_odds_difference=interval(0.07), groups=groups,
        )  # fmt: skip
        unjudged = fairness_report_pb2.AttributeFairness(attribute="age", not_judged_because="one group has 30 rows")
        return fairness_report_pb2.FairnessReport(
            id=self.report_id, model_id=self.model_id, protected_attributes=["sex", "age"], status="succeeded",
            version=version, digest=DIGEST, row_count=250, attributes=[attribute, unjudged], created_at=at(20),
            completed_at=at(25), recommendations="Disparate impact by sex is 0.85, above the limit of 0.80.",
            definitions=[
                fairness_report_pb2.ProtectedAttribute(name="sex", column="status", groups={"lives_at": "home"})
            ],
            favourable_outcome=fairness_report_pb2.FavourableOutcome(favourable_class="1"), dataset_id=self.dataset_id,
        )  # fmt: skip


class Peer(
    audit_service_pb2_grpc.AuditServiceServicer,
    token_service_pb2_grpc.TokenServiceServicer,
    dataset_service_pb2_grpc.DatasetServiceServicer,
    profile_service_pb2_grpc.ProfileServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
    training_service_pb2_grpc.TrainingServiceServicer,
    gate_service_pb2_grpc.EvidenceServiceServicer,
    fairness_service_pb2_grpc.FairnessServiceServicer,
    explanation_service_pb2_grpc.ExplanationServiceServicer,
):
    """Answers for all of them; one server for each service, so that each can be away."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _check(self, context: grpc.ServicerContext, rpc: str, permission: str, model_id: str = "") -> None:
        token = dict(context.invocation_metadata()).get("authorization", "").removeprefix("Bearer ")
        self.world.asked.append((rpc, token))
        if model_id and model_id != self.world.model_id:
            refuse(context, NotFound.of("model", model_id))
        if permission in self.world.denied:
            refuse(
                context,
                PermissionDenied("no", reason="PERMISSION_MISSING", metadata={"permission": permission}),
            )

    def Exchange(self, request: Any, context: grpc.ServicerContext) -> Any:
        token = f"job {request.job_id} of {request.user_id} may {' '.join(request.permissions)}"
        return token_service_pb2.ExchangedToken(access_token=token.replace(" ", "+"), expires_in=300)

    def GetModel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetModel", "models.read", request.id)
        return self.world.model(request.version or 2)

    def ListModelVersions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "ListModelVersions", "models.read", request.model_id)
        found = [self.world.model(number) for number in (2, 1)]
        if request.page_token:
            return model_service_pb2.ListModelVersionsResponse(versions=found[1:])
        return model_service_pb2.ListModelVersionsResponse(versions=found[:1], next_page_token="second")

    def GetTrainingRun(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetTrainingRun", "models.read")
        run = training_run_pb2.TrainingRun(
            id=self.world.run_id, status="succeeded", model_id=self.world.model_id, dataset_id=self.world.dataset_id,
            dataset_version=1, target="default", algorithm="logistic_regression", seed=7, created_at=at(1),
            completed_at=at(9), created_by="a-user", warnings=["column id was left out: it names rows"],
        )  # fmt: skip
        run.parameters.update({"C": 1.0, "max_iter": 1000, "penalty": "l2"})
        return run

    def ListEvidence(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "ListEvidence", "models.read", request.model_id)
        found = [
            gate_pb2.Evidence(
                id=f"evidence-{version}", kind="fairness", model_id=self.world.model_id, version=version,
                digest=DIGEST, report_id=self.world.report_id, report_digest="ab" * 32, created_at=at(26),
            )
            for version in (2, 1)
        ]  # fmt: skip
        return gate_service_pb2.ListEvidenceResponse(evidence=found)

    def ListVerdicts(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "ListVerdicts", "models.read", request.model_id)
        check = gate_pb2.GateCheck(
            name="disparate_impact:sex", passed=True, value=0.847, limit=0.8, margin=0.047,
            report_id=self.world.report_id, message="0.85 is at least 0.80",
        )  # fmt: skip
        found = [
            gate_pb2.Verdict(
                id=f"verdict-{allowed}", model_id=self.world.model_id, version=2, digest=DIGEST, allowed=allowed,
                policy_version=3, checks=[check] if allowed else [], created_at=at(30),
            )
            for allowed in (True, False)
        ]  # fmt: skip
        return gate_service_pb2.ListVerdictsResponse(verdicts=found)

    def GetDataset(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetDataset", "datasets.read")
        if self.world.dataset_gone:
            refuse(context, NotFound.of("dataset", request.id))
        return dataset_pb2.Dataset(
            id=self.world.dataset_id, name="german credit", version=1, row_count=1000, column_count=21,
            filename="german-credit.csv", sha256="cd" * 32, status="ready", created_at=at(0),
        )  # fmt: skip

    def GetDatasetProfile(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetDatasetProfile", "datasets.read")
        if self.world.dataset_gone:
            refuse(context, NotFound.of("dataset", request.dataset_id))
        columns = [
            {"name": "age", "type": "integer", "distinct_count": "53", "missing_fraction": 0.013,
             "missing_count": "13", "numeric": {"minimum": 19, "maximum": 75, "mean": 35.546},
             "top_values": [{"value": 27, "count": "51"}]},
            {"name": "purpose", "type": "string", "distinct_count": "10", "text": {"maximum_length": "19"}},
        ]  # fmt: skip
        profile = json_format.ParseDict(
            {"columns": columns, "notes": [{"kind": "encoding", "message": "The file is UTF-8."}]},
            profile_pb2.DatasetProfile(id="profile-1", dataset_id=self.world.dataset_id, status="succeeded"),
        )
        profile.completed_at.CopyFrom(at(5))
        return profile

    def ListFairnessReports(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "ListFairnessReports", "fairness.read", request.model_id)
        if request.page_size > self.world.largest_page:
            refuse(context, ResourceExhausted("ask for less at once", reason="ANSWER_TOO_LARGE"))
        running = fairness_report_pb2.FairnessReport(id=str(uuid4()), status="running", version=2)
        found = [running, self.world.report(2), self.world.report(1)]
        return fairness_service_pb2.ListFairnessReportsResponse(reports=found)

    def GetShapExplanation(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetShapExplanation", "explanations.read", request.model_id)
        if self.world.pending > 0:
            self.world.pending -= 1
            return explanation_pb2.ShapExplanation(id="shap-1", status="running")
        return explanation_pb2.ShapExplanation(
            id="shap-1", status="succeeded", method="linear", margin_scale="log_odds", explained_class="1",
            row_count=250, additivity_error=3e-16, created_at=at(40), completed_at=at(41), scope="global",
            features=[
                explanation_pb2.FeatureAttribution(feature=name, attribution=value)
                for name, value in [("purpose", 0.61), ("age", 0.234)]
            ],
        )  # fmt: skip

    def GetFeatureImportance(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "GetFeatureImportance", "explanations.read", request.model_id)
        return explanation_pb2.FeatureImportance(
            id="importance-1", status="succeeded", method="permutation", score="roc_auc", completed_at=at(42),
            features=[explanation_pb2.ImportanceOfFeature(feature="age", importance=0.08, standard_deviation=0.01)],
        )  # fmt: skip

    def ListAuditLogs(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._check(context, "ListAuditLogs", "audit.read")
        places = {self.world.run_id: 3, self.world.model_id: 9}
        subject = next((subject for subject in places if subject in request.filter), None)
        if subject is None:
            return audit_service_pb2.ListAuditLogsResponse()
        entry = audit_pb2.AuditEntry(
            id=f"entry-{places[subject]}", place=places[subject], occurred_at=at(places[subject]), service="ml",
            actor_user_id="a-user", action="model.deploy", outcome="success", hash="ef" * 32,
            resource_id=subject,
        )  # fmt: skip
        return audit_service_pb2.ListAuditLogsResponse(entries=[entry])


def refuse(context: grpc.ServicerContext, error: RaiaError) -> None:
    status = to_status(error, service="peer", request_id="")
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    context.set_trailing_metadata(((STATUS_DETAILS, status.SerializeToString()),))
    context.abort(code, status.message)


class Peers:
    """The servers, one for each service."""

    def __init__(self) -> None:
        self.world = World()
        self._peer = Peer(self.world)
        self._servers: dict[str, grpc.Server] = {}
        self.addresses: dict[str, str] = {}
        for service in SERVICES:
            self._start(service, 0)

    def reset(self) -> World:
        """Another model, with everything allowed."""
        self.world = self._peer.world = World()
        return self.world

    @contextmanager
    def away(self, service: str) -> Iterator[None]:
        """The service cannot be reached meanwhile."""
        self._servers[service].stop(None).wait()
        try:
            yield
        finally:
            self._start(service, int(self.addresses[service].rpartition(":")[2]))

    def close(self) -> None:
        for server in self._servers.values():
            server.stop(None)

    def _start(self, service: str, port: int) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        peer = self._peer
        if service == "auth":
            audit_service_pb2_grpc.add_AuditServiceServicer_to_server(peer, server)
            token_service_pb2_grpc.add_TokenServiceServicer_to_server(peer, server)
        elif service == "ingest":
            dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(peer, server)
            profile_service_pb2_grpc.add_ProfileServiceServicer_to_server(peer, server)
        elif service == "ml":
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(peer, server)
            training_service_pb2_grpc.add_TrainingServiceServicer_to_server(peer, server)
            gate_service_pb2_grpc.add_EvidenceServiceServicer_to_server(peer, server)
        else:
            fairness_service_pb2_grpc.add_FairnessServiceServicer_to_server(peer, server)
            explanation_service_pb2_grpc.add_ExplanationServiceServicer_to_server(peer, server)
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        self._servers[service], self.addresses[service] = server, f"127.0.0.1:{bound}"
