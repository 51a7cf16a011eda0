"""The first administrator, and what operators do from the command line."""

from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from raia_auth.administration import ImportedUser
from raia_auth.assembly import Assembly
from raia_auth.errors import EmailTaken, PasswordWeak
from raia_auth.settings import AuthSettings
from raia_kit.errors import InvalidArgument, NotFound

KEY = "A" * 43 + "="
PASSWORD = "an operator's phrase"


@pytest.fixture
def assembly(service_database):
    return Assembly(AuthSettings(envelope_key=KEY), service_database("auth", pool_size=6).database)


def test_processes_that_start_together_create_one_first_administrator(assembly):
    def start(_):
        return assembly.administration.first_start("Admin@Example.com", PASSWORD, "RAIA")

    with ThreadPoolExecutor(6) as pool:
        made = [one for one in pool.map(start, range(6)) if one is not None]
    assert len(made) == 1
    assert made[0].email == "admin@example.com"
    assert assembly.administration.administrators() == made
    assert assembly.administration.first_start("other@example.com", PASSWORD, "RAIA") is None


def test_a_weak_password_makes_no_administrator(assembly):
    with pytest.raises(PasswordWeak):
        assembly.administration.first_start("admin@example.com", "password123", "RAIA")
    assert assembly.administration.administrators() == []


def test_administrators_join_an_organisation_by_name_or_id_or_found_one(assembly):
    first = assembly.administration.create("a@example.com", PASSWORD, "One")
    second = assembly.administration.create("b@example.com", PASSWORD, "One")
    third = assembly.administration.create("c@example.com", PASSWORD, str(first.org_id))
    other = assembly.administration.create("d@example.com", PASSWORD, "Two")
    assert first.org_id == second.org_id == third.org_id != other.org_id
    with pytest.raises(EmailTaken):
        assembly.administration.create("A@example.com", PASSWORD, "Three")
    assert [one.organisation for one in assembly.administration.administrators()] == ["One", "One", "One", "Two"]


def test_a_reset_password_works_and_ends_sessions(assembly):
    admin = assembly.administration.create("a@example.com", PASSWORD, "One")
    with assembly.database.unit_of_work(admin.org_id) as unit:
        assembly.sessions.open(unit, admin.user_id, "")
    assert assembly.administration.reset_password("A@example.com", "another phrase entirely") == 1
    with assembly.database.platform_unit_of_work() as unit:
        identity = assembly.repositories.identities.by_email(unit, "a@example.com")
    assert assembly.hasher.verify(identity.password_hash, "another phrase entirely").matches
    with pytest.raises(NotFound):
        assembly.administration.reset_password("nobody@example.com", PASSWORD)


def imported(email="i@example.com", password_hash="", name="Ida", roles=("analyst",)):
    stored = password_hash or bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return ImportedUser(email, stored, name, roles)


def test_users_of_another_system_keep_their_passwords(assembly):
    admin = assembly.administration.create("a@example.com", PASSWORD, "One")
    users = [imported("I@example.com"), imported("a@example.com"), imported("j@example.com", roles=("user", "auditor"))]
    assert assembly.administration.import_users("One", users) == (2, ["a@example.com"])
    with assembly.database.platform_unit_of_work() as unit:
        identity = assembly.repositories.identities.by_email(unit, "i@example.com")
    assert assembly.hasher.verify(identity.password_hash, PASSWORD).outdated
    with assembly.database.unit_of_work(admin.org_id) as unit:
        assert assembly.repositories.users.get(unit, identity.id).roles == ("analyst",)


@pytest.mark.parametrize(
    "wrong",
    [
        imported(password_hash="5f4dcc3b5aa765d61d8327deb882cf99"),
        imported(roles=("root",)),
        imported(roles=()),
        imported(email="nobody"),
    ],
)
def test_of_users_one_of_whom_cannot_be_taken_in_none_is(assembly, wrong):
    assembly.administration.create("a@example.com", PASSWORD, "One")
    with pytest.raises(InvalidArgument):
        assembly.administration.import_users("One", [imported("good@example.com"), wrong])
    with assembly.database.platform_unit_of_work() as unit:
        assert assembly.repositories.identities.by_email(unit, "good@example.com") is None
    with pytest.raises(InvalidArgument):
        assembly.administration.import_users("Nowhere", [imported()])
