"""sync: under which schema number each operation was written.

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('sync_operation', sa.Column('schema', sa.Integer(), server_default='1', nullable=False))


def downgrade() -> None:
    with op.batch_alter_table('sync_operation', schema=None) as batch_op:
        batch_op.drop_column('schema')
