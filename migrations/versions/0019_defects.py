"""defects: what law finds wrong with what was done.

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('defect',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('type', sa.String(length=16), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('rule', sa.String(length=8), nullable=False),
    sa.Column('checks', sync.store.base.Json(), nullable=False),
    sa.Column('bundle', sa.String(length=32), nullable=False),
    sa.Column('found_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('task', sync.store.base.Id(length=36), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=True),
    sa.Column('settled_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('settled_by', sync.store.base.Id(length=36), nullable=True),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.CheckConstraint("state IN ('open', 'cleared', 'settled')", name=op.f('ck_defect_state_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_defect')),
    sa.UniqueConstraint('record', 'rule', name=op.f('uq_defect_record_rule'))
    )
    with op.batch_alter_table('defect', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_defect_unit_state'), ['unit', 'state'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('defect', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_defect_unit_state'))

    op.drop_table('defect')
