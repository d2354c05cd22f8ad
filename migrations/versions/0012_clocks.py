"""clocks and cash: deadlines, reviews and suits, the ledger; more kinds of alerts.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KINDS_BEFORE = "kind IN ('terminal_silent', 'write_once_changed', 'parked_overdue', 'number_reused')"
KINDS_AFTER = "kind IN ('terminal_silent', 'write_once_changed', 'parked_overdue', 'deadline_near', 'deadline_missed', 'number_reused', 'receipt_reused', 'measure_lapsed')"


def upgrade() -> None:
    _create_deadline()
    _create_ledger_account()
    _create_ledger_transaction()
    _create_cash_receipt()
    _create_ledger_entry()
    _create_remedy()
    _change_kinds(KINDS_AFTER)


def downgrade() -> None:
    op.execute("DELETE FROM alert WHERE kind IN ('deadline_near', 'deadline_missed', 'receipt_reused', 'measure_lapsed')")
    _change_kinds(KINDS_BEFORE)
    with op.batch_alter_table('remedy', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_remedy_case'))

    op.drop_table('remedy')
    with op.batch_alter_table('ledger_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ledger_entry_account_transaction'))

    op.drop_table('ledger_entry')
    with op.batch_alter_table('cash_receipt', schema=None) as batch_op:
        batch_op.drop_index('uq_cash_receipt_receipt_no', sqlite_where=sa.text('NOT contested'), postgresql_where=sa.text('NOT contested'))
        batch_op.drop_index(batch_op.f('ix_cash_receipt_officer_hand_in'))
        batch_op.drop_index(batch_op.f('ix_cash_receipt_hand_in'))

    op.drop_table('cash_receipt')
    with op.batch_alter_table('ledger_transaction', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ledger_transaction_officer_at'))

    op.drop_table('ledger_transaction')

    op.drop_table('ledger_account')
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_deadline_unit_state_due_at'))
        batch_op.drop_index(batch_op.f('ix_deadline_state_due_at'))
        batch_op.drop_index(batch_op.f('ix_deadline_case'))

    op.drop_table('deadline')


def _change_kinds(kinds: str) -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_alert_kind_known'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_alert_kind_known'), sa.text(kinds))


def _create_deadline() -> None:
    op.create_table('deadline',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('type', sa.String(length=24), nullable=False),
    sa.Column('item', sa.String(length=36), nullable=False),
    sa.Column('clock', sa.String(length=32), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('started_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('warn_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('due_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('provisional', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('met_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('open', 'met', 'missed', 'lapsed')", name=op.f('ck_deadline_state_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deadline')),
    sa.UniqueConstraint('record', 'item', 'clock', name=op.f('uq_deadline_record_item_clock'))
    )
    with op.batch_alter_table('deadline', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deadline_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_deadline_state_due_at'), ['state', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_deadline_unit_state_due_at'), ['unit', 'state', 'due_at'], unique=False)


def _create_ledger_account() -> None:
    op.create_table('ledger_account',
    sa.Column('id', sa.String(length=48), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=True),
    sa.Column('balance_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("(kind = 'officer') = (officer IS NOT NULL)", name=op.f('ck_ledger_account_officer_of_his_own')),
    sa.CheckConstraint("kind IN ('officer', 'agency', 'bank', 'fines', 'refunds')", name=op.f('ck_ledger_account_kind_known')),
    sa.CheckConstraint("kind NOT IN ('officer', 'agency', 'bank') OR balance_fen >= 0", name=op.f('ck_ledger_account_cash_not_negative')),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_ledger_account_officer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_account')),
    sa.UniqueConstraint('officer', name=op.f('uq_ledger_account_officer'))
    )


def _create_ledger_transaction() -> None:
    op.create_table('ledger_transaction',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('noted_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('noted_by', sync.store.base.Id(length=36), nullable=False),
    sa.Column('slip_no', sa.String(length=64), nullable=True),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('reverses', sync.store.base.Id(length=36), nullable=True),
    sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name=op.f('ck_ledger_transaction_reversal_of_one')),
    sa.CheckConstraint("kind IN ('collection', 'hand_in', 'banking', 'reversal')", name=op.f('ck_ledger_transaction_kind_known')),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_ledger_transaction_officer')),
    sa.ForeignKeyConstraint(['reverses'], ['ledger_transaction.id'], name=op.f('fk_ledger_transaction_reverses')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_transaction')),
    sa.UniqueConstraint('reverses', name=op.f('uq_ledger_transaction_reverses'))
    )
    with op.batch_alter_table('ledger_transaction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ledger_transaction_officer_at'), ['officer', 'at'], unique=False)


def _create_cash_receipt() -> None:
    op.create_table('cash_receipt',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('payment', sa.String(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('collected_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('receipt_no', sa.String(length=32), nullable=True),
    sa.Column('contested', sa.Boolean(), nullable=False),
    sa.Column('hand_in', sync.store.base.Id(length=36), nullable=True),
    sa.Column('banking', sync.store.base.Id(length=36), nullable=True),
    sa.Column('reversal', sync.store.base.Id(length=36), nullable=True),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_cash_receipt_amount_positive')),
    sa.ForeignKeyConstraint(['banking'], ['ledger_transaction.id'], name=op.f('fk_cash_receipt_banking')),
    sa.ForeignKeyConstraint(['hand_in'], ['ledger_transaction.id'], name=op.f('fk_cash_receipt_hand_in')),
    sa.ForeignKeyConstraint(['id'], ['ledger_transaction.id'], name=op.f('fk_cash_receipt_id')),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_cash_receipt_officer')),
    sa.ForeignKeyConstraint(['record'], ['sync_record.id'], name=op.f('fk_cash_receipt_record')),
    sa.ForeignKeyConstraint(['reversal'], ['ledger_transaction.id'], name=op.f('fk_cash_receipt_reversal')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cash_receipt')),
    sa.UniqueConstraint('record', 'payment', name=op.f('uq_cash_receipt_record_payment'))
    )
    with op.batch_alter_table('cash_receipt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cash_receipt_hand_in'), ['hand_in'], unique=False)
        batch_op.create_index(batch_op.f('ix_cash_receipt_officer_hand_in'), ['officer', 'hand_in'], unique=False)
        batch_op.create_index('uq_cash_receipt_receipt_no', ['receipt_no'], unique=True, sqlite_where=sa.text('NOT contested'), postgresql_where=sa.text('NOT contested'))


def _create_ledger_entry() -> None:
    op.create_table('ledger_entry',
    sa.Column('transaction', sync.store.base.Id(length=36), nullable=False),
    sa.Column('account', sa.String(length=48), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount_fen <> 0', name=op.f('ck_ledger_entry_amount_not_zero')),
    sa.ForeignKeyConstraint(['account'], ['ledger_account.id'], name=op.f('fk_ledger_entry_account')),
    sa.ForeignKeyConstraint(['transaction'], ['ledger_transaction.id'], name=op.f('fk_ledger_entry_transaction')),
    sa.PrimaryKeyConstraint('transaction', 'account', name=op.f('pk_ledger_entry'))
    )
    with op.batch_alter_table('ledger_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ledger_entry_account_transaction'), ['account', 'transaction'], unique=False)


def _create_remedy() -> None:
    op.create_table('remedy',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('opened_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('result', sa.String(length=16), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=True),
    sa.Column('by', sync.store.base.Id(length=36), nullable=False),
    sa.Column('noted_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('review', 'suit')", name=op.f('ck_remedy_kind_known')),
    sa.CheckConstraint("result IN ('upheld', 'changed', 'revoked', 'withdrawn', 'settled')", name=op.f('ck_remedy_result_known')),
    sa.CheckConstraint('(closed_at IS NULL) = (result IS NULL)', name=op.f('ck_remedy_closed_with_result')),
    sa.CheckConstraint('closed_at >= opened_at', name=op.f('ck_remedy_closed_after_opened')),
    sa.ForeignKeyConstraint(['by'], ['officer.id'], name=op.f('fk_remedy_by')),
    sa.ForeignKeyConstraint(['case'], ['case.id'], name=op.f('fk_remedy_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remedy'))
    )
    with op.batch_alter_table('remedy', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_remedy_case'), ['case'], unique=False)
