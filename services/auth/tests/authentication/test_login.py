"""Sign-in, refresh, registration and passwords through the running service."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import grpc
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from raia.auth.v1 import authentication_service_pb2 as authn
from raia.auth.v1 import key_service_pb2, key_service_pb2_grpc
from raia_kit.identity import unverified_claims

from ..rig import Rig, bearer, failure_of, wait_until

CODE = grpc.StatusCode


def me(rig, token):
    return rig.authn.GetMe(authn.GetMeRequest(), metadata=bearer(token))


def refresh(rig, token):
    return rig.authn.Refresh(authn.RefreshRequest(refresh_token=token))


def test_sign_in_gives_tokens_by_which_the_user_is_known(rig):
    person = rig.register(name="Ada", organisation_name="Analytical Engines")
    tokens = rig.login(person.email.upper(), person.password)
    assert tokens.token_type == "Bearer"
    assert tokens.expires_in == 600
    found = me(rig, tokens.access_token)
    assert (found.user.id, found.user.email, found.user.name) == (person.id, person.email, "Ada")
    assert found.organisation.name == "Analytical Engines"
    assert list(found.roles) == ["admin"]
    assert found.user.role == "admin"
    assert "users.manage" in found.permissions
    assert found.user.HasField("last_login")


def test_the_token_names_user_organisation_and_session_and_holds_no_permissions(rig):
    person = rig.register()
    jwks = key_service_pb2_grpc.KeyServiceStub(rig.channel).GetJwks(key_service_pb2.GetJwksRequest())
    keys = KeySet.import_key_set({"keys": [{f.name: v for f, v in key.ListFields()} for key in jwks.keys]})
    token = jwt.decode(person.tokens.access_token, keys, algorithms=["Ed25519"])
    assert token.header["alg"] == "Ed25519"
    assert set(token.claims) == {"iss", "aud", "iat", "exp", "jti", "sub", "org", "sid"}
    assert (token.claims["sub"], token.claims["org"]) == (person.id, person.org_id)
    assert token.claims["exp"] - token.claims["iat"] == 600


def test_wrong_password_and_unknown_address_get_the_same_answer(rig):
    person = rig.register()
    wrong = failure_of(lambda: rig.login(person.email, "not the password"))
    unknown = failure_of(lambda: rig.login("nobody-" + person.email, "not the password"))
    assert wrong == unknown
    assert (wrong.code, wrong.reason) == (CODE.UNAUTHENTICATED, "INVALID_CREDENTIALS")


def test_sign_ins_are_recorded_refused_ones_too(rig):
    person = rig.register()
    failure_of(lambda: rig.login(person.email, "not the password"))
    assert rig.audited(person.org_id, "auth.register") == [(person.id, "success", "")]
    assert rig.audited(person.org_id, "auth.login") == [
        (person.id, "success", ""),
        ("", "denied", "INVALID_CREDENTIALS"),
    ]


def test_entries_of_sign_ins_say_where_they_came_from(rig):
    person = rig.register()
    failure_of(lambda: rig.login(person.email, "not the password"))
    refresh(rig, person.tokens.refresh_token)
    entries = "select action, outcome, details ->> 'client_address' from audit_entry where org_id = %s order by id"
    assert rig.rows(entries, person.org_id) == [
        ("auth.register", "success", "127.0.0.1"),
        ("auth.login", "success", "127.0.0.1"),
        ("auth.login", "denied", "127.0.0.1"),
        ("auth.refresh", "success", "127.0.0.1"),
    ]


def test_the_answer_names_its_entry_in_the_ledger(rig):
    person = rig.register()
    request = authn.LoginRequest(email=person.email, password=person.password)
    _, call = rig.authn.Login.with_call(request)
    entry = dict(call.trailing_metadata())["raia-audit-id"]
    assert rig.rows("select action from audit_entry where id = %s", entry) == [("auth.login",)]


def test_an_account_locks_after_failures_even_for_the_right_password(rig):
    person = rig.register()
    for _ in range(6):
        assert failure_of(lambda: rig.login(person.email, "wrong " * 3)).reason == "INVALID_CREDENTIALS"
    locked = failure_of(lambda: rig.login(person.email, person.password))
    assert (locked.code, locked.reason) == (CODE.RESOURCE_EXHAUSTED, "ACCOUNT_LOCKED")
    assert 0 < locked.retry_after <= 15
    unknown = f"nobody-{person.email}"
    for _ in range(6):
        failure_of(lambda: rig.login(unknown, "wrong " * 3))
    assert failure_of(lambda: rig.login(unknown, "wrong " * 3)).reason == "ACCOUNT_LOCKED"


def test_the_right_password_forgets_earlier_failures(rig):
    person = rig.register()
    for _ in range(3):
        for _ in range(5):
            failure_of(lambda: rig.login(person.email, "wrong " * 3))
        rig.login(person.email, person.password)


def test_unknown_addresses_take_as_long_as_known_ones(service_database, tmp_path):
    rig = Rig(service_database("auth"), tmp_path, sign_in_failure_seconds=0.15)
    try:
        people = [rig.register() for _ in range(12)]

        def seconds(email: str) -> float:
            start = time.perf_counter()
            failure_of(lambda: rig.login(email, "not the password"))
            return time.perf_counter() - start

        known = [seconds(person.email) for person in people]
        unknown = [seconds(f"nobody-{person.email}") for person in people]
        assert min(known + unknown) >= 0.15
        spread = max(0.03, 3 * statistics.pstdev(known))
        assert abs(statistics.median(known) - statistics.median(unknown)) < spread
    finally:
        rig.close()


def test_imported_bcrypt_hashes_sign_in_and_become_argon2id(rig):
    person = rig.register()
    imported = bcrypt.hashpw(person.password.encode(), bcrypt.gensalt(4)).decode()
    rig.rows("update users set password_hash = %s where id = %s", imported, person.id)
    assert failure_of(lambda: rig.login(person.email, person.password + "x")).reason == "INVALID_CREDENTIALS"
    rig.login(person.email, person.password)
    (stored,) = rig.rows("select password_hash from users where id = %s", person.id)[0]
    assert stored.startswith("$argon2id$")
    rig.login(person.email, person.password)


def test_registration_takes_each_address_once_whatever_its_spelling(rig):
    person = rig.register()
    request = authn.RegisterRequest(email=person.email.upper(), password="a quite different one")
    taken = failure_of(lambda: rig.authn.Register(request))
    assert (taken.code, taken.reason) == (CODE.ALREADY_EXISTS, "EMAIL_TAKEN")


def test_two_registrations_of_one_address_at_once_make_one_user(rig):
    request = authn.RegisterRequest(email="twins@example.org", password="a quite different one")

    def attempt(_):
        try:
            rig.authn.Register(request)
        except grpc.RpcError as error:
            return error.code()
        return CODE.OK

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(attempt, range(4)), key=str)
    assert codes.count(CODE.OK) == 1
    assert codes.count(CODE.ALREADY_EXISTS) == 3
    assert len(rig.rows("select 1 from users where email = 'twins@example.org'")) == 1
    organisations = "select 1 from organisation where name = 'twins (example.org)'"
    assert len(rig.rows(organisations)) == 1


@pytest.mark.parametrize(("password", "reason"), [("short", "INVALID_FIELD"), ("password1234", "PASSWORD_WEAK")])
def test_weak_passwords_cannot_be_registered(rig, password, reason):
    request = authn.RegisterRequest(email="weak@example.org", password=password)
    weak = failure_of(lambda: rig.authn.Register(request))
    assert weak.code is CODE.INVALID_ARGUMENT
    assert weak.fields == ("password",)
    assert reason == "INVALID_FIELD" or weak.reason == reason


def test_registration_can_be_closed(service_database, tmp_path):
    rig = Rig(service_database("auth"), tmp_path, registration_open=False)
    try:
        request = authn.RegisterRequest(email="ada@example.org", password="a quite different one")
        assert failure_of(lambda: rig.authn.Register(request)).reason == "REGISTRATION_CLOSED"
    finally:
        rig.close()


def test_a_refresh_token_works_once_and_gives_the_next(rig):
    person = rig.register()
    second = refresh(rig, person.tokens.refresh_token)
    third = refresh(rig, second.refresh_token)
    assert len({person.tokens.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert me(rig, third.access_token).user.id == person.id
    assert rig.audited(person.org_id, "auth.refresh") == [(person.id, "success", "")] * 2


def test_a_reused_refresh_token_revokes_its_family_and_nothing_else(rig):
    person = rig.register()
    other = rig.login(person.email, person.password)
    stolen = person.tokens.refresh_token
    current = refresh(rig, stolen)
    reused = failure_of(lambda: refresh(rig, stolen))
    assert (reused.code, reused.reason) == (CODE.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED")
    assert failure_of(lambda: refresh(rig, current.refresh_token)).reason == "REFRESH_TOKEN_INVALID"
    wait_until(lambda: rejected(rig, current.access_token))
    assert me(rig, other.access_token).user.id == person.id
    refresh(rig, other.refresh_token)
    assert rig.audited(person.org_id, "auth.refresh")[1] == (person.id, "denied", "REFRESH_TOKEN_REUSED")
    assert rig.rows(
        "select revoked_for from user_sessions where user_id = %s and revoked_at is not null", person.id
    ) == [("refresh_token_reused",)]


def rejected(rig, token):
    try:
        me(rig, token)
    except grpc.RpcError as error:
        assert error.code() is CODE.UNAUTHENTICATED
        return True
    return False


def test_of_parallel_refreshes_with_one_token_one_wins_and_the_session_ends(rig):
    person = rig.register()

    def attempt(_):
        try:
            return refresh(rig, person.tokens.refresh_token)
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, range(6)))
    won = [answer for answer in answers if isinstance(answer, authn.Tokens)]
    assert len(won) == 1
    assert failure_of(lambda: refresh(rig, won[0].refresh_token)).reason == "REFRESH_TOKEN_INVALID"


@pytest.mark.parametrize("token", ["x", "raia_rt_" + "A" * 43, "\u00e4" * 40])
def test_unknown_refresh_tokens_are_refused(rig, token):
    assert failure_of(lambda: refresh(rig, token)).reason == "REFRESH_TOKEN_INVALID"


def test_refresh_tokens_expire(rig):
    person = rig.register()
    sessions = "select session_id from user_sessions where user_id = %s"
    rig.rows(f"update refresh_token set expires_at = now() where session_id in ({sessions})", person.id)
    assert failure_of(lambda: refresh(rig, person.tokens.refresh_token)).reason == "REFRESH_TOKEN_INVALID"


def test_secrets_are_not_stored_as_they_are(rig):
    person = rig.register()
    dump = "".join(str(row) for row in rig.rows("select * from users, user_sessions, refresh_token"))
    assert person.password not in dump
    assert person.tokens.refresh_token not in dump


def test_logout_ends_the_session_within_seconds_and_may_be_repeated(rig):
    person = rig.register()
    rig.authn.Logout(authn.LogoutRequest(request_id="once"), metadata=person.metadata)
    wait_until(lambda: rejected(rig, person.tokens.access_token), 3)
    assert failure_of(lambda: refresh(rig, person.tokens.refresh_token)).reason == "REFRESH_TOKEN_INVALID"
    assert rig.audited(person.org_id, "auth.logout") == [(person.id, "success", "")]


def change(rig, person, current, new, token=None):
    request = authn.ChangePasswordRequest(current_password=current, new_password=new)
    rig.authn.ChangePassword(request, metadata=bearer(token or person.tokens.access_token))


def test_a_changed_password_ends_every_other_session(rig):
    person = rig.register()
    other = rig.login(person.email, person.password)
    change(rig, person, person.password, "an entirely new one")
    wait_until(lambda: rejected(rig, other.access_token), 3)
    assert me(rig, person.tokens.access_token).user.id == person.id
    assert failure_of(lambda: rig.login(person.email, person.password)).reason == "INVALID_CREDENTIALS"
    rig.login(person.email, "an entirely new one")
    assert failure_of(lambda: refresh(rig, other.refresh_token)).reason == "REFRESH_TOKEN_INVALID"
    refresh(rig, person.tokens.refresh_token)


def test_the_old_password_must_be_right_and_the_new_one_good(rig):
    person = rig.register()
    wrong = failure_of(lambda: change(rig, person, "not this one", "an entirely new one"))
    assert (wrong.code, wrong.reason, wrong.fields) == (CODE.INVALID_ARGUMENT, "PASSWORD_WRONG", ("current_password",))
    weak = failure_of(lambda: change(rig, person, person.password, "password1234"))
    assert (weak.reason, weak.fields) == ("PASSWORD_WEAK", ("new_password",))
    rig.login(person.email, person.password)


def test_a_hundred_sign_ins_do_not_keep_others_waiting(rig):
    person = rig.register()
    stop = threading.Event()

    def sign_in_forever():
        while not stop.is_set():
            rig.login(person.email, person.password)

    threads = [threading.Thread(target=sign_in_forever) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        durations = []
        for _ in range(30):
            start = time.perf_counter()
            me(rig, person.tokens.access_token)
            durations.append(time.perf_counter() - start)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert statistics.median(durations) < 0.25


def test_sign_in_names_its_organisation(rig):
    person, stranger = rig.register(), rig.register()
    assert me(
        rig, rig.login(person.email, person.password, organisation=person.org_id).access_token
    ).organisation.id == (person.org_id)
    outside = failure_of(lambda: rig.login(person.email, person.password, organisation=stranger.org_id))
    assert (outside.code, outside.reason) == (CODE.PERMISSION_DENIED, "NOT_A_MEMBER")
    blind = failure_of(lambda: rig.login(person.email, "not the password", organisation=stranger.org_id))
    assert blind.reason == "INVALID_CREDENTIALS"
    assert rig.audited(stranger.org_id, "auth.login") == [(stranger.id, "success", "")]


def test_a_user_of_two_organisations_signs_in_to_the_first_joined(rig):
    person, second = rig.register(), rig.register()
    rig.rows(
        "insert into membership (org_id, user_id, name, roles, is_active) values (%s, %s, '', '{viewer}', true)",
        second.org_id,
        person.id,
    )
    assert me(rig, rig.login(person.email, person.password).access_token).organisation.id == person.org_id
    there = rig.login(person.email, person.password, organisation=second.org_id)
    assert unverified_claims(there.access_token)["org"] == second.org_id
    change(rig, person, person.password, "an entirely new one")
    wait_until(lambda: rejected(rig, there.access_token), 3)


def test_the_database_going_away_is_no_credentials_problem(rig):
    person = rig.register()
    rig.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'raia_auth'")
    for _ in range(20):
        try:
            rig.login(person.email, person.password)
            break
        except grpc.RpcError as error:
            assert error.code() is CODE.UNAVAILABLE
    else:
        raise AssertionError("the service did not recover")


def test_a_flood_of_sign_ins_leaves_threads_for_the_others(service_database, tmp_path):
    rig = Rig(service_database("auth"), tmp_path, grpc_threads=8, sign_in_failure_seconds=0.4)
    try:
        person = rig.register()
        stop, reasons = threading.Event(), set()

        def flood(number):
            turn = 0
            while not stop.is_set():
                turn += 1
                reasons.add(failure_of(lambda t=turn: rig.login(f"{number}.{t}@example.org", "guess " * 3)).reason)

        threads = [threading.Thread(target=flood, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        try:
            durations = []
            for _ in range(20):
                start = time.perf_counter()
                me(rig, person.tokens.access_token)
                durations.append(time.perf_counter() - start)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert "SIGN_IN_BUSY" in reasons
        assert statistics.median(durations) < 0.25
    finally:
        rig.close()


@pytest.mark.parametrize(
    "email", ["a\x00b@example.org", "\u212b@example.org", "\U0001f600@x", "ß@EXAMPLE.org" + " " * 9]
)
def test_odd_addresses_are_unknown_ones(rig, email):
    assert failure_of(lambda: rig.login(email, "guess " * 3)).reason == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("field", ["name", "organisation_name"])
def test_names_hold_no_control_characters(rig, field):
    request = authn.RegisterRequest(email="odd@example.org", password="a quite different one", **{field: "a\x00b"})
    failure = failure_of(lambda: rig.authn.Register(request))
    assert (failure.code, failure.fields) == (CODE.INVALID_ARGUMENT, (field,))
