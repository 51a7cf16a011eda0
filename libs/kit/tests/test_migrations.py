"""Roles, rights and migrations, against a real server."""

import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from raia_kit import migrations, tables
from raia_testing import catalogue
from raia_testing.postgres import PostgresServer, ServiceDatabase, migrate

PUBLISH = "select raia_log.publish(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[], %s::bytea[])"


def batch(*topics: str) -> tuple[Sequence[object], ...]:
    """Arguments of ``publish`` for one event per topic; the payload is its place in the batch."""
    count = len(topics)
    payloads = [str(place).encode() for place in range(count)]
    return [*topics], [uuid4() for _ in topics], ["k"] * count, ["t"] * count, [Jsonb({})] * count, payloads


def platform_connection(database: ServiceDatabase) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(database.url, autocommit=True)
    connection.execute("set role raia_sample_platform")
    return connection


def test_the_lists_of_tables_agree_with_the_catalogue(sample_database: ServiceDatabase) -> None:
    assert catalogue.tenant_tables(sample_database.admin_url, "sample") == set(tables.TENANT_TABLES)
    assert catalogue.platform_tables(sample_database.admin_url, "sample") == set(tables.PLATFORM_TABLES)
    assert {table.name for table in tables.kit_metadata.tables.values()} == {
        *tables.TENANT_TABLES,
        *tables.PLATFORM_TABLES,
    }


def test_the_runtime_role_may_do_what_units_of_work_need_and_no_more(sample_database: ServiceDatabase) -> None:
    assert catalogue.privileges(sample_database.admin_url, "sample", "raia_sample") == {
        "outbox": {"INSERT"},
        "inbox": {"INSERT", "SELECT"},
        "consumer_position": {"INSERT", "UPDATE", "SELECT"},
        "audit_entry": {"INSERT", "SELECT"},
        "idempotency_key": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "procrastinate_jobs": {"INSERT"},
        "procrastinate_events": {"INSERT"},
    }
    platform = catalogue.privileges(sample_database.admin_url, "sample", "raia_sample_platform")
    assert platform["audit_entry"] == {"INSERT"}
    assert "idempotency_key" not in platform
    assert set(tables.PLATFORM_TABLES) <= set(platform)


def test_roles_can_neither_bypass_row_security_nor_create(sample_database: ServiceDatabase) -> None:
    with psycopg.connect(sample_database.admin_url) as connection:
        roles = connection.execute(
            "select rolname, rolcanlogin, rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb "
            "from pg_roles where rolname like 'raia\\_sample%' or rolname = 'raia_gateway' order by 1"
        ).fetchall()
        owned = connection.execute(
            "select count(*) from pg_class where relowner in ('raia_sample'::regrole, 'raia_sample_platform'::regrole)"
        ).fetchone()
    rest = (False, False, False, False, False)
    assert roles == [
        ("raia_gateway", True, *rest),
        ("raia_sample", True, *rest),
        ("raia_sample_owner", False, *rest),
        ("raia_sample_platform", False, *rest),
    ]
    assert owned == (0,)
    for schema in ("raia_sample", "public", "raia_log"):
        with psycopg.connect(sample_database.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"create table {schema}.mine ()")


