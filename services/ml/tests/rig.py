"""A running ml service: real gRPC server with the whole chain, real database, relay, jobs and compute children.

Rows come from a gRPC server that implements ingest's contracts over tables in memory; auth's exchange of tokens is done
with the rig's own key. Both services as they are take part in the tests of the whole platform.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pyarrow as pa
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from joserfc import jwt
from joserfc.jwk import OKPKey
from raia.auth.v1 import access_pb2
from raia.ingest.v1 import (
    dataset_pb2,
    dataset_service_pb2_grpc,
    reader_service_pb2,
    reader_service_pb2_grpc,
)
from raia.ml.v1 import (
    artifact_service_pb2_grpc,
    gate_service_pb2,
    gate_service_pb2_grpc,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
    training_run_pb2,
    training_service_pb2,
    training_service_pb2_grpc,
)
from raia_kit.access import Part
from raia_kit.errors import NotFound
from raia_kit.events import cursor
from raia_kit.runtime import Runtime
from raia_kit.service import process_of
from raia_kit.status import to_status
from raia_ml.bootstrap import build
from raia_ml.settings import MlSettings
from raia_testing.postgres import ServiceDatabase

_SCIENCE = ("models.read", "models.train", "models.predict", "models.deploy", "models.retire", "policies.read")
ROLES = {
    "scientist": _SCIENCE,
    "officer": ("models.read", "models.retire", "policies.read", "policies.manage"),
    "viewer": ("models.read", "policies.read"),
    "nobody": (),
}


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@dataclass(frozen=True)
class Failure:
    """How a call failed."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]


def failure_of(call: Callable[[], Any]) -> Failure:
    """Makes a call that must fail and says how it did."""
    try:
        answer = call()
        list(answer) if hasattr(answer, "__next__") else None
    except grpc.RpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b"")).details:
            detail.Unpack(info)
        return Failure(error.code(), info.reason, error.details() or "", dict(info.metadata))
    raise AssertionError("the call was to fail")


class Everybody:
    """The access snapshot: whoever the rig has hired."""

    def __init__(self) -> None:
        self.memberships: list[access_pb2.Membership] = []
        self.project_grants: list[access_pb2.ProjectGrant] = []
        self.restrictions: list[access_pb2.ProjectRestriction] = []

    def parts(self) -> Iterable[Part]:
        roles = [access_pb2.Role(name=name, permissions=held) for name, held in ROLES.items()]
        yield Part(
            roles=roles,
            memberships=self.memberships,
            project_grants=self.project_grants,
            project_restrictions=self.restrictions,
        )
        yield Part(cursor=cursor.encode({}))


@dataclass(frozen=True)
class Person:
    """A member of an organisation, with a token."""

    id: UUID
    org_id: UUID
    metadata: list[tuple[str, str]]


class Tables(dataset_service_pb2_grpc.DatasetServiceServicer, reader_service_pb2_grpc.DatasetReaderServicer):
    """Ingest's contracts over tables in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, pa.Table] = {}
        self.status = "ready"
        self.open = threading.Event()
        self.open.set()
        self.tokens: list[str] = []
        self.read: list[list[str]] = []

    def add(self, table: pa.Table) -> str:
        self.tables[dataset_id := str(uuid4())] = table
        return dataset_id

    def GetDataset(self, request: Any, context: grpc.ServicerContext) -> dataset_pb2.Dataset:
        table = self._find(request.id, context)
        answer = dataset_pb2.Dataset(id=request.id, status=self.status, version=request.version or 1)
        columns = [{"name": name} for name in table.column_names]
        answer.schema_info.update({"columns": columns})
        return answer

    def Read(self, request: Any, context: grpc.ServicerContext) -> Iterator[reader_service_pb2.ReadResponse]:
        self.tokens.append(dict(context.invocation_metadata())["authorization"])
        table = self._find(request.dataset_id, context)
        table = table.select(list(request.columns) or table.column_names)
        self.read.append(table.column_names)
        self.open.wait()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
        data = sink.getvalue().to_pybytes()
        yield reader_service_pb2.ReadResponse(version=1, sha256=sha256(data).hexdigest(), row_count=table.num_rows)
        for start in range(0, len(data), 1024**2):
            yield reader_service_pb2.ReadResponse(data=data[start : start + 1024**2])

    def _find(self, dataset_id: str, context: grpc.ServicerContext) -> pa.Table:
        if dataset_id not in self.tables:
            error = to_status(NotFound.of("dataset", dataset_id), service="ingest")
            context.abort_with_status(rpc_status.to_status(error))
        return self.tables[dataset_id]


@dataclass
class Identity:
    """Exchanges tokens as auth does, with the rig's key."""

    bearer: Callable[..., list[tuple[str, str]]]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def exchange(self, user_id: UUID | None, org_id: UUID | None, job_id: str, permissions: Sequence[str]) -> str:
        self.asked.append(tuple(permissions))
        claims = {"sub": str(user_id), "org": str(org_id), "act": {"sub": "ml"}, "scope": " ".join(permissions)}
        return self.bearer(job=job_id, **claims)[0][1].removeprefix("Bearer ")


