"""Tags of datasets."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("alter table dataset add column tags text[] not null default '{}'")
