"""numbers: blocks of document numbers, and the epoch that a database was founded with.

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "'terminal_silent', 'write_once_changed', 'parked_overdue', 'deadline_near', 'deadline_missed', 'number_reused', "
    "'receipt_reused', 'measure_lapsed'"
)
KINDS_AFTER = (
    "'terminal_silent', 'write_once_changed', 'parked_overdue', 'deadline_near', 'deadline_missed', 'number_reused', "
    "'document_number', 'receipt_reused', 'measure_lapsed'"
)


def upgrade() -> None:
    _add_origin()
    _change_alert_kinds(f"kind IN ({KINDS_AFTER})")
    _create_series()
    _create_block()
    _create_decision_number()


def downgrade() -> None:
    for table in ('decision_number', 'number_block', 'number_gap', 'number_series'):
        op.drop_table(table)
    op.execute(sa.text("DELETE FROM alert WHERE kind = 'document_number'"))
    _change_alert_kinds(f"kind IN ({KINDS_BEFORE})")
    with op.batch_alter_table('sync_sequence', schema=None) as batch_op:
        batch_op.drop_column('origin')


def _add_origin() -> None:
    # No number was ever leased before this revision: whatever the epoch is now, nothing is forgotten.
    op.add_column('sync_sequence', sa.Column('origin', sync.store.base.Id(length=36), nullable=True))
    op.execute(sa.text("UPDATE sync_sequence SET origin = epoch"))
    with op.batch_alter_table('sync_sequence', schema=None) as batch_op:
        batch_op.alter_column('origin', existing_type=sync.store.base.Id(length=36), nullable=False)


def _change_alert_kinds(condition: str) -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_alert_kind_known'), type_='check')
        batch_op.create_check_constraint(op.f('ck_alert_kind_known'), condition)


def _create_series() -> None:
    op.create_table('number_series',
    sa.Column('prefix', sa.String(length=64), nullable=False),
    sa.Column('year', sa.Integer(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('epoch', sync.store.base.Id(length=36), nullable=False),
    sa.CheckConstraint('value >= 0', name=op.f('ck_number_series_value_not_negative')),
    sa.PrimaryKeyConstraint('prefix', name=op.f('pk_number_series'))
    )
    op.create_table('number_gap',
    sa.Column('prefix', sa.String(length=64), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('epoch', sync.store.base.Id(length=36), nullable=False),
    sa.Column('skipped_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('first <= last', name=op.f('ck_number_gap_not_empty')),
    sa.ForeignKeyConstraint(['prefix'], ['number_series.prefix'], name=op.f('fk_number_gap_prefix')),
    sa.PrimaryKeyConstraint('prefix', 'first', name=op.f('pk_number_gap'))
    )


def _create_block() -> None:
    op.create_table('number_block',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('request', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('prefix', sa.String(length=64), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('store', sync.store.base.Id(length=36), nullable=True),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=False),
    sa.Column('lease', sa.Text(), nullable=False),
    sa.Column('leased_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('adopted_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('account_sha256', sa.String(length=64), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=True),
    sa.CheckConstraint('first >= 1 AND first <= last', name=op.f('ck_number_block_not_empty')),
    sa.ForeignKeyConstraint(['prefix'], ['number_series.prefix'], name=op.f('fk_number_block_prefix')),
    sa.ForeignKeyConstraint(['terminal'], ['terminal.id'], name=op.f('fk_number_block_terminal')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_number_block_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_number_block')),
    sa.UniqueConstraint('prefix', 'first', name=op.f('uq_number_block_prefix_first')),
    sa.UniqueConstraint('terminal', 'request', 'first', name=op.f('uq_number_block_terminal_request_first'))
    )
    with op.batch_alter_table('number_block', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_number_block_request'), ['request'], unique=False)
        batch_op.create_index(batch_op.f('ix_number_block_unit_leased_at'), ['unit', 'leased_at'], unique=False)


def _create_decision_number() -> None:
    op.create_table('decision_number',
    sa.Column('prefix', sa.String(length=64), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=True),
    sa.Column('case', sync.store.base.Id(length=36), nullable=True),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=True),
    sa.Column('store', sa.String(length=64), nullable=True),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=True),
    sa.Column('finding', sa.String(length=16), nullable=True),
    sa.Column('noted_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('used', 'declared', 'voided', 'free')", name=op.f('ck_decision_number_state_known')),
    sa.PrimaryKeyConstraint('prefix', 'number', 'document', name=op.f('pk_decision_number'))
    )
    with op.batch_alter_table('decision_number', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_number_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_decision_number_document'), ['document'], unique=False)
