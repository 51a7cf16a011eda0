"""The service's use cases over one database: what the server, the command line and the tests are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from raia_kit.database import Database
from raia_kit.sealing import Sealer

from raia_auth.access.repository import SqlAccessRepository
from raia_auth.access.service import AccessService
from raia_auth.administration import Administration
from raia_auth.audit.repository import SqlLedgerRepository
from raia_auth.audit.sequencer import Sequencer
from raia_auth.audit.service import AuditService
from raia_auth.authentication.me import MeService
from raia_auth.authentication.service import AuthenticationService, Policy
from raia_auth.authentication.throttle import SqlThrottle
from raia_auth.keys.repository import SqlSigningKeyRepository
from raia_auth.keys.service import KeyRing
from raia_auth.keys.tokens import TokenIssuer
from raia_auth.organisations.repository import SqlMembershipRepository, SqlOrganisationRepository
from raia_auth.organisations.service import OrganisationService
from raia_auth.passwords import PasswordHashing, Turnstile
from raia_auth.sessions.domain import Lifetimes
from raia_auth.sessions.repository import SqlSessionRepository
from raia_auth.sessions.service import SessionService
from raia_auth.settings import AuthSettings
from raia_auth.tokens.service import ExchangeService
from raia_auth.users.guard import UserGuard
from raia_auth.users.listing import UserListing
from raia_auth.users.repository import SqlIdentityRepository, SqlUserRepository
from raia_auth.users.service import UserService


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Repositories:
    """Where things are kept: the SQL implementation of each."""

    organisations: SqlOrganisationRepository
    memberships: SqlMembershipRepository
    identities: SqlIdentityRepository
    users: SqlUserRepository
    sessions: SqlSessionRepository
    ledger: SqlLedgerRepository

    @classmethod
    def make(cls) -> "Repositories":
        """All of them; they hold no state."""
        return cls(
            SqlOrganisationRepository(),
            SqlMembershipRepository(),
            SqlIdentityRepository(),
            SqlUserRepository(),
            SqlSessionRepository(),
            SqlLedgerRepository(),
        )


class Assembly:
    """Everything that auth does, wired once; ``now`` is the clock of keys, sessions and throttles."""

    def __init__(self, settings: AuthSettings, database: Database, now: Callable[[], datetime] = _now) -> None:
        """Raises ``ValueError`` when the settings hold no usable envelope key."""
        self.database = database
        self.repositories = repositories = Repositories.make()
        self.throttle = SqlThrottle(now)
        self.hasher = PasswordHashing(settings.hashing_concurrency or None)
        self.ring = KeyRing(database, SqlSigningKeyRepository(), Sealer(settings.envelope_keys), now)
        self.issuer = TokenIssuer(self.ring, settings.issuer, now)
        lifetimes = Lifetimes(timedelta(days=settings.session_days), timedelta(days=settings.session_idle_days))
        self.sessions = SessionService(repositories.sessions, self.issuer, lifetimes, now)
        founding = OrganisationService(repositories.organisations, repositories.memberships, repositories.identities)
        self.authentication = AuthenticationService(
            database=database,
            identities=repositories.identities,
            memberships=repositories.memberships,
            users=repositories.users,
            organisations=founding,
            sessions=self.sessions,
            throttle=self.throttle,
            hasher=self.hasher,
            turnstile=Turnstile(max(1, settings.grpc_threads // 2)),
            policy=Policy(settings.registration_open, settings.sign_in_failure_seconds),
            now=now,
        )
        self.me = MeService(repositories.users, repositories.organisations)
        self.users = UserService(repositories.users, repositories.memberships, founding, self.sessions, self.hasher)
        self.listing = UserListing(repositories.users)
        self.guard = UserGuard(repositories.memberships)
        access = SqlAccessRepository()
        self.exchange = ExchangeService(database, repositories.memberships, access, self.issuer)
        self.access = AccessService(database, access, now)
        self.audit = AuditService(database, repositories.ledger)
        self.sequencer = Sequencer(repositories.ledger)
        self.administration = Administration(
            database=database,
            organisations=repositories.organisations,
            memberships=repositories.memberships,
            identities=repositories.identities,
            users=repositories.users,
            founding=founding,
            sessions=self.sessions,
            hasher=self.hasher,
        )
