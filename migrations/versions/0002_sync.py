"""sync: records, audience, operations, conflicts, stores, receipts, outbox.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_outbox()
    _create_sync_operation()
    _create_sync_record()
    _create_sync_sequence()
    _create_sync_store()
    _create_sync_audience()
    _create_sync_conflict()
    _create_sync_receipt()
    _create_sync_settled()
    _create_sync_waiting()


def downgrade() -> None:
    _drop_sync_waiting()
    _drop_sync_settled()
    _drop_sync_receipt()
    _drop_sync_conflict()
    _drop_sync_audience()
    _drop_sync_store()
    _drop_sync_sequence()
    _drop_sync_record()
    _drop_sync_operation()
    _drop_outbox()


def _create_outbox() -> None:
    op.create_table('outbox',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('key', sa.String(length=120), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('payload', sa.Text(), nullable=True),
    sa.Column('reason', sa.String(length=2000), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'held', 'cancelled', 'refused')", name=op.f('ck_outbox_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('key', name=op.f('uq_outbox_key'))
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_outbox_state_due_at'), ['state', 'due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_outbox_subject'), ['subject'], unique=False)


def _create_sync_operation() -> None:
    op.create_table('sync_operation',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('store', sa.String(length=64), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=True),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=True),
    sa.Column('batch', sa.String(length=64), nullable=True),
    sa.Column('record', sa.String(length=64), nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('payload_sha256', sa.String(length=64), nullable=False),
    sa.Column('seen', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('version', sa.Integer(), nullable=True),
    sa.Column('seq', sa.BigInteger(), nullable=True),
    sa.Column('result', sa.Text(), nullable=False),
    sa.Column('changed', sync.store.base.Json(), nullable=True),
    sa.Column('at', sa.String(length=64), nullable=False),
    sa.Column('received_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('context', sync.store.base.Json(), nullable=True),
    sa.CheckConstraint("outcome IN ('applied', 'merged', 'proposed', 'unchanged', 'dismissed', 'parked', 'quarantined')", name=op.f('ck_sync_operation_outcome')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_operation'))
    )
    with op.batch_alter_table('sync_operation', schema=None) as batch_op:
        batch_op.create_index('ix_sync_operation_open', ['outcome'], unique=False, sqlite_where=sa.text("outcome IN ('quarantined', 'parked')"), postgresql_where=sa.text("outcome IN ('quarantined', 'parked')"))
        batch_op.create_index(batch_op.f('ix_sync_operation_record_version'), ['record', 'version'], unique=False)
        batch_op.create_index(batch_op.f('ix_sync_operation_store_number'), ['store', 'number'], unique=False)


def _create_sync_record() -> None:
    op.create_table('sync_record',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('type', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('family', sync.store.base.Id(length=36), nullable=False),
    sa.Column('parent', sync.store.base.Id(length=36), nullable=True),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('stamps', sa.Text(), nullable=False),
    sa.Column('void', sa.String(length=500), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_record'))
    )
    with op.batch_alter_table('sync_record', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_record_family'), ['family'], unique=False)
        batch_op.create_index(batch_op.f('ix_sync_record_type_seq'), ['type', 'seq'], unique=False)


def _create_sync_sequence() -> None:
    op.create_table('sync_sequence',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('hlc_ms', sa.BigInteger(), nullable=False),
    sa.Column('hlc_counter', sa.Integer(), nullable=False),
    sa.Column('epoch', sync.store.base.Id(length=36), nullable=False),
    sa.Column('safe_before', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint('id = 1', name=op.f('ck_sync_sequence_one_row')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_sequence'))
    )


def _create_sync_store() -> None:
    op.create_table('sync_store',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('numbers', sync.store.base.Json(), nullable=True),
    sa.Column('last_receipt_sha256', sa.String(length=64), nullable=True),
    sa.Column('health', sync.store.base.Json(), nullable=True),
    sa.Column('clock_offset_ms', sa.BigInteger(), nullable=True),
    sa.Column('first_seen_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_store'))
    )
    with op.batch_alter_table('sync_store', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_store_terminal'), ['terminal'], unique=False)


def _create_sync_audience() -> None:
    op.create_table('sync_audience',
    sa.Column('scope', sa.String(length=64), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('family', sync.store.base.Id(length=36), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['record'], ['sync_record.id'], name=op.f('fk_sync_audience_record')),
    sa.PrimaryKeyConstraint('scope', 'record', name=op.f('pk_sync_audience'))
    )
    with op.batch_alter_table('sync_audience', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_audience_family'), ['family'], unique=False)
        batch_op.create_index(batch_op.f('ix_sync_audience_record'), ['record'], unique=False)
        batch_op.create_index(batch_op.f('ix_sync_audience_scope_seq'), ['scope', 'seq'], unique=False)


def _create_sync_conflict() -> None:
    op.create_table('sync_conflict',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('operation', sa.String(length=64), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('family', sync.store.base.Id(length=36), nullable=False),
    sa.Column('type', sa.String(length=32), nullable=False),
    sa.Column('field', sa.String(length=64), nullable=False),
    sa.Column('merge', sa.String(length=32), nullable=False),
    sa.Column('base', sync.store.base.Json(), nullable=True),
    sa.Column('mine', sync.store.base.Json(), nullable=True),
    sa.Column('theirs', sync.store.base.Json(), nullable=True),
    sa.Column('kept', sa.String(length=8), nullable=False),
    sa.Column('by_mine', sync.store.base.Id(length=36), nullable=False),
    sa.Column('by_theirs', sa.String(length=36), nullable=True),
    sa.Column('at_mine', sa.String(length=64), nullable=False),
    sa.Column('at_theirs', sa.String(length=64), nullable=True),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('resolution', sync.store.base.Json(), nullable=True),
    sa.CheckConstraint("kept IN ('server', 'mine')", name=op.f('ck_sync_conflict_kept')),
    sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f('ck_sync_conflict_state')),
    sa.ForeignKeyConstraint(['operation'], ['sync_operation.id'], name=op.f('fk_sync_conflict_operation')),
    sa.ForeignKeyConstraint(['record'], ['sync_record.id'], name=op.f('fk_sync_conflict_record')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_conflict')),
    sa.UniqueConstraint('operation', 'field', name=op.f('uq_sync_conflict_operation_field'))
    )
    with op.batch_alter_table('sync_conflict', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_conflict_record'), ['record'], unique=False)
        batch_op.create_index(batch_op.f('ix_sync_conflict_state_family'), ['state', 'family'], unique=False)


def _create_sync_receipt() -> None:
    op.create_table('sync_receipt',
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('store', sa.String(length=64), nullable=False),
    sa.Column('batch', sa.String(length=64), nullable=False),
    sa.Column('jws', sa.Text(), nullable=False),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['store'], ['sync_store.id'], name=op.f('fk_sync_receipt_store')),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_sync_receipt'))
    )
    with op.batch_alter_table('sync_receipt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_receipt_store_batch'), ['store', 'batch'], unique=False)


def _create_sync_settled() -> None:
    op.create_table('sync_settled',
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('operation', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['operation'], ['sync_operation.id'], name=op.f('fk_sync_settled_operation')),
    sa.PrimaryKeyConstraint('terminal', 'seq', name=op.f('pk_sync_settled'))
    )


def _create_sync_waiting() -> None:
    op.create_table('sync_waiting',
    sa.Column('need', sa.String(length=64), nullable=False),
    sa.Column('operation', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['operation'], ['sync_operation.id'], name=op.f('fk_sync_waiting_operation')),
    sa.PrimaryKeyConstraint('need', 'operation', name=op.f('pk_sync_waiting'))
    )
    with op.batch_alter_table('sync_waiting', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sync_waiting_operation'), ['operation'], unique=False)


def _drop_sync_waiting() -> None:
    with op.batch_alter_table('sync_waiting', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_waiting_operation'))
    op.drop_table('sync_waiting')


def _drop_sync_settled() -> None:
    op.drop_table('sync_settled')


def _drop_sync_receipt() -> None:
    with op.batch_alter_table('sync_receipt', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_receipt_store_batch'))
    op.drop_table('sync_receipt')


def _drop_sync_conflict() -> None:
    with op.batch_alter_table('sync_conflict', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_conflict_state_family'))
        batch_op.drop_index(batch_op.f('ix_sync_conflict_record'))
    op.drop_table('sync_conflict')


def _drop_sync_audience() -> None:
    with op.batch_alter_table('sync_audience', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_audience_scope_seq'))
        batch_op.drop_index(batch_op.f('ix_sync_audience_record'))
        batch_op.drop_index(batch_op.f('ix_sync_audience_family'))
    op.drop_table('sync_audience')


def _drop_sync_store() -> None:
    with op.batch_alter_table('sync_store', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_store_terminal'))
    op.drop_table('sync_store')


def _drop_sync_sequence() -> None:
    op.drop_table('sync_sequence')


def _drop_sync_record() -> None:
    with op.batch_alter_table('sync_record', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_record_type_seq'))
        batch_op.drop_index(batch_op.f('ix_sync_record_family'))
    op.drop_table('sync_record')


def _drop_sync_operation() -> None:
    with op.batch_alter_table('sync_operation', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sync_operation_store_number'))
        batch_op.drop_index(batch_op.f('ix_sync_operation_record_version'))
        batch_op.drop_index('ix_sync_operation_open', sqlite_where=sa.text("outcome IN ('quarantined', 'parked')"), postgresql_where=sa.text("outcome IN ('quarantined', 'parked')"))
    op.drop_table('sync_operation')


def _drop_outbox() -> None:
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_subject'))
        batch_op.drop_index(batch_op.f('ix_outbox_state_due_at'))
    op.drop_table('outbox')
