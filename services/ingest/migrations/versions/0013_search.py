"""Search over datasets."""

from alembic import op
from raia_kit.migrations import grant_execute, tenant_table

revision = "0013"
down_revision = "0012"

_SERVICE = "ingest"

_TABLE = """
create table dataset_search (
    org_id uuid not null,
    dataset_id uuid not null,
    texts bytea not null,
    terms tsvector not null,
    primary key (org_id, dataset_id),
    foreign key (org_id, dataset_id) references dataset (org_id, id)
);
create index dataset_search_terms on dataset_search using gin (terms);
comment on table dataset_search is 'Words of datasets by weight; texts is JSON in bytes, since values may hold NUL';

-- Datasets from before are found by their names and descriptions until an event tells more of them.
insert into dataset_search (org_id, dataset_id, texts, terms)
select org_id, id,
    convert_to(jsonb_build_array(
        jsonb_build_object('field', 'name', 'text', name, 'column', ''),
        jsonb_build_object('field', 'description', 'text', description, 'column', ''))::text, 'UTF8'),
    setweight(to_tsvector('simple', translate(lower(name), '_-./', '    ')), 'A')
        || setweight(to_tsvector('simple', translate(lower(description), '_-./', '    ')), 'C')
from dataset where deleted_at is null;
"""

# Row security keeps @@ from its index, so this runs as the owner and filters by the tenant itself.
_FUNCTION = """
create function search_datasets(query tsquery)
returns table (dataset_id uuid, score double precision, texts bytea)
language sql stable parallel safe security definer
set search_path = pg_catalog, raia_ingest, pg_temp
as $body$
    select s.dataset_id, ts_rank('{0.05, 0.2, 0.5, 1.0}', s.terms, query)::double precision, s.texts
    from raia_ingest.dataset_search s
    where s.terms @@ query and s.org_id = (select current_setting('raia.org_id')::uuid)
$body$;
"""


def upgrade() -> None:
    for script in (_TABLE, _FUNCTION):
        op.execute(script.replace(":", r"\:"))
    tenant_table(_SERVICE, "dataset_search", "select, insert, update")
    grant_execute(_SERVICE, "search_datasets(tsquery)")
