"""A running auth service: real gRPC server with the whole chain, real database, relay, sequencer and access index."""

import base64
import json
import os
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from joserfc.jwk import OKPKey
from raia.auth.v1 import authentication_service_pb2 as authn
from raia.auth.v1 import authentication_service_pb2_grpc, user_service_pb2, user_service_pb2_grpc
from raia_auth.bootstrap import compose
from raia_auth.settings import AuthSettings
from raia_kit.channels import ServiceChannels
from raia_kit.identity import ServiceIdentity
from raia_kit.service import process_of
from raia_launcher.postgres import free_port
from raia_testing.postgres import ServiceDatabase

SERVICES = ("auth", "ingest", "ml", "gateway")


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@dataclass(frozen=True)
class Failure:
    """How a call failed."""

    code: grpc.StatusCode
    reason: str
    message: str
    fields: tuple[str, ...]
    retry_after: float | None


def failure_of(call: Callable[[], Any]) -> Failure:
    """Makes a call that must fail and says how it did."""
    try:
        answer = call()
        list(answer) if hasattr(answer, "__next__") else None
    except grpc.RpcError as error:
        metadata = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(metadata.get("grpc-status-details-bin", b""))
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        wait = None
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(bad)
            if detail.Unpack(retry):
                wait = retry.retry_delay.ToTimedelta().total_seconds()
        fields = tuple(violation.field for violation in bad.field_violations)
        return Failure(error.code(), info.reason, error.details(), fields, wait)
    raise AssertionError("the call was to fail")


def bearer(token: str, **more: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}"), *more.items()]


@dataclass(frozen=True)
class Person:
    """A user of the running service, signed in."""

    rig: "Rig"
    id: str
    org_id: str
    email: str
    password: str
    tokens: authn.Tokens

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return bearer(self.tokens.access_token)

    @property
    def org(self) -> UUID:
        return UUID(self.org_id)


class Rig:
    """Starts everything; ``close`` stops it."""

    def __init__(self, database: ServiceDatabase, folder: Path, **settings: Any) -> None:
        self.stack = ExitStack()
        self.service_database, self.database = database, database.database
        self.identities, keys = self._identities(folder)
        port = free_port()
        self.settings = AuthSettings(
            envelope_key=base64.b64encode(os.urandom(32)).decode(),
            service_keys_file=keys,
            database_url=database.url,
            database_pool=8,
            grpc_port=port,
            services={"auth": f"127.0.0.1:{port}"},
            **{"sign_in_failure_seconds": 0.0, "rate_limit_sign_in": 1_000_000, **settings},
        )
        self.service, self.assembly = compose(self.settings)
        self.runtime = self.service.runtime
        self.log = self.runtime.log
        self.process = process_of(self.service)
        self.service.prepare()
        self.process.start()
        self.stack.callback(self.process.stop)
        wait_until(self._serving)
        self.server = self.process.server
        self.sequencer = self.process.running["consumer ledger"]
        self.channel = grpc.insecure_channel(self.server.address)
        self.stack.callback(self.channel.close)
        self.authn = authentication_service_pb2_grpc.AuthenticationServiceStub(self.channel)
        self.users = user_service_pb2_grpc.UserServiceStub(self.channel)

    def _serving(self) -> bool:
        self.process.watch()
        return self.process.serving

    def _identities(self, folder: Path) -> tuple[dict[str, Path], Path]:
        files, public = {}, {}
        for name in SERVICES:
            pair = OKPKey.generate_key("Ed25519")
            files[name] = folder / f"{name}.jwk"
            files[name].write_text(json.dumps(pair.as_dict(private=True)))
            public[name] = pair.as_dict(private=False)
        keys = folder / "services.jwks"
        keys.write_text(json.dumps(public))
        return files, keys

    def identity(self, name: str) -> ServiceIdentity:
        """A service's own proof, towards the running server."""
        channels = ServiceChannels(self.settings)
        self.stack.callback(channels.close)
        return ServiceIdentity(name, self.identities[name], channels)

    def close(self) -> None:
        self.stack.close()

    # --- people

    def login(self, email: str, password: str, **more: str) -> authn.Tokens:
        return self.authn.Login(authn.LoginRequest(email=email, password=password, **more))

    def register(self, **more: str) -> Person:
        """Somebody with an organisation of their own, signed in."""
        email, password = f"{secrets.token_hex(6)}@example.org", f"pass phrase {secrets.token_hex(6)}"
        user = self.authn.Register(authn.RegisterRequest(email=email, password=password, **more))
        return self.sign_in(user.id, email, password)

    def hire(self, admin: Person, *roles: str) -> Person:
        """Somebody in the admin's organisation, signed in."""
        email, password = f"{secrets.token_hex(6)}@example.org", f"pass phrase {secrets.token_hex(6)}"
        request = user_service_pb2.CreateUserRequest(email=email, password=password, roles=roles)
        user = self.users.CreateUser(request, metadata=admin.metadata)
        return self.sign_in(user.id, email, password)

    def sign_in(self, user_id: str, email: str, password: str) -> Person:
        tokens = self.login(email, password)
        me = self.authn.GetMe(authn.GetMeRequest(), metadata=bearer(tokens.access_token))
        return Person(self, user_id, me.organisation.id, email, password, tokens)

    # --- the database behind the service

    def rows(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.service_database.admin_url, autocommit=True) as connection:
            connection.execute("set search_path to raia_auth, public")
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def audited(self, org_id: str, action: str) -> list[tuple[str, str, str]]:
        """Actor, outcome and reason of the organisation's entries for an action, in order."""
        return self.rows(
            "select coalesce(actor_user_id::text, ''), outcome, reason from audit_entry"
            " where org_id = %s and action = %s order by id",
            org_id,
            action,
        )
