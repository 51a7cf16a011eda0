"""The token exchange through the running service."""

import secrets
from uuid import UUID

import grpc
import pytest
from raia.auth.v1 import token_service_pb2, token_service_pb2_grpc, user_service_pb2
from raia_auth.access.repository import SqlAccessRepository
from raia_auth.errors import ScopeNotAllowed
from raia_auth.tokens.service import ExchangeService
from raia_kit.errors import PermissionDenied, Unauthenticated
from raia_kit.identity import TokenVerifier, unverified_claims
from raia_kit.ids import new_id

from ..rig import bearer, failure_of


@pytest.fixture(scope="module")
def allowing(rig):
    """The exchange with permissions that no contract lists yet."""
    listed = {"ml": frozenset({"datasets.read", "models.train"})}
    return ExchangeService(
        rig.runtime.database,
        rig.assembly.repositories.memberships,
        SqlAccessRepository(),
        rig.assembly.issuer,
        lambda service: listed.get(service, frozenset()),
    )


def exchange(rig, token, **request):
    stub = token_service_pb2_grpc.TokenServiceStub(rig.channel)
    return stub.Exchange(token_service_pb2.ExchangeRequest(**request), metadata=bearer(token))


def verified(rig, token):
    return TokenVerifier(rig.assembly.ring.public_keys, rig.settings.issuer).verify(token)


def test_a_service_acts_for_a_user_for_five_minutes(rig):
    person = rig.register()
    token = rig.identity("ingest").exchange(UUID(person.id), person.org, "job-7")
    caller = verified(rig, token)
    assert (str(caller.user_id), caller.org_id, caller.service, caller.job_id) == (
        person.id,
        person.org,
        "ingest",
        "job-7",
    )
    assert caller.scope == frozenset()
    claims = unverified_claims(token)
    assert claims["exp"] - claims["iat"] == 300


def test_the_scope_is_what_both_the_jobs_and_the_user_may(rig, allowing):
    admin = rig.register()
    analyst = rig.hire(admin, "analyst")
    wanted = ["datasets.read", "models.train"]
    full = allowing.exchange("ml", UUID(admin.id), admin.org, "j", wanted)
    assert verified(rig, full.token).scope == {"datasets.read", "models.train"}
    less = allowing.exchange("ml", UUID(analyst.id), analyst.org, "j", wanted)
    assert verified(rig, less.token).scope == {"datasets.read"}


def test_grants_on_projects_and_resources_count(rig, allowing):
    admin = rig.register()
    viewer = rig.hire(admin, "viewer")
    rig.rows(
        "insert into project_grant values (%s, %s, %s, '{data_scientist}')", admin.org_id, str(new_id()), viewer.id
    )
    token = allowing.exchange("ml", UUID(viewer.id), viewer.org, "j", ["models.train"])
    assert verified(rig, token.token).scope == {"models.train"}


def test_no_service_gets_what_no_contract_lists_for_its_jobs(rig):
    person = rig.register()
    with pytest.raises(PermissionDenied) as caught:
        rig.identity("ml").exchange(UUID(person.id), person.org, "j", ["users.manage"])
    assert caught.value.reason == "SCOPE_NOT_ALLOWED"
    assert caught.value.metadata == {"service": "ml", "permission": "users.manage"}


def test_a_service_gets_no_permissions_for_itself(rig, allowing):
    with pytest.raises(ScopeNotAllowed):
        allowing.exchange("ml", None, None, "", ["datasets.read"])
    caller = verified(rig, rig.identity("ml").exchange(None, None))
    assert (caller.user_id, caller.org_id, caller.service, caller.scope) == (None, None, "ml", frozenset())


def test_only_active_members_are_acted_for(rig):
    admin, stranger = rig.register(), rig.register()
    member = rig.hire(admin, "user")
    identity = rig.identity("ingest")
    rig.users.UpdateUser(user_service_pb2.UpdateUserRequest(id=member.id, is_active=False), metadata=admin.metadata)
    for user_id in (member.id, stranger.id, str(new_id())):
        with pytest.raises(PermissionDenied) as caught:
            identity.exchange(UUID(user_id), admin.org)
        assert caught.value.reason == "SUBJECT_INACTIVE"


def test_neither_a_user_nor_an_exchanged_token_can_exchange(rig):
    person = rig.register()
    refused = failure_of(lambda: exchange(rig, person.tokens.access_token))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SERVICE_NOT_ALLOWED")
    token = rig.identity("ingest").exchange(UUID(person.id), person.org)
    assert failure_of(lambda: exchange(rig, token)).reason == "ASSERTION_REQUIRED"


def test_a_service_with_another_key_is_nobody(rig):
    impostor = rig.identity("ingest")
    impostor.service = "ml"
    with pytest.raises(Unauthenticated):
        impostor.exchange(None, None, secrets.token_hex(3))


def test_acting_for_a_user_needs_an_organisation(rig):
    person = rig.register()
    assertion = rig.identity("ingest").assertion()
    failure = failure_of(lambda: exchange(rig, assertion, user_id=person.id))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("org_id",))


def test_an_acting_service_cannot_change_the_account(rig):
    from raia.auth.v1 import authentication_service_pb2 as authn

    person = rig.register()
    token = rig.identity("ingest").exchange(UUID(person.id), person.org)
    failure = failure_of(lambda: rig.authn.Logout(authn.LogoutRequest(), metadata=bearer(token)))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
