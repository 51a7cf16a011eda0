"""The service's tables as one catalogue; ``UnitOfWork.platform`` reaches those without a tenant."""

from sqlalchemy import MetaData

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
