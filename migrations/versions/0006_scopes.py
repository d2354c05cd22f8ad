"""sync: sets of scopes by digest, for cursors that outlive a change of scope; auth: who held which when.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sync_scope_set',
    sa.Column('digest', sa.String(length=16), nullable=False),
    sa.Column('scopes', sync.store.base.Json(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_sync_scope_set'))
    )
    op.create_table('held_scope',
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('scope', sa.String(length=64), nullable=False),
    sa.Column('from_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('until_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_held_scope_officer')),
    sa.PrimaryKeyConstraint('officer', 'scope', 'from_at', name=op.f('pk_held_scope'))
    )


def downgrade() -> None:
    op.drop_table('held_scope')
    op.drop_table('sync_scope_set')
