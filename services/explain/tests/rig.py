"""A running explain service: real gRPC server, database, relay, jobs and compute children; its neighbours stand in."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import OKPKey
from raia.auth.v1 import access_pb2
from raia.explain.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    fairness_service_pb2,
    fairness_service_pb2_grpc,
)
from raia_explain.bootstrap import build
from raia_explain.fairness.repository import FairnessRepository
from raia_explain.settings import ExplainSettings
from raia_kit.access import Part
from raia_kit.events import cursor
from raia_kit.runtime import Runtime
from raia_kit.service import process_of
from raia_testing.postgres import ServiceDatabase

from .models import fitted
from .owners import Owned, Owners

ROLES = {
    "analyst": ("models.read", "datasets.read", "explanations.read", "fairness.read", "fairness.analyze"),
    "viewer": ("models.read", "explanations.read", "fairness.read"),
    "nobody": (),
}
SEX = {"name": "sex", "column": "sex"}
AGE = {"name": "age", "column": "age", "bins": [30, 60]}


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
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


class Rig:
    """Starts everything; ``close`` stops it."""

    def __init__(self, database: ServiceDatabase, folder: Path, **settings: Any) -> None:
        self.service_database, self.folder = database, folder
        self.key = OKPKey.generate_key("Ed25519", auto_kid=True)
        self.owners = Owners(self.key)
        self.everybody = Everybody()
        key_file = folder / "key.json"
        key_file.write_text(json.dumps(OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True)))
        neighbours = dict.fromkeys(("ml", "ingest", "auth"), f"127.0.0.1:{self.owners.port}")
        self.settings = ExplainSettings(
            database_url=database.database.url,
            database_pool=8,
            objects_url=f"file://{folder / 'objects'}",
            scratch_folder=folder,
            service_key_file=key_file,
            services=neighbours,
            **{"rate_limit_default": 1_000_000, "rate_limit_heavy": 1_000_000, **settings},
        )
        self.runtime = Runtime(self.settings)
        self.runtime.jwks_source = lambda: [self.key.as_dict(private=False)]
        self.runtime.access_source = self.everybody
        self.service = build(self.settings, self.runtime)
        self.explaining = self.service.servicers[0].implementation._explanations
        self.results = self.explaining._results
        self.reports = FairnessRepository()
        self.process = process_of(self.service)
        self.service.prepare()
        self.process.start()
        wait_until(self._serving)
        self.channel = grpc.insecure_channel(self.process.server.address)
        self.explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self.channel)
        self.fairness = fairness_service_pb2_grpc.FairnessServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.owners.hold_reading.set()
        self.process.stop()
        self.owners.close()

    def _serving(self) -> bool:
        self.process.watch()
        return self.process.serving

    def hire(self, role: str = "analyst", org_id: UUID | None = None) -> Person:
        """A new person, of a new organisation unless one is given."""
        org, user = org_id or uuid4(), uuid4()
        self.everybody.memberships.append(
            access_pb2.Membership(org_id=str(org), user_id=str(user), roles=[role], active=True)
        )
        self.runtime.access.load()
        if "datasets.read" not in ROLES[role]:
            self.owners.without_rows.add(str(user))
        return Person(user, org, self.bearer(sub=str(user), org=str(org), sid=str(user)))

    def bearer(self, **claims: Any) -> list[tuple[str, str]]:
        now = int(time.time())
        payload = {"iss": "raia", "aud": "raia", "iat": now, "exp": now + 3000, **claims}
        token = jwt.encode({"alg": "Ed25519", "kid": self.key.kid}, payload, self.key, algorithms=["Ed25519"])
        return [("authorization", f"Bearer {token}")]

    def model(
        self,
        person: Person,
        algorithm: str = "logistic_regression",
        kind: str = "classification",
        classes: int = 2,
        **owned: Any,
    ) -> Owned:
        """A new model of the person's organisation."""
        model, frame = fitted(algorithm, kind, classes)
        return self.owners.add(Owned(person.org_id, model, frame, list(range(0, 600, 2)), **owned))

    def shap(self, person: Person, owned: Owned, **request: Any) -> Any:
        """The SHAP explanation, after waiting long enough unless told otherwise."""
        message = explanation_service_pb2.GetShapExplanationRequest(
            **{"model_id": owned.id, "wait": {"seconds": 30}, **request}
        )
        return self.explanations.GetShapExplanation(message, metadata=person.metadata)

    def importance(self, person: Person, owned: Owned, **request: Any) -> Any:
        message = explanation_service_pb2.GetFeatureImportanceRequest(
            **{"model_id": owned.id, "wait": {"seconds": 30}, **request}
        )
        return self.explanations.GetFeatureImportance(message, metadata=person.metadata)

    def analyze(
        self, person: Person, owned: Owned, definitions: Sequence[Any] = (SEX, AGE), *, key: str = "", **request: Any
    ) -> Any:
        message = fairness_service_pb2.AnalyzeFairnessRequest(
            model_id=owned.id, protected_attributes=definitions, **request
        )
        headers = person.metadata + ([("idempotency-key", key)] if key else [])
        return self.fairness.AnalyzeFairness(message, metadata=headers)

    def report(self, person: Person, owned: Owned, report_id: str) -> Any:
        return self.fairness.GetFairnessReport(
            fairness_service_pb2.GetFairnessReportRequest(model_id=owned.id, id=report_id), metadata=person.metadata
        )

    def finished(self, person: Person, owned: Owned, report_id: str, seconds: float = 60) -> Any:
        """The report once it has ended."""
        wait_until(lambda: self.report(person, owned, report_id).status not in ("pending", "running"), seconds)
        return self.report(person, owned, report_id)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows by a superuser, who sees every organisation."""
        with psycopg.connect(self.service_database.admin_url, autocommit=True) as connection:
            connection.execute("set search_path to raia_explain, raia_log")
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def events(self, key: str) -> list[str]:
        """The events of a resource by name, in order."""
        wait_until(lambda: not self.rows("select 1 from outbox"))
        found = self.rows("select type from raia_log.event where key = %s order by position", key)
        return [kind.rpartition(".")[2] for (kind,) in found]
