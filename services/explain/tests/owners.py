"""A gRPC server that implements the contracts of ml, ingest and auth which explain calls, over models made here.

Access is checked by the token's organisation and user alone: what those services check themselves is tested there.
"""

import io
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import grpc
import pandas as pd
import pyarrow as pa
import raia_scoring
from google.protobuf.json_format import MessageToDict, ParseDict
from grpc_status import rpc_status
from joserfc import jwt
from joserfc.jwk import OKPKey
from raia.auth.v1 import token_service_pb2, token_service_pb2_grpc
from raia.ingest.v1 import dataset_pb2, dataset_service_pb2_grpc, reader_service_pb2, reader_service_pb2_grpc
from raia.ml.v1 import (
    artifact_service_pb2,
    artifact_service_pb2_grpc,
    gate_pb2,
    gate_service_pb2_grpc,
    model_pb2,
    model_service_pb2_grpc,
)
from raia_kit.errors import NotFound, PermissionDenied, RaiaError, Unavailable
from raia_kit.identity import unverified_claims
from raia_kit.status import to_status
from raia_scoring import ScoringModel

from .models import numbers

_TYPES = {"i": "integer", "u": "integer", "f": "float", "b": "boolean"}


@dataclass
class Owned:
    """One model with the dataset that it was trained from, of one organisation."""

    org_id: UUID
    model: ScoringModel
    frame: pd.DataFrame
    holdout: list[int]
    favourable_class: str = "yes"
    project_id: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    dataset_id: str = field(default_factory=lambda: str(uuid4()))
    target: str = "label"
    version: str = "1"

    def __post_init__(self) -> None:
        self.artifact = raia_scoring.save(self.model)
        self.digest = sha256(self.artifact).hexdigest()
        self.table = table = pa.Table.from_pandas(self.frame, preserve_index=False)
        self.most_bytes: int | None = None
        self.columns = {
            name: "string"
            if table.schema.field(name).type in (pa.string(), pa.large_string())
            else _type(self.frame[name])
            for name in table.column_names
        }

    def rows(self, columns: Sequence[str]) -> bytes:
        """The rows as Arrow IPC, cut off after ``most_bytes``."""
        sink = io.BytesIO()
        table = self.table.select(list(columns)) if columns else self.table
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
        return sink.getvalue()[: self.most_bytes]


def _type(values: "pd.Series[Any]") -> str:
    return _TYPES.get(values.dtype.kind, "string")


