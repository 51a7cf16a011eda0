import pytest
from raia_auth.roles import ADMIN, PERMISSIONS, ROLES, permissions_of
from raia_kit.contract import all_methods

pytestmark = pytest.mark.fast

NOT_IN_CONTRACTS_YET = {
    "chat.use", "documents.create", "documents.delete", "documents.read", "events.publish", "explanations.create",
    "explanations.read", "exports.create", "exports.delete", "exports.read", "fairness.analyze", "fairness.read",
    "models.delete", "models.deploy", "models.predict", "models.read", "models.retire", "models.train",
    "operations.manage", "operations.read", "policies.manage", "policies.read", "projects.admin",
}  # fmt: skip


def contract_permissions() -> set[str]:
    return {m.permission for m in all_methods() if m.permission} | {p for m in all_methods() for p in m.job_permissions}


def test_the_seven_built_in_roles_stand():
    assert set(ROLES) == {"admin", "analyst", "data_scientist", "risk_officer", "auditor", "user", "viewer"}


def test_admin_holds_every_permission_that_a_contract_names():
    assert contract_permissions() <= ROLES[ADMIN].permissions


def test_no_role_names_a_permission_without_description_or_contract():
    for role in ROLES.values():
        assert role.permissions <= set(PERMISSIONS), role.name
        assert role.permissions <= contract_permissions() | NOT_IN_CONTRACTS_YET, role.name


def test_the_auditor_changes_nothing():
    verbs = {name.rsplit(".", 1)[1] for name in ROLES["auditor"].permissions - {"exports.create"}}
    assert verbs == {"read"}


def test_roles_add_up_and_unknown_ones_grant_nothing():
    assert permissions_of(["viewer", "no-such-role"]) == ROLES["viewer"].permissions
    assert permissions_of(["user", "auditor"]) == ROLES["user"].permissions | ROLES["auditor"].permissions
    assert permissions_of([]) == frozenset()
