"""care: orders to wipe terminals, alerts.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN_WIPE = sa.text('confirmed_at IS NULL')
OPEN_ALERT = sa.text('cleared_at IS NULL')


def upgrade() -> None:
    _create_wipe_order()
    _create_alert()


def downgrade() -> None:
    _drop_alert()
    _drop_wipe_order()


def _create_wipe_order() -> None:
    op.create_table('wipe_order',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('after_push', sa.Boolean(), nullable=False),
    sa.Column('ordered_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('ordered_by', sa.String(length=64), nullable=False),
    sa.Column('confirmed_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['terminal'], ['terminal.id'], name=op.f('fk_wipe_order_terminal')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wipe_order'))
    )
    with op.batch_alter_table('wipe_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_wipe_order_terminal_ordered_at'), ['terminal', 'ordered_at'], unique=False)
        batch_op.create_index('uq_wipe_order_open', ['terminal'], unique=True, sqlite_where=OPEN_WIPE, postgresql_where=OPEN_WIPE)


def _create_alert() -> None:
    op.create_table('alert',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('detail', sync.store.base.Json(), nullable=True),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('raised_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('seen_by', sync.store.base.Id(length=36), nullable=True),
    sa.Column('cleared_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('terminal_silent', 'write_once_changed', 'parked_overdue', 'number_reused')", name=op.f('ck_alert_kind_known')),
    sa.CheckConstraint('count >= 1', name=op.f('ck_alert_count_positive')),
    sa.ForeignKeyConstraint(['seen_by'], ['officer.id'], name=op.f('fk_alert_seen_by')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert'))
    )
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alert_cleared_at'), ['cleared_at'], unique=False)
        batch_op.create_index('uq_alert_open', ['kind', 'subject'], unique=True, sqlite_where=OPEN_ALERT, postgresql_where=OPEN_ALERT)


def _drop_alert() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_index('uq_alert_open', sqlite_where=OPEN_ALERT, postgresql_where=OPEN_ALERT)
        batch_op.drop_index(batch_op.f('ix_alert_cleared_at'))
    op.drop_table('alert')


def _drop_wipe_order() -> None:
    with op.batch_alter_table('wipe_order', schema=None) as batch_op:
        batch_op.drop_index('uq_wipe_order_open', sqlite_where=OPEN_WIPE, postgresql_where=OPEN_WIPE)
        batch_op.drop_index(batch_op.f('ix_wipe_order_terminal_ordered_at'))
    op.drop_table('wipe_order')