def test_the_runtime_role_has_its_path_and_timeouts(sample_database: ServiceDatabase) -> None:
    with psycopg.connect(sample_database.url) as connection:
        shown = {
            name: connection.execute(f"show {name}").fetchone()[0]  # type: ignore[index]
            for name in ("search_path", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    assert shown == {
        "search_path": "raia_sample, public",
        "statement_timeout": "1min",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
    }


def test_a_service_reads_no_other_services_tables(
    service_database: Callable[..., ServiceDatabase], postgres: PostgresServer
) -> None:
    database = service_database("sample")
    migrations.bootstrap(database.admin_url, ["sample", "other"], {"other": "raia-test"})
    for statement in ("select * from raia_sample.inbox", "set role raia_sample_platform"):
        connection = psycopg.connect(database.url_of("raia_other"))
        with connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_bootstrapping_and_migrating_again_changes_nothing(sample_database: ServiceDatabase) -> None:
    with psycopg.connect(sample_database.url) as connection:
        connection.execute("insert into inbox (consumer, event_id) values ('c', %s)", (uuid4(),))
    before = catalogue.privileges(sample_database.admin_url, "sample", "raia_sample")
    migrate(sample_database.admin_url, "sample")
    assert catalogue.privileges(sample_database.admin_url, "sample", "raia_sample") == before
    with psycopg.connect(sample_database.url) as connection:
        assert connection.execute("select count(*) from inbox").fetchone() == (1,)


def test_bootstraps_of_one_and_of_two_databases_may_run_at_once(postgres: PostgresServer) -> None:
    with postgres.empty_database() as first, postgres.empty_database() as second, ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(migrate, url, "sample") for url in (first, second) * 3]:
            done.result()
        for url in (first, second):
            assert catalogue.tenant_tables(url, "sample") == set(tables.TENANT_TABLES)


def test_an_administrator_need_not_be_a_superuser(postgres: PostgresServer) -> None:
    name = f"dba_{uuid4().hex[:8]}"
    services = [f"s{uuid4().hex[:8]}"]
    with postgres.empty_database() as other:
        # Roles belong to the whole server: those of the log stand already, made by another who lends them.
        migrations.bootstrap(other, [], {})
    with postgres.empty_database() as url, psycopg.connect(url, autocommit=True) as root:
        root.execute(f"create role {name} login createrole password 'dba'")
        database = root.info.dbname
        root.execute(f"alter database {database} owner to {name}")
        root.execute(f"grant raia_log_owner, raia_gateway to {name} with admin option")
        own = f"postgresql://{name}:dba@{url.rpartition('@')[2]}"
        with pytest.raises(migrations.MigrationError, match="create extension vector"):
            migrations.bootstrap(own, services, {})
        root.execute("create extension vector")
        migrations.bootstrap(own, services, {services[0]: "pw"})
        with migrations.owner_connection(own, services[0]) as connection:
            migrations.create_kit_tables(services[0], connection)
            connection.commit()
        assert catalogue.tenant_tables(url, services[0]) == set(tables.TENANT_TABLES)
        root.execute(f"reassign owned by {name} to current_user")
        root.execute(f"drop owned by {name}")


def test_positions_have_no_gaps_and_follow_the_batch(sample_database: ServiceDatabase) -> None:
    with platform_connection(sample_database) as connection:
        assert connection.execute(PUBLISH, batch("raia.sample.a", "custom.b", "raia.sample.a")).fetchone() == (
            [1, 1, 2],
        )
        assert connection.execute(PUBLISH, batch("custom.b", "raia.sample.a")).fetchone() == ([2, 3],)
        assert connection.execute(PUBLISH, batch()).fetchone() == ([],)
        rows = connection.execute(
            "select position, convert_from(payload, 'utf8') from raia_log.event where topic like 'raia.%' order by 1"
        ).fetchall()
    assert rows == [(1, "0"), (2, "2"), (3, "1")]
    with psycopg.connect(sample_database.url_of("raia_gateway")) as connection:
        assert connection.execute("select name, head from raia_log.topic order by 1").fetchall() == [
            ("custom.b", 2),
            ("raia.sample.a", 3),
        ]


def test_publishers_that_share_topics_neither_deadlock_nor_leave_gaps(sample_database: ServiceDatabase) -> None:
    rounds, topics = 30, ["raia.sample.x", "custom.y", "raia.sample.z"]

    def publish(place: int) -> None:
        with platform_connection(sample_database) as connection:
            for number in range(rounds):
                turned = topics[(place + number) % 3 :] + topics[: (place + number) % 3]
                connection.execute(PUBLISH, batch(*turned))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(publish, range(4)))
    with psycopg.connect(sample_database.admin_url) as connection:
        for topic in topics:
            found = connection.execute(
                "select count(*), min(position), max(position) from raia_log.event where topic = %s", (topic,)
            ).fetchone()
            assert found == (4 * rounds, 1, 4 * rounds)


