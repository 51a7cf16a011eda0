"""The migrations leave what the tables' catalogue in code says."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from raia_kit import tables
from raia_ml.gates import tables as gates
from raia_ml.models import tables as models
from raia_ml.predictions import tables as predictions
from raia_ml.runs import tables as runs
from raia_ml.schema import TENANT_TABLES, metadata
from raia_testing import catalogue
from sqlalchemy import Table, create_engine


def test_the_catalogue_in_code_is_complete():
    ours = [each for module in (gates, models, predictions, runs) for each in vars(module).values()]
    assert {table.name for table in ours if isinstance(table, Table)} == set(metadata.tables) == set(TENANT_TABLES)


def test_every_table_of_ours_is_under_row_security(service_database):
    database = service_database("ml")
    assert catalogue.platform_tables(database.admin_url, "ml") == set(tables.PLATFORM_TABLES)
    assert catalogue.tenant_tables(database.admin_url, "ml") == {*TENANT_TABLES, *tables.TENANT_TABLES}


def test_the_service_can_neither_delete_nor_rewrite_what_is_evidence(service_database):
    database = service_database("ml")
    granted = catalogue.privileges(database.admin_url, "ml", "raia_ml")
    assert all("DELETE" not in granted[name] for name in TENANT_TABLES)
    written_once = ("model_version", "verdict", "deployment_change", "deployment_policy_version", "model_prediction")
    assert all(granted[name] == {"SELECT", "INSERT"} for name in written_once)


def test_tables_in_code_are_tables_in_the_database(service_database):
    database = service_database("ml")
    engine = create_engine("postgresql+psycopg://" + database.admin_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to raia_ml")
        ours = set(metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda obj, name, kind, reflected, other: kind != "table" or name in ours},
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [entry for entry in differences if entry[0] != "remove_index"] == []
