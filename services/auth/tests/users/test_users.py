"""Users of an organisation through the running service."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from raia.auth.v1 import authentication_service_pb2 as authn
from raia.auth.v1 import user_service_pb2 as pb2
from raia_kit.ids import new_id

from ..rig import bearer, failure_of, wait_until

CODE = grpc.StatusCode


@pytest.fixture(scope="module")
def admin(rig):
    return rig.register(name="Grace", organisation_name="Compilers")


def update(rig, person, user_id, **changes):
    return rig.users.UpdateUser(pb2.UpdateUserRequest(id=user_id, **changes), metadata=person.metadata)


def listed(rig, person, **request):
    return rig.users.ListUsers(pb2.ListUsersRequest(**request), metadata=person.metadata)


def test_created_users_have_the_roles_given_or_user(rig, admin):
    request = pb2.CreateUserRequest(
        email="New.One@Example.org", password="an ordinary phrase", name=" New ", roles=["auditor", "viewer"]
    )
    created = rig.users.CreateUser(request, metadata=admin.metadata)
    assert (created.email, created.name, created.role) == ("new.one@example.org", "New", "auditor")
    assert list(created.roles) == ["auditor", "viewer"]
    assert created.is_active
    assert not created.HasField("last_login")
    assert rig.users.GetUser(pb2.GetUserRequest(id=created.id), metadata=admin.metadata) == created
    plain = rig.users.CreateUser(
        pb2.CreateUserRequest(email="plain@example.org", password="an ordinary phrase"), metadata=admin.metadata
    )
    assert list(plain.roles) == ["user"]
    rig.login("plain@example.org", "an ordinary phrase")


def test_a_repeated_create_with_its_key_is_done_once(rig, admin):
    request = pb2.CreateUserRequest(email="once@example.org", password="an ordinary phrase", request_id="k1")
    first = rig.users.CreateUser(request, metadata=admin.metadata)
    assert rig.users.CreateUser(request, metadata=admin.metadata) == first
    assert len(rig.audited(admin.org_id, "user.create")) == len(
        rig.rows("select 1 from membership where org_id = %s and user_id <> %s", admin.org_id, admin.id)
    )


def test_an_address_of_another_organisation_is_taken(rig, admin):
    stranger = rig.register()
    request = pb2.CreateUserRequest(email=stranger.email, password="an ordinary phrase")
    assert failure_of(lambda: rig.users.CreateUser(request, metadata=admin.metadata)).reason == "EMAIL_TAKEN"


def test_lists_are_filtered_ordered_and_paged(rig):
    admin = rig.register()
    people = [rig.hire(admin, role) for role in ("viewer", "analyst", "viewer", "auditor")]
    everybody = listed(rig, admin).users
    assert [user.id for user in everybody] == [person.id for person in reversed(people)] + [admin.id]
    viewers = listed(rig, admin, filter='role = "viewer" AND is_active = true', order_by="email").users
    assert [user.email for user in viewers] == sorted([people[0].email, people[2].email])
    pages, token = [], ""
    while True:
        page = listed(rig, admin, page_size=2, page_token=token, order_by="created_at")
        pages += page.users
        token = page.next_page_token
        if not token:
            break
    assert [user.id for user in pages] == [user.id for user in reversed(everybody)]
    assert failure_of(lambda: listed(rig, admin, filter="password_hash = 1")).code is CODE.INVALID_ARGUMENT


def test_users_of_other_organisations_look_absent(rig, admin):
    stranger = rig.register()
    for user_id in (stranger.id, str(new_id())):
        calls = [
            lambda user_id=user_id: rig.users.GetUser(pb2.GetUserRequest(id=user_id), metadata=admin.metadata),
            lambda user_id=user_id: update(rig, admin, user_id, name="x"),
        ]
        for call in calls:
            failure = failure_of(call)
            assert (failure.code, failure.reason) == (CODE.NOT_FOUND, "RESOURCE_NOT_FOUND")
            assert failure.message == f"user {user_id} was not found"
    assert all(user.id != stranger.id for user in listed(rig, admin).users)


def test_roles_that_lack_the_permission_are_denied(rig, admin):
    viewer, auditor = rig.hire(admin, "viewer"), rig.hire(admin, "auditor")
    assert failure_of(lambda: listed(rig, viewer)).code is CODE.PERMISSION_DENIED
    assert listed(rig, auditor).users
    assert failure_of(lambda: update(rig, auditor, viewer.id, name="x")).code is CODE.PERMISSION_DENIED
    assert ("denied") in {outcome for _, outcome, _ in rig.audited(admin.org_id, "user.update")}


def test_an_update_changes_what_it_names(rig, admin):
    person = rig.hire(admin, "viewer")
    changed = update(rig, admin, person.id, name="Renamed", roles=["analyst"], update_mask=FieldMask(paths=["name"]))
    assert (changed.name, list(changed.roles)) == ("Renamed", ["viewer"])
    changed = update(rig, admin, person.id, roles=["analyst", "viewer"])
    assert (changed.name, changed.role, list(changed.roles)) == ("Renamed", "analyst", ["analyst", "viewer"])
    assert changed.updated_at.ToDatetime() > changed.created_at.ToDatetime()


def test_an_etag_guards_concurrent_edits(rig, admin):
    person = rig.hire(admin, "viewer")
    seen = rig.users.GetUser(pb2.GetUserRequest(id=person.id), metadata=admin.metadata)
    update(rig, admin, person.id, name="First", etag=seen.etag)
    stale = failure_of(lambda: update(rig, admin, person.id, name="Second", etag=seen.etag))
    assert (stale.code, stale.reason) == (CODE.ABORTED, "ETAG_MISMATCH")


def test_new_roles_take_effect_within_seconds(rig, admin):
    person = rig.hire(admin, "viewer")
    assert failure_of(lambda: listed(rig, person)).code is CODE.PERMISSION_DENIED
    update(rig, admin, person.id, roles=["auditor"])
    wait_until(lambda: works(lambda: listed(rig, person)), 3)
    update(rig, admin, person.id, roles=["viewer"])
    wait_until(lambda: not works(lambda: listed(rig, person)), 3)


def works(call):
    try:
        call()
    except grpc.RpcError:
        return False
    return True


def test_deactivating_ends_sessions_and_sign_in_until_reactivated(rig, admin):
    person = rig.hire(admin, "viewer")
    assert not update(rig, admin, person.id, is_active=False).is_active
    wait_until(lambda: not works(lambda: rig.authn.GetMe(authn.GetMeRequest(), metadata=person.metadata)), 3)
    refused = failure_of(lambda: rig.login(person.email, person.password))
    assert (refused.code, refused.reason) == (CODE.PERMISSION_DENIED, "ACCOUNT_INACTIVE")
    refresh = authn.RefreshRequest(refresh_token=person.tokens.refresh_token)
    assert failure_of(lambda: rig.authn.Refresh(refresh)).reason == "REFRESH_TOKEN_INVALID"
    update(rig, admin, person.id, is_active=True)
    tokens = rig.login(person.email, person.password)
    wait_until(lambda: works(lambda: rig.authn.GetMe(authn.GetMeRequest(), metadata=bearer(tokens.access_token))), 3)


def test_the_last_admin_stays(rig):
    admin = rig.register()
    for change in ({"is_active": False}, {"roles": ["viewer"]}):
        failure = failure_of(lambda change=change: update(rig, admin, admin.id, **change))
        assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "LAST_ADMIN")
    second = rig.hire(admin, "admin")
    assert list(update(rig, second, admin.id, roles=["viewer"]).roles) == ["viewer"]


def test_two_admins_cannot_remove_each_other_at_once(rig):
    for _ in range(5):
        admin = rig.register()
        second = rig.hire(admin, "admin")

        def demote(pair):
            return works(lambda: update(rig, pair[0], pair[1].id, roles=["viewer"]))

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(demote, [(admin, second), (second, admin)])) == 1


def test_unknown_roles_are_refused(rig, admin):
    request = pb2.CreateUserRequest(email="r@example.org", password="an ordinary phrase", roles=["root"])
    failure = failure_of(lambda: rig.users.CreateUser(request, metadata=admin.metadata))
    assert failure.code is CODE.INVALID_ARGUMENT
    assert failure.fields[0].startswith("roles")