def test_a_rolled_back_batch_takes_no_position(sample_database: ServiceDatabase) -> None:
    with platform_connection(sample_database) as connection:
        connection.execute(PUBLISH, batch("raia.sample.a"))
        with connection.transaction(force_rollback=True):
            connection.execute(PUBLISH, batch("raia.sample.a", "raia.sample.a"))
        assert connection.execute(PUBLISH, batch("raia.sample.a")).fetchone() == ([2],)


def test_a_service_publishes_on_its_own_topics_only(sample_database: ServiceDatabase) -> None:
    with platform_connection(sample_database) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not publish on raia"):
            connection.execute(PUBLISH, batch("raia.sample.a", "raia.auth.role"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("insert into raia_log.topic (name) values ('x')")
    for url in (sample_database.url, sample_database.url_of("raia_gateway")):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(PUBLISH, batch("custom.x"))


def test_trimming_deletes_the_oldest_and_keeps_the_heads(sample_database: ServiceDatabase) -> None:
    with platform_connection(sample_database) as connection:
        connection.execute(PUBLISH, batch(*["raia.sample.a"] * 5))
        assert connection.execute("select raia_log.trim(now() - interval '1 hour')").fetchone() == (0,)
        assert connection.execute("select raia_log.trim(now() + interval '1 hour', 3)").fetchone() == (3,)
        assert connection.execute("select array_agg(position) from raia_log.event").fetchone() == ([4, 5],)
        assert connection.execute(PUBLISH, batch("raia.sample.a")).fetchone() == ([6],)


def test_old_idempotency_keys_of_every_tenant_are_purged(sample_database: ServiceDatabase) -> None:
    with psycopg.connect(sample_database.admin_url) as connection:
        for age in ("25 hours", "1 hour"):
            connection.execute(
                "insert into raia_sample.idempotency_key (org_id, caller, rpc, key, request_digest, status, "
                "claimed_until, created_at) values (%s, 'c', 'r', %s, '', 'done', now(), now() - %s::interval)",
                (uuid4(), age, age),
            )
    with platform_connection(sample_database) as connection:
        purged = connection.execute("select purge_idempotency_keys(now() - interval '24 hours', 100)").fetchone()
    assert purged == (1,)


def test_jobs_are_deferred_by_the_runtime_role_without_a_notify(sample_database: ServiceDatabase) -> None:
    with psycopg.connect(sample_database.url) as connection:
        ids = connection.execute(
            "select procrastinate_defer_jobs_v1(array[row('q', 't', 0, null, null, '{}', null)]"
            "::procrastinate_job_to_defer_v1[])"
        ).fetchone()
        assert ids == ([1],)
        connection.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select args from procrastinate_jobs")
    with psycopg.connect(sample_database.admin_url) as connection:
        triggers = connection.execute("select tgname from pg_trigger where tgname like '%notify%'").fetchall()
    assert triggers == []
    with platform_connection(sample_database) as connection:
        assert connection.execute("select worker_id from procrastinate_register_worker_v1()").fetchone() == (1,)
        assert connection.execute("select id, status from procrastinate_fetch_job_v2(null, 1)").fetchone() == (
            1,
            "doing",
        )


class TestUpgrade:
    """A service's migration scripts, run on a package made for the test."""

    FIRST = """
    from alembic import op
    from raia_kit.migrations import create_kit_tables, platform_table, tenant_table
    import sqlalchemy as sa

    revision, down_revision = "0001", None

    def upgrade() -> None:
        create_kit_tables("crate")
        op.create_table("box", sa.Column("org_id", sa.Uuid), sa.Column("id", sa.Uuid, primary_key=True))
        op.create_table("label", sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True))
        tenant_table("crate", "box", "select, insert")
        platform_table("crate", "label")
    """
    SECOND = """
    from alembic import op

    revision, down_revision = "0002", "0001"

    def upgrade() -> None:
        op.execute("alter table box add column size int")
        {last}
    """

    @pytest.fixture
    def scripts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        package = tmp_path / "src" / "raia_crate"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        folder = tmp_path / "migrations" / "versions"
        folder.mkdir(parents=True)
        (folder / "0001_first.py").write_text(textwrap.dedent(self.FIRST))
        monkeypatch.syspath_prepend(str(tmp_path / "src"))
        return folder

    def second(self, scripts: Path, last: str = "") -> None:
        (scripts / "0002_second.py").write_text(textwrap.dedent(self.SECOND).format(last=last))

    def test_migrations_run_as_the_owner_once(self, scripts: Path, postgres: PostgresServer) -> None:
        with postgres.empty_database() as url:
            migrations.bootstrap(url, ["crate"], {"crate": "raia-test"})
            assert migrations.current_revision(url, "crate") is None
            with ThreadPoolExecutor(3) as threads:
                for done in [threads.submit(migrations.upgrade, url, "crate") for _ in range(3)]:
                    done.result()
            assert migrations.current_revision(url, "crate") == migrations.head_revision("crate") == "0001"
            self.second(scripts)
            migrations.upgrade(url, "crate")
            assert migrations.current_revision(url, "crate") == "0002"
            assert catalogue.tenant_tables(url, "crate") == {"box", *tables.TENANT_TABLES}
            assert catalogue.platform_tables(url, "crate") == {"label", *tables.PLATFORM_TABLES}
            with psycopg.connect(url) as connection:
                owners = connection.execute(
                    "select distinct tableowner from pg_tables where schemaname = 'raia_crate'"
                ).fetchall()
            assert owners == [("raia_crate_owner",)]
            with psycopg.connect(self.runtime(url)) as connection:
                connection.execute("set role raia_crate_platform")
                connection.execute("insert into label default values")
                assert connection.execute("select version_num from alembic_version").fetchall() == [("0002",)]

    def test_a_migration_that_fails_leaves_nothing_and_may_run_again(
        self, scripts: Path, postgres: PostgresServer
    ) -> None:
        with postgres.empty_database() as url:
            migrations.bootstrap(url, ["crate"], {})
            self.second(scripts, 'op.execute("select 1 / 0")')
            with pytest.raises(Exception, match="division by zero"):
                migrations.upgrade(url, "crate")
            assert migrations.current_revision(url, "crate") == "0001"
            self.second(scripts)
            migrations.upgrade(url, "crate")
            assert migrations.current_revision(url, "crate") == "0002"

    def test_a_migration_does_not_wait_long_for_a_lock(self, scripts: Path, postgres: PostgresServer) -> None:
        with postgres.empty_database() as url:
            migrations.bootstrap(url, ["crate"], {})
            migrations.upgrade(url, "crate")
            self.second(scripts)
            with psycopg.connect(url) as connection:
                connection.execute("select * from raia_crate.box")
                with pytest.raises(Exception, match="lock timeout"):
                    migrations.upgrade(url, "crate")
            migrations.upgrade(url, "crate")

    def test_an_older_version_refuses_a_newer_database(self, scripts: Path, postgres: PostgresServer) -> None:
        with postgres.empty_database() as url:
            migrations.bootstrap(url, ["crate"], {})
            self.second(scripts)
            migrations.upgrade(url, "crate")
            (scripts / "0002_second.py").unlink()
            with pytest.raises(migrations.MigrationError, match="does not know"):
                migrations.upgrade(url, "crate")

    @staticmethod
    def runtime(url: str) -> str:
        return f"postgresql://raia_crate:raia-test@{url.rpartition('@')[2]}"


def test_a_service_without_a_package_or_with_a_strange_name_is_refused() -> None:
    with pytest.raises(migrations.MigrationError, match="not installed"):
        migrations.migrations_folder("nosuch")
    with pytest.raises(ValueError, match="no service name"):
        migrations.schema_of('x"; drop')
