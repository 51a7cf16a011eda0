"""What the database itself says about the tables of a service: tests compare their lists with it."""

import psycopg

_TABLES = """
select c.relname, c.relrowsecurity from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p') and not c.relispartition
"""
# Made by the libraries that migrate and that run jobs; reached by the platform role alone.
_LIBRARIES = ("alembic_version", "procrastinate_")


def tenant_tables(admin_url: str, service: str) -> set[str]:
    """Tables of the service's schema under row security."""
    return {name for name, secured in _tables(admin_url, service) if secured}


def platform_tables(admin_url: str, service: str) -> set[str]:
    """Tables of the service's schema without row security, except those of libraries."""
    found = {name for name, secured in _tables(admin_url, service) if not secured}
    return {name for name in found if not name.startswith(_LIBRARIES)}


def privileges(admin_url: str, service: str, role: str) -> dict[str, set[str]]:
    """Table → what ``role`` was granted on it as a whole (``SELECT``, ``INSERT``, …) in the service's schema."""
    query = """
    select table_name, privilege_type from information_schema.role_table_grants
    where table_schema = %s and grantee = %s
    """
    result: dict[str, set[str]] = {}
    with psycopg.connect(admin_url) as connection:
        for table, privilege in connection.execute(query, (f"raia_{service}", role)):
            result.setdefault(table, set()).add(privilege)
    return result


def _tables(admin_url: str, service: str) -> list[tuple[str, bool]]:
    with psycopg.connect(admin_url) as connection:
        return [(name, secured) for name, secured in connection.execute(_TABLES, (f"raia_{service}",))]
