"""The migrations leave what the tables' catalogue in code says."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from raia_explain.explanations.tables import explanation
from raia_explain.fairness.tables import fairness_report
from raia_explain.schema import TENANT_TABLES, metadata
from raia_kit import tables
from raia_testing import catalogue
from sqlalchemy import create_engine


def test_the_catalogue_in_code_is_complete():
    assert {table.name for table in (explanation, fairness_report)} == set(metadata.tables)


def test_every_table_of_ours_is_under_row_security(service_database):
    database = service_database("explain")
    assert catalogue.platform_tables(database.admin_url, "explain") == set(tables.PLATFORM_TABLES)
    assert catalogue.tenant_tables(database.admin_url, "explain") == {*TENANT_TABLES, *tables.TENANT_TABLES}


def test_nothing_is_ever_deleted_by_the_service(service_database):
    database = service_database("explain")
    granted = catalogue.privileges(database.admin_url, "explain", "raia_explain")
    assert all("DELETE" not in granted[name] for name in TENANT_TABLES)


def test_tables_in_code_are_tables_in_the_database(service_database):
    database = service_database("explain")
    engine = create_engine("postgresql+psycopg://" + database.admin_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to raia_explain")
        ours = set(metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda obj, name, kind, reflected, other: kind != "table" or name in ours},
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [entry for entry in differences if entry[0] != "remove_index"] == []
