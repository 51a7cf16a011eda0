"""The migrations leave what the tables' catalogue in code says."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from raia_auth.schema import PLATFORM_TABLES, TENANT_TABLES, metadata
from raia_kit import tables
from raia_testing import catalogue
from sqlalchemy import create_engine


def test_tables_without_a_tenant_are_those_listed_with_a_reason(service_database):
    database = service_database("auth")
    assert catalogue.platform_tables(database.admin_url, "auth") == {*PLATFORM_TABLES, *tables.PLATFORM_TABLES}


def test_all_other_tables_are_under_row_security(service_database):
    database = service_database("auth")
    assert catalogue.tenant_tables(database.admin_url, "auth") == {*TENANT_TABLES, *tables.TENANT_TABLES}


def test_the_ledger_is_insert_only(service_database):
    database = service_database("auth")
    assert catalogue.privileges(database.admin_url, "auth", "raia_auth")["ledger_entry"] == {"INSERT", "SELECT"}
    assert "ledger_entry" not in catalogue.privileges(database.admin_url, "auth", "raia_auth_platform")


def test_tables_in_code_are_tables_in_the_database(service_database):
    database = service_database("auth")
    engine = create_engine("postgresql+psycopg://" + database.admin_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to raia_auth")
        ours = set(metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda obj, name, kind, reflected, other: kind != "table" or name in ours},
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()
