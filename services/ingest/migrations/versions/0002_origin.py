"""Where a version comes from: an upload, or work on other versions."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""alter table dataset_version add column origin jsonb not null default '{"kind": "upload"}'""")
