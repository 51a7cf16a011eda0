"""The migrations leave what the tables' catalogue in code says."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from raia_ingest.datasets.tables import dataset, dataset_version
from raia_ingest.processing.tables import dataset_routing, processing_result
from raia_ingest.profiles.tables import dataset_profile
from raia_ingest.schema import TENANT_TABLES, metadata
from raia_kit import tables
from raia_testing import catalogue
from sqlalchemy import create_engine


def test_the_catalogue_in_code_is_complete():
    ours = (dataset, dataset_version, dataset_profile, dataset_routing, processing_result)
    assert {table.name for table in ours} <= set(metadata.tables) <= set(TENANT_TABLES)


def test_every_table_of_ours_is_under_row_security(service_database):
    database = service_database("ingest")
    assert catalogue.platform_tables(database.admin_url, "ingest") == set(tables.PLATFORM_TABLES)
    assert catalogue.tenant_tables(database.admin_url, "ingest") == {*TENANT_TABLES, *tables.TENANT_TABLES}


def test_nothing_is_ever_deleted_by_the_service(service_database):
    database = service_database("ingest")
    granted = catalogue.privileges(database.admin_url, "ingest", "raia_ingest")
    assert all("DELETE" not in granted[name] for name in TENANT_TABLES)


def test_tables_in_code_are_tables_in_the_database(service_database):
    database = service_database("ingest")
    engine = create_engine("postgresql+psycopg://" + database.admin_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to raia_ingest")
        ours = set(metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda obj, name, kind, reflected, other: kind != "table" or name in ours},
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert [entry for entry in differences if entry[0] != "remove_index"] == []
