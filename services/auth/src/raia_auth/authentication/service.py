"""Signs users in and out, registers them and changes their passwords.

Every use case here computes a hash, so its rpc is ``detached``: it holds no connection meanwhile, and writes its result
in the call's final unit of work, in which the chain records it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from raia.auth.events.v1 import user_events_pb2
from raia_kit.context import Actor, current_call, final_unit
from raia_kit.database import Database, UnitOfWork
from raia_kit.errors import Aborted, RaiaError
from raia_kit.ids import new_id
from raia_kit.metadata import AUDIT_ID

from raia_auth import metrics
from raia_auth.authentication.throttle import Throttle
from raia_auth.errors import (
    AccountInactive,
    InvalidCredentials,
    NotAMember,
    PasswordWrong,
    RefreshTokenInvalid,
    RefreshTokenReused,
    RegistrationClosed,
)
from raia_auth.organisations.domain import Membership, choose
from raia_auth.organisations.events import USER_TOPIC
from raia_auth.organisations.repository import MembershipRepository
from raia_auth.organisations.service import OrganisationService
from raia_auth.passwords import Hasher, Turnstile, check_password
from raia_auth.sessions.domain import Presented, Revocation
from raia_auth.sessions.service import SessionService, SessionTokens
from raia_auth.users.domain import Identity, User, fold, shown
from raia_auth.users.repository import IdentityRepository, UserRepository


@dataclass(frozen=True)
class Policy:
    """What the settings say about signing in."""

    registration_open: bool
    failure_seconds: float
    """A failed sign-in is answered after this long at the earliest, whatever it had to compute or write."""


@dataclass(frozen=True)
class SignIn:
    """What somebody gives to sign in."""

    email: str
    password: str = field(repr=False)
    organisation: UUID | None = None
    address: str = ""


@dataclass(frozen=True)
class _Account:
    identity: Identity | None
    memberships: list[Membership]


class AuthenticationService:
    """The use cases of AuthenticationService's rpcs."""

    def __init__(
        self,
        *,
        database: Database,
        identities: IdentityRepository,
        memberships: MembershipRepository,
        users: UserRepository,
        organisations: OrganisationService,
        sessions: SessionService,
        throttle: Throttle,
        hasher: Hasher,
        turnstile: Turnstile,
        policy: Policy,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._identities, self._memberships, self._users = database, identities, memberships, users
        self._organisations, self._sessions, self._throttle = organisations, sessions, throttle
        self._hasher, self._turnstile, self._policy, self._now = hasher, turnstile, policy, now

    def login(self, sign_in: SignIn) -> SessionTokens:
        """Opens a session.

        Raises ``InvalidCredentials`` after the same work and the same time whether the address is known or not,
        ``AccountLocked`` without looking at the password, ``NotAMember`` and ``AccountInactive`` to who proved the
        password.
        """
        answer_at = time.monotonic() + self._policy.failure_seconds
        with self._turnstile.passed():
            try:
                tokens = self._login(sign_in)
            except RaiaError as error:
                metrics.SIGN_INS.labels(error.reason).inc()
                if isinstance(error, InvalidCredentials):
                    threading.Event().wait(max(0.0, answer_at - time.monotonic()))
                raise
        metrics.SIGN_INS.labels("success").inc()
        return tokens

    def _login(self, sign_in: SignIn) -> SessionTokens:
        email = fold(sign_in.email)
        with self._database.platform_unit_of_work() as unit:
            self._throttle.begin(unit, email, sign_in.address)
            account = self._account(unit, self._identities.by_email(unit, email))
        stored = account.identity.password_hash if account.identity else None
        verdict = self._hasher.verify(stored, sign_in.password)
        membership = choose(account.memberships, sign_in.organisation)
        if account.identity is None or not verdict.matches:
            self._denied(membership or choose(account.memberships, None), InvalidCredentials())
        rehashed = self._hasher.hash(sign_in.password) if verdict.outdated else None
        assert account.identity is not None
        if membership is None:
            if sign_in.organisation is None:
                raise InvalidCredentials  # an identity that belongs nowhere can do nothing here
            self._denied(choose(account.memberships, None), NotAMember(str(sign_in.organisation)))
        assert membership is not None
        if not membership.is_active:
            self._denied(membership, AccountInactive())
        return self._signed_in(account.identity, membership, sign_in.address, stored, rehashed)

    def _signed_in(
        self, identity: Identity, membership: Membership, address: str, stored: str | None, rehashed: str | None
    ) -> SessionTokens:
        _recorded_as(identity.id, membership.org_id)
        unit = final_unit(membership.org_id)
        # Whoever deactivates the user locks this row first, so no session opens behind their back.
        current = self._memberships.lock(unit, identity.id)
        if current is None or not current.is_active:
            raise AccountInactive
        self._memberships.signed_in(unit, identity.id, self._now())
        with unit.platform():
            self._throttle.succeeded(unit, identity.email, address)
            if rehashed is not None:
                self._identities.replace_hash(unit, identity.id, stored, rehashed)
            return self._sessions.open(unit, identity.id, address)

    def refresh(self, token: str) -> SessionTokens:
        """Exchanges a refresh token for new tokens.

        Raises ``RefreshTokenReused`` (its session has then ended) and ``RefreshTokenInvalid``.
        """
        with self._database.platform_unit_of_work() as unit:
            session = self._sessions.find(unit, token)
        if session is None:
            raise RefreshTokenInvalid
        with self._database.unit_of_work(session.org_id, actor=Actor(session.user_id)) as unit:
            membership = self._memberships.get(unit, session.user_id)
            if membership is None or not membership.is_active:
                raise RefreshTokenInvalid
            with unit.platform():
                refreshed = self._sessions.refresh(unit, session.session_id, token)
            error = _refusal(refreshed.presented)
            metrics.REFRESHES.labels(refreshed.presented.value).inc()
            entry = unit.audit(
                "auth.refresh",
                resource_type="session",
                resource_id=session.session_id,
                outcome="denied" if error else "success",
                reason=error.reason if error else "",
                details=_origin(),
            )
        current_call().trailers[AUDIT_ID] = str(entry)
        # The revocation of a reused token's session is committed by now; only then may the call fail.
        if error is not None:
            raise error
        assert refreshed.tokens is not None
        return refreshed.tokens

    def register(self, email: str, password: str, name: str, organisation_name: str) -> User:
        """Creates a user and an organisation of their own.

        Raises ``RegistrationClosed``, ``PasswordWeak`` and ``EmailTaken``.
        """
        if not self._policy.registration_open:
            raise RegistrationClosed
        address, called = fold(email), shown(name, "name")
        organisation = shown(organisation_name, "organisation_name")
        check_password(password, address)
        with self._turnstile.passed():
            hashed = self._hasher.hash(password)
        org_id, user_id = new_id(), new_id()
        _recorded_as(user_id, org_id)
        unit = final_unit(org_id)
        self._organisations.found(unit, organisation, Identity(user_id, address, hashed), called)
        user = self._users.get(unit, user_id)
        assert user is not None
        return user

    def change_password(self, user_id: UUID, session_id: str, current: str, new: str, address: str) -> None:
        """Replaces the password and ends every other session of the user, in every organisation.

        Raises ``PasswordWrong``, ``PasswordWeak``, ``AccountLocked``, ``Aborted`` when it changed meanwhile.
        """
        with self._database.platform_unit_of_work() as unit:
            identity = self._identities.get(unit, user_id)
            if identity is None:
                raise PasswordWrong
            self._throttle.begin(unit, identity.email, address)
        with self._turnstile.passed():
            if not self._hasher.verify(identity.password_hash, current).matches:
                raise PasswordWrong
            check_password(new, identity.email, field="new_password")
            hashed = self._hasher.hash(new)
        unit = final_unit()
        with unit.platform():
            self._throttle.succeeded(unit, identity.email, address)
            if not self._identities.replace_hash(unit, user_id, identity.password_hash, hashed):
                raise Aborted("the password was changed meanwhile", reason="CONCURRENT_CHANGE")
            self._sessions.end_all(unit, user_id, Revocation.PASSWORD_CHANGED, keep=session_id)
            unit.emit(user_events_pb2.PasswordChanged(user_id=str(user_id)), key=str(user_id), topic=USER_TOPIC)

    def logout(self, session_id: str) -> None:
        """Ends a session of the caller's; ending it twice is ending it once."""
        unit = final_unit()
        with unit.platform():
            self._sessions.end(unit, session_id, Revocation.LOGOUT)

    def _account(self, unit: UnitOfWork, identity: Identity | None) -> _Account:
        # Both ways make the same queries: an unknown address is not told from a known one by their number.
        memberships = self._memberships.of_user(unit, identity.id if identity else UUID(int=0))
        return _Account(identity, memberships)

    def _denied(self, membership: Membership | None, error: RaiaError) -> None:
        """Records a refused sign-in in the ledger of the organisation it concerns, if any, and raises."""
        if membership is not None:
            with self._database.unit_of_work(membership.org_id, actor=Actor()) as unit:
                unit.audit(
                    "auth.login",
                    resource_type="user",
                    resource_id=str(membership.user_id),
                    outcome="denied",
                    reason=error.reason,
                    details=_origin(),
                )
        raise error


def _recorded_as(user_id: UUID, org_id: UUID) -> None:
    """Names the user and the ledger of a call that came without a token, now that they are known."""
    call = current_call()
    call.audit_user_id, call.audit_org_id, call.audit_resource_type = user_id, org_id, "user"
    call.audit_resource_id = str(user_id)


def _origin() -> dict[str, str]:
    address = current_call().client_address
    return {"client_address": address} if address else {}


def _refusal(presented: Presented) -> RaiaError | None:
    if presented is Presented.REUSED:
        return RefreshTokenReused()
    return RefreshTokenInvalid() if presented is Presented.ENDED else None
