"""Models trained on dataset versions; versions are found by what they were made from."""

from alembic import op
from raia_kit.migrations import tenant_table

revision = "0012"
down_revision = "0011"

_SERVICE = "ingest"

_TABLE = """
create table trained_model (
    org_id uuid not null,
    model_id uuid not null,
    model_version integer not null,
    model_name text not null,
    project_id uuid,
    dataset_id uuid not null,
    dataset_version integer not null,
    trained_at timestamptz not null,
    primary key (org_id, model_id, model_version)
);
create index trained_model_of on trained_model (org_id, dataset_id, dataset_version);
comment on table trained_model is 'Which models learnt from which dataset versions, as the events of ml tell';

create index dataset_version_made_of on dataset_version (org_id, (origin->>'dataset_id'))
    where origin->>'dataset_id' is not null;
"""


def upgrade() -> None:
    op.execute(_TABLE)
    tenant_table(_SERVICE, "trained_model", "select, insert, update")