class Owners(
    model_service_pb2_grpc.ModelServiceServicer,
    artifact_service_pb2_grpc.ArtifactServiceServicer,
    gate_service_pb2_grpc.EvidenceServiceServicer,
    dataset_service_pb2_grpc.DatasetServiceServicer,
    reader_service_pb2_grpc.DatasetReaderServicer,
    token_service_pb2_grpc.TokenServiceServicer,
):
    """What was asked of it is counted."""

    def __init__(self, key: OKPKey) -> None:
        self.key = key
        self.owned: dict[str, Owned] = {}
        self.without_rows: set[str] = set()
        self.evidence: dict[str, Any] = {}
        self.recorded = 0
        self.read = 0
        self.columns_read: list[list[str]] = []
        self.record_refusals: list[RaiaError] = []
        self.lost_answers: list[RaiaError] = []
        self.withdrawn: list[str] = []
        self.hold_reading = threading.Event()
        self.hold_reading.set()
        self.serve(0)

    def serve(self, port: int) -> None:
        """Serves on a port; a free one when 0."""
        self.server = grpc.server(ThreadPoolExecutor(20))
        for add in (
            model_service_pb2_grpc.add_ModelServiceServicer_to_server,
            artifact_service_pb2_grpc.add_ArtifactServiceServicer_to_server,
            gate_service_pb2_grpc.add_EvidenceServiceServicer_to_server,
            dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server,
            reader_service_pb2_grpc.add_DatasetReaderServicer_to_server,
            token_service_pb2_grpc.add_TokenServiceServicer_to_server,
        ):
            add(self, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def close(self) -> None:
        self.hold_reading.set()
        self.server.stop(0).wait()

    def add(self, owned: Owned) -> Owned:
        self.owned[owned.id] = self.owned[owned.dataset_id] = owned
        return owned

    def GetModel(self, request: Any, context: grpc.ServicerContext) -> model_pb2.Model:
        return self._shown(self._find("model", request.id, context))

    def ReadArtifact(self, request: Any, context: grpc.ServicerContext) -> Any:
        owned = self._find("model", request.model_id, context, internal=True)
        data = owned.artifact if request.part == "model" else numbers(owned.holdout)
        answer = artifact_service_pb2.ReadArtifactResponse(model=self._shown(owned), sha256=sha256(data).hexdigest())
        if request.describe_only:
            yield answer
            return
        for start in range(0, len(data), 1024**2):
            answer.data = data[start : start + 1024**2]
            yield answer
            answer = artifact_service_pb2.ReadArtifactResponse()

    def Record(self, request: Any, context: grpc.ServicerContext) -> gate_pb2.Evidence:
        owned = self._find("model", request.model_id, context, internal=True)
        if self.record_refusals:
            _abort(context, self.record_refusals.pop(0))
        assert request.digest == owned.digest
        if request.withdraw:
            self.withdrawn.append(request.report_id)
            if self.evidence.pop(request.report_id, None) is None:
                _abort(context, NotFound.of("evidence", request.report_id))
            return gate_pb2.Evidence(report_id=request.report_id, withdrawn=True)
        self.recorded += 1
        self.evidence[request.report_id] = MessageToDict(request, preserving_proto_field_name=True)
        if self.lost_answers:
            _abort(context, self.lost_answers.pop(0))
        return gate_pb2.Evidence(report_id=request.report_id)

    def GetDataset(self, request: Any, context: grpc.ServicerContext) -> dataset_pb2.Dataset:
        owned = self._find("dataset", request.id, context)
        if self._claims(context).get("sub") in self.without_rows:
            _abort(context, PermissionDenied("datasets.read is needed", reason="PERMISSION_MISSING"))
        message = dataset_pb2.Dataset(id=owned.dataset_id, status="ready", version=1, row_count=len(owned.frame))
        columns = [{"name": name, "type": kind} for name, kind in owned.columns.items()]
        ParseDict({"columns": columns}, message.schema_info)
        return message

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        owned = self._find("dataset", request.dataset_id, context, internal=True)
        self.read += 1
        self.columns_read.append(list(request.columns))
        data = owned.rows(request.columns)
        while not self.hold_reading.wait(0.05):
            if not context.is_active():
                return
        answer = reader_service_pb2.ReadResponse(
            version=1, sha256=sha256(owned.rows(())).hexdigest(), row_count=len(owned.frame)
        )
        for start in range(0, len(data), 1024**2):
            answer.data = data[start : start + 1024**2]
            yield answer
            answer = reader_service_pb2.ReadResponse()

    def Exchange(self, request: Any, context: grpc.ServicerContext) -> token_service_pb2.ExchangedToken:
        now = int(time.time())
        claims = {
            "iss": "raia",
            "aud": "raia",
            "iat": now,
            "exp": now + 300,
            "sub": request.user_id,
            "org": request.org_id,
            "act": {"sub": "explain"},
            "scope": " ".join(request.permissions),
        }
        token = jwt.encode({"alg": "Ed25519", "kid": self.key.kid}, claims, self.key, algorithms=["Ed25519"])
        return token_service_pb2.ExchangedToken(access_token=token, expires_in=300)

    def _find(self, kind: str, resource_id: str, context: grpc.ServicerContext, *, internal: bool = False) -> Owned:
        claims = self._claims(context)
        if internal and claims.get("act") != {"sub": "explain"}:
            _abort(context, PermissionDenied("for services", reason="SERVICE_NOT_ALLOWED"))
        owned = self.owned.get(resource_id)
        if owned is None or str(owned.org_id) != claims["org"]:
            _abort(context, NotFound.of(kind, resource_id))
        return owned

    @staticmethod
    def _claims(context: grpc.ServicerContext) -> dict[str, Any]:
        return unverified_claims(dict(context.invocation_metadata())["authorization"].removeprefix("Bearer "))

    @staticmethod
    def _shown(owned: Owned) -> model_pb2.Model:
        message = model_pb2.Model(
            id=owned.id,
            name="model",
            type=owned.model.kind,
            algorithm=owned.model.algorithm,
            version=owned.version,
            digest=owned.digest,
            project_id=owned.project_id,
            signature=model_pb2.Signature(
                inputs=[model_pb2.FeatureSpec(name=each.name, kind=each.kind) for each in owned.model.signature.inputs],
                classes=owned.model.classes,
            ),
        )
        training = {
            "dataset_id": owned.dataset_id,
            "dataset_version": 1,
            "target": owned.target,
            "favourable_class": owned.favourable_class,
        }
        ParseDict(training, message.training_data_info)
        return message


def away() -> Unavailable:
    """What a service answers that cannot be reached for now."""
    return Unavailable("away", reason="DATABASE_UNAVAILABLE")


def _abort(context: grpc.ServicerContext, error: RaiaError) -> Any:
    context.abort_with_status(rpc_status.to_status(to_status(error, service="ml", request_id="r")))
