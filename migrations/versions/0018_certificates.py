"""certificates: the officers' certificates and their days.

Revision 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('officer', schema=None) as batch_op:
        batch_op.add_column(sa.Column('cert_no', sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column('cert_from', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('cert_to', sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('officer', schema=None) as batch_op:
        batch_op.drop_column('cert_to')
        batch_op.drop_column('cert_from')
        batch_op.drop_column('cert_no')
