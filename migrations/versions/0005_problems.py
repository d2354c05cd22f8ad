"""sync: the problem of a quarantined operation as a column, and who belongs to a group.

Revision 0005, after 0004.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('sync_operation', sa.Column('problem', sa.String(length=64), nullable=True))
    _fill_problem()
    _create_sync_member()


def downgrade() -> None:
    op.drop_table('sync_member')
    op.drop_column('sync_operation', 'problem')


def _fill_problem() -> None:
    """Read the code out of each quarantined operation's result."""
    connection = op.get_bind()
    operation = sa.table('sync_operation', sa.column('id'), sa.column('outcome'), sa.column('result'), sa.column('problem'))
    rows = connection.execute(sa.select(operation.c.id, operation.c.result).where(operation.c.outcome == 'quarantined')).all()
    found = [{'key': row.id, 'code': (json.loads(row.result).get('problem') or {}).get('code')} for row in rows]
    if found:
        fill = sa.update(operation).where(operation.c.id == sa.bindparam('key')).values(problem=sa.bindparam('code'))
        connection.execute(fill, found)


def _create_sync_member() -> None:
    op.create_table('sync_member',
    sa.Column('store', sa.String(length=64), nullable=False),
    sa.Column('group_id', sa.String(length=64), nullable=False),
    sa.Column('operation', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['operation'], ['sync_operation.id'], name=op.f('fk_sync_member_operation')),
    sa.PrimaryKeyConstraint('store', 'group_id', 'operation', name=op.f('pk_sync_member'))
    )
