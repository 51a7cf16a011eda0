"""The migrations leave what the tables' catalogue in code says."""

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from raia_kit import tables
from raia_llm.documents.tables import HalfVector, chunk, corpus, document, document_words, word
from raia_llm.schema import TENANT_TABLES, metadata
from raia_testing import catalogue
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.base import ischema_names

FUNCTIONS = {"search_chunks", "nearest_by_index", "nearest_by_scan", "matching_words"}


def test_the_catalogue_in_code_is_complete():
    assert {table.name for table in (document, chunk, corpus, word, document_words)} == set(metadata.tables)
    assert set(TENANT_TABLES) == set(metadata.tables)


def test_every_table_of_ours_is_under_row_security(service_database):
    database = service_database("llm")
    assert catalogue.platform_tables(database.admin_url, "llm") == set(tables.PLATFORM_TABLES)
    assert catalogue.tenant_tables(database.admin_url, "llm") == {*TENANT_TABLES, *tables.TENANT_TABLES}


def test_tables_in_code_are_tables_in_the_database(service_database):
    database = service_database("llm")
    ischema_names["halfvec"] = HalfVector
    engine = create_engine("postgresql+psycopg://" + database.admin_url.split("://", 1)[1])
    with engine.connect() as connection:
        connection.exec_driver_sql("set search_path to raia_llm, public")
        ours = set(metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda obj, name, kind, reflected, other: kind != "table" or name in ours},
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    kept = [entry for entry in differences if entry[0] != "remove_index" and not isinstance(entry, list)]
    assert kept == []


def test_searching_runs_as_the_owner_with_a_fixed_path(service_database):
    database = service_database("llm")
    with psycopg.connect(database.admin_url) as connection:
        found = connection.execute(
            """
            select p.proname, p.prosecdef, pg_get_userbyid(p.proowner), p.proconfig,
                has_function_privilege('public', p.oid, 'execute'),
                has_function_privilege('raia_llm', p.oid, 'execute')
            from pg_proc p where p.pronamespace = 'raia_llm'::regnamespace and p.proname = any (%s)
            """,
            (list(FUNCTIONS),),
        ).fetchall()
    assert {row[0] for row in found} == FUNCTIONS
    for name, definer, owner, config, public, runtime in found:
        assert (definer, owner, public, runtime) == (True, "raia_llm_owner", False, True), name
        path = next(value for value in config if value.startswith("search_path="))
        assert path.endswith("pg_temp"), name
