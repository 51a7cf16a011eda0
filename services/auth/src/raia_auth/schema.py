"""The service's tables as one catalogue, and how a tenant's transaction reaches those without a tenant."""

from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.database import UnitOfWork
from sqlalchemy import MetaData, text

metadata = MetaData()
"""Every table of the service; each resource's tables.py adds its own."""

TENANT_TABLES = ("membership", "project_grant", "resource_grant", "project_restriction", "ledger_entry")
"""Tables under row security."""

PLATFORM_TABLES = {
    "organisation": "names the tenants themselves; found before a tenant is known",
    "users": "one person may belong to several organisations; sign-in looks up the e-mail before a tenant is known",
    "user_sessions": "a session is found by its refresh token before a tenant is known",
    "refresh_token": "found by its digest before a tenant is known",
    "signing_key": "keys sign the tokens of every organisation",
    "sign_in_throttle": "counts failed sign-ins of accounts that may not exist",
}
"""Tables without a tenant, with the reason; a test compares the list with the catalogue."""

_DEPTH = "raia_auth.platform_tables"


@contextmanager
def platform_tables(unit: UnitOfWork) -> Iterator[None]:
    """Lets a tenant's unit of work reach the tables without a tenant inside the ``with``, and nothing else.

    Registering a user, for one, writes the identity and the membership in one transaction. An exception
    leaves the role as it is: it ends the transaction, and the role with it.
    """
    info = unit.session.info
    depth = info.get(_DEPTH, 0)
    if unit.org_id is None or depth:
        yield
        return
    unit.session.execute(text(f'set local role "raia_{unit.service}_platform"'))
    info[_DEPTH] = depth + 1
    yield
    info[_DEPTH] = depth
    unit.session.execute(text("set local role none"))