class Rig:
    """Starts everything; ``close`` stops it."""

    def __init__(self, database: ServiceDatabase, folder: Path, **settings: Any) -> None:
        self.service_database, self.database, self.folder = database, database.database, folder
        self.key = OKPKey.generate_key("Ed25519", auto_kid=True)
        self.everybody, self.tables, self.identity = Everybody(), Tables(), Identity(self.bearer)
        self.ingest = grpc.server(ThreadPoolExecutor(8))
        dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(self.tables, self.ingest)
        reader_service_pb2_grpc.add_DatasetReaderServicer_to_server(self.tables, self.ingest)
        port = self.ingest.add_insecure_port("127.0.0.1:0")
        self.ingest.start()
        self.settings = MlSettings(
            database_url=database.url,
            database_pool=8,
            objects_url=f"file://{folder / 'objects'}",
            scratch_folder=folder,
            services={"ingest": f"127.0.0.1:{port}"},
            **{"rate_limit_default": 1_000_000, "rate_limit_heavy": 1_000_000, **settings},
        )
        self.start()

    def start(self) -> None:
        self.runtime = Runtime(self.settings)
        self.runtime.jwks_source = lambda: [self.key.as_dict(private=False)]
        self.runtime.access_source = self.everybody
        self.runtime.__dict__["identity"] = self.identity
        self.service = build(self.settings, self.runtime)
        self.process = process_of(self.service)
        self.process.start()
        wait_until(self._serving)
        self.channel = channel = grpc.insecure_channel(self.process.server.address)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.runs = training_service_pb2_grpc.TrainingServiceStub(channel)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.policies = gate_service_pb2_grpc.PolicyServiceStub(channel)
        self.evidence = gate_service_pb2_grpc.EvidenceServiceStub(channel)
        self.artifacts = artifact_service_pb2_grpc.ArtifactServiceStub(channel)

    def stop(self) -> None:
        self.channel.close()
        self.process.stop()

    def close(self) -> None:
        self.tables.open.set()
        self.stop()
        self.ingest.stop(None)

    def _serving(self) -> bool:
        self.process.watch()
        return self.process.serving

    def hire(self, role: str = "scientist", org_id: UUID | None = None) -> Person:
        """A new person, of a new organisation unless one is given."""
        org, user = org_id or uuid4(), uuid4()
        self.everybody.memberships.append(
            access_pb2.Membership(org_id=str(org), user_id=str(user), roles=[role], active=True)
        )
        self.reload()
        return Person(user, org, self.bearer(sub=str(user), org=str(org), sid=str(user)))

    def reload(self) -> None:
        """Loads the access snapshot again, as a service does that starts."""
        self.runtime.access.load()

    def bearer(self, **claims: Any) -> list[tuple[str, str]]:
        now = int(time.time())
        payload = {"iss": "raia", "aud": "raia", "iat": now, "exp": now + 3000, **claims}
        token = jwt.encode({"alg": "Ed25519", "kid": self.key.kid}, payload, self.key, algorithms=["Ed25519"])
        return [("authorization", f"Bearer {token}")]

    def acting(self, person: Person, service: str = "explain", scope: str = "") -> list[tuple[str, str]]:
        """The token of a service that acts for the person."""
        claims = {"sub": str(person.id), "org": str(person.org_id), "act": {"sub": service}, "job": "j1"}
        return self.bearer(scope=scope, **claims)

    def begin(self, person: Person, dataset: str | pa.Table, **wanted: Any) -> training_run_pb2.TrainingRun:
        """Starts a training: by default a small, fast one."""
        dataset_id = dataset if isinstance(dataset, str) else self.tables.add(dataset)
        request = {"target": "y", "algorithm": "logistic_regression", "name": f"m-{uuid4()}", "folds": 0, **wanted}
        return self.runs.TrainModel(
            training_service_pb2.TrainModelRequest(dataset_id=dataset_id, **request), metadata=person.metadata
        )

    def run(self, person: Person, run_id: str) -> training_run_pb2.TrainingRun:
        return self.runs.GetTrainingRun(training_service_pb2.GetTrainingRunRequest(id=run_id), metadata=person.metadata)

    def ended(self, person: Person, run: training_run_pb2.TrainingRun) -> training_run_pb2.TrainingRun:
        """The run once it has ended."""
        wait_until(lambda: self.run(person, run.id).status not in ("pending", "running"), 120)
        return self.run(person, run.id)

    def trained(self, person: Person, dataset: str | pa.Table, **wanted: Any) -> model_pb2.Model:
        """The model at the version that a training made."""
        run = self.ended(person, self.begin(person, dataset, **wanted))
        assert run.status == "succeeded", run.error
        return self.get(person, run.model_id, run.version)

    def get(self, person: Person, model_id: str, version: int = 0) -> model_pb2.Model:
        request = model_service_pb2.GetModelRequest(id=model_id, version=version)
        return self.models.GetModel(request, metadata=person.metadata)

    def predict(self, person: Person, model_id: str, *rows: dict[str, Any], version: int = 0) -> Any:
        request = prediction_service_pb2.PredictRequest(model_id=model_id, version=version)
        for row in rows:
            request.rows.add().update(row)
        return self.predictions.Predict(request, metadata=person.metadata)

    def policy(self, person: Person, *attributes: str, **fields: Any) -> Any:
        request = gate_service_pb2.UpdateDeploymentPolicyRequest(protected_attributes=attributes, **fields)
        return self.policies.UpdateDeploymentPolicy(request, metadata=person.metadata)

    def report(self, person: Person, model: model_pb2.Model, figures: dict[str, Any], **changes: Any) -> Any:
        """Records a fairness report on the model at its version."""
        values: dict[str, Any] = {
            "model_id": model.id,
            "version": int(model.version),
            "digest": model.digest,
            "kind": "fairness",
            "report_id": str(uuid4()),
            "report_digest": "0" * 64,
            **changes,
        }
        request = gate_service_pb2.RecordRequest(**values)
        request.figures.update(figures)
        return self.evidence.Record(request, metadata=self.acting(person))

    def deploy(self, person: Person, model_id: str, version: int = 0, **fields: Any) -> model_pb2.Model:
        request = model_service_pb2.DeployModelRequest(id=model_id, version=version, **fields)
        return self.models.DeployModel(request, metadata=person.metadata)

    def retire(self, person: Person, model_id: str, **fields: Any) -> model_pb2.Model:
        request = model_service_pb2.RetireModelRequest(id=model_id, **fields)
        return self.models.RetireModel(request, metadata=person.metadata)

    def gate(self, person: Person, model_id: str, version: int = 0) -> Any:
        request = model_service_pb2.EvaluateGateRequest(id=model_id, version=version)
        return self.models.EvaluateGate(request, metadata=person.metadata)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows by a superuser, who sees every organisation."""
        with psycopg.connect(self.service_database.admin_url) as connection:
            connection.execute("set search_path to raia_ml, raia_log")
            found = connection.execute(query, parameters)
            return found.fetchall() if found.description else []

    def events(self, key: str) -> list[str]:
        """The events of a model or run by name, in order."""
        wait_until(lambda: not self.rows("select 1 from outbox"))
        found = self.rows("select type from raia_log.event where key = %s order by position", key)
        return [kind.rpartition(".")[2] for (kind,) in found]

    def audited(self, person: Person, action: str, outcome: str = "success") -> list[dict[str, Any]]:
        found = self.rows(
            "select details from audit_entry where org_id = %s and action = %s and outcome = %s order by id",
            person.org_id,
            action,
            outcome,
        )
        return [details for (details,) in found]
