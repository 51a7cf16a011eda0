"""The access snapshot through the running service, and what indexes make of it."""

import threading
from uuid import UUID

import grpc
import pytest
from raia.auth.v1 import access_service_pb2, access_service_pb2_grpc, user_service_pb2
from raia_auth.roles import ROLES
from raia_kit.access import AccessIndex, AuthAccessSource
from raia_kit.channels import ServiceChannels
from raia_kit.context import Caller
from raia_kit.events import cursor
from raia_kit.ids import new_id

from ..rig import bearer, failure_of, wait_until


def snapshot(rig):
    stub = access_service_pb2_grpc.AccessServiceStub(rig.channel)
    metadata = bearer(rig.identity("ingest").assertion())
    return list(stub.GetSnapshot(access_service_pb2.GetSnapshotRequest(), metadata=metadata))


def test_it_holds_everything_and_ends_with_the_cursor(rig):
    admin = rig.register()
    viewer = rig.hire(admin, "viewer")
    project, resource = new_id(), new_id()
    rig.rows("insert into project_grant values (%s, %s, %s, '{analyst}')", admin.org_id, project, viewer.id)
    rig.rows(
        "insert into resource_grant values (%s, 'dataset', %s, %s, '{datasets.delete}')",
        admin.org_id,
        resource,
        viewer.id,
    )
    rig.rows("insert into project_restriction values (%s, %s, true)", admin.org_id, project)
    rig.assembly.administration.reset_password(viewer.email, "reset by an operator")
    parts = snapshot(rig)
    assert [bool(part.cursor) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {place.topic for place in cursor.decode(parts[-1].cursor)} == {"raia.auth.access", "raia.auth.session"}
    roles = {role.name: frozenset(role.permissions) for part in parts for role in part.roles}
    assert roles == {role.name: role.permissions for role in ROLES.values()}
    members = {(m.org_id, m.user_id): (list(m.roles), m.active) for part in parts for m in part.memberships}
    assert members[admin.org_id, admin.id] == (["admin"], True)
    assert members[admin.org_id, viewer.id] == (["viewer"], True)
    assert str(project) in {grant.project_id for part in parts for grant in part.project_grants}
    assert str(resource) in {grant.resource_id for part in parts for grant in part.resource_grants}
    assert str(project) in {one.project_id for part in parts for one in part.project_restrictions}
    revoked = rig.rows("select session_id from user_sessions where user_id = %s", viewer.id)
    assert {one for (one,) in revoked} <= {session.session_id for part in parts for session in part.revoked_sessions}


def test_parts_hold_a_thousand_at_most(rig):
    org = new_id()
    rig.rows(
        "insert into membership (org_id, user_id, name, roles, is_active)"
        " select %s, gen_random_uuid(), '', '{viewer}', true from generate_series(1, 2500)",
        org,
    )
    parts = snapshot(rig)
    assert max(len(part.memberships) for part in parts) == 1000
    found = {m.user_id for part in parts for m in part.memberships if m.org_id == str(org)}
    assert len(found) == 2500


def test_users_cannot_see_it(rig):
    stub = access_service_pb2_grpc.AccessServiceStub(rig.channel)
    metadata = rig.register().metadata
    failure = failure_of(lambda: stub.GetSnapshot(access_service_pb2.GetSnapshotRequest(), metadata=metadata))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.slow
def test_an_index_loaded_amid_changes_ends_up_as_the_tables_are(rig):
    admin = rig.register()
    people = [rig.hire(admin, "viewer") for _ in range(4)]
    stop = threading.Event()

    def change():
        turn = 0
        while not stop.is_set():
            turn += 1
            for person in people:
                roles = ["analyst"] if turn % 2 else ["viewer"]
                rig.users.UpdateUser(
                    user_service_pb2.UpdateUserRequest(id=person.id, roles=roles), metadata=admin.metadata
                )

    thread = threading.Thread(target=change)
    thread.start()
    channels = ServiceChannels(rig.settings)
    indexes = [AccessIndex(AuthAccessSource(channels, rig.identity("ingest")), rig.log) for _ in range(5)]
    try:
        for index in indexes:
            index.start()
            assert index.wait_current(10)
    finally:
        stop.set()
        thread.join()
    stored = dict(rig.rows("select user_id::text, roles from membership where org_id = %s", admin.org_id))
    try:
        for index in indexes:
            for person in people:
                caller = Caller(UUID(person.id), admin.org)
                wait_until(lambda i=index, c=caller, p=person: list(i.roles(c)) == stored[p.id])
    finally:
        for index in indexes:
            index.stop()
        channels.close()
