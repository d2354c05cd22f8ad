"""procedure: measures, general proceedings, calls, days off; what law asks of a case and a vehicle check.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_holiday()
    _create_call()
    _create_measure()
    _create_proceeding()
    _add_columns()


def downgrade() -> None:
    with op.batch_alter_table('vehicle_check', schema=None) as batch_op:
        batch_op.drop_column('status_codes')
        batch_op.drop_column('permit_ok')
        batch_op.drop_column('papers')
        batch_op.drop_column('owner')
        batch_op.drop_column('trailer_plate_kind')

    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_column('rule')
        batch_op.drop_column('for_role')

    with op.batch_alter_table('permit', schema=None) as batch_op:
        batch_op.drop_column('quantity')

    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.drop_column('rule_set')
        batch_op.drop_column('disputed')
        batch_op.drop_column('officers')
        batch_op.drop_column('no_penalty_reason')
        batch_op.drop_column('discretion')
        batch_op.drop_column('penalty_kinds')
        batch_op.drop_column('violations')
        batch_op.drop_column('subject')
        batch_op.drop_column('procedure')

    with op.batch_alter_table('proceeding', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_proceeding_unit_status'))
        batch_op.drop_index(batch_op.f('ix_proceeding_case'))

    op.drop_table('proceeding')
    with op.batch_alter_table('measure', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_measure_unit_status'))
        batch_op.drop_index(batch_op.f('ix_measure_incident'))
        batch_op.drop_index(batch_op.f('ix_measure_case'))

    op.drop_table('measure')
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_call_status'))
        batch_op.drop_index(batch_op.f('ix_call_incident'))

    op.drop_table('call')
    op.drop_table('holiday')


def _create_holiday() -> None:
    op.create_table('holiday',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('day', sa.String(length=10), nullable=False),
    sa.Column('is_workday', sa.Boolean(), nullable=True),
    sa.Column('source', sa.String(length=200), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_holiday')),
    sa.UniqueConstraint('day', name=op.f('uq_holiday_day'))
    )


def _create_call() -> None:
    op.create_table('call',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('incident', sync.store.base.Id(length=36), nullable=True),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('called_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('case', sync.store.base.Id(length=36), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_call_incident')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_call_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call'))
    )
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_call_incident'), ['incident'], unique=False)
        batch_op.create_index(batch_op.f('ix_call_status'), ['status'], unique=False)


def _create_measure() -> None:
    op.create_table('measure',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('incident', sync.store.base.Id(length=36), nullable=True),
    sa.Column('case', sync.store.base.Id(length=36), nullable=True),
    sa.Column('vehicle_check', sync.store.base.Id(length=36), nullable=True),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('ground', sa.String(length=4), nullable=True),
    sa.Column('subject', sa.String(length=16), nullable=True),
    sa.Column('imposed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=True),
    sa.Column('officers', sync.store.base.Json(), nullable=True),
    sa.Column('approved_by', sa.String(length=100), nullable=True),
    sa.Column('approved_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('term_days', sa.Integer(), nullable=True),
    sa.Column('extended_days', sa.Integer(), nullable=True),
    sa.Column('necessities', sa.Boolean(), nullable=True),
    sa.Column('list_copies', sa.Integer(), nullable=True),
    sa.Column('plate', sa.String(length=12), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('storage', sa.String(length=200), nullable=True),
    sa.Column('delivered_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('reported_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('lifted_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('lift_reason', sa.String(length=500), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_measure_incident')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_measure_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_measure'))
    )
    with op.batch_alter_table('measure', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_measure_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_measure_incident'), ['incident'], unique=False)
        batch_op.create_index(batch_op.f('ix_measure_unit_status'), ['unit', 'status'], unique=False)


def _create_proceeding() -> None:
    op.create_table('proceeding',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('opened_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('officers', sync.store.base.Json(), nullable=True),
    sa.Column('violations', sync.store.base.Json(), nullable=True),
    sa.Column('penalty_kinds', sync.store.base.Json(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=True),
    sa.Column('legal_basis', sync.store.base.Json(), nullable=True),
    sa.Column('discretion', sync.store.base.Json(), nullable=True),
    sa.Column('no_penalty_reason', sa.String(length=16), nullable=True),
    sa.Column('major', sa.Boolean(), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['case'], ['case.id'], name=op.f('fk_proceeding_case')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_proceeding_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proceeding'))
    )
    with op.batch_alter_table('proceeding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_proceeding_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_proceeding_unit_status'), ['unit', 'status'], unique=False)


def _add_columns() -> None:
    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.add_column(sa.Column('procedure', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('subject', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('violations', sync.store.base.Json(), nullable=True))
        batch_op.add_column(sa.Column('penalty_kinds', sync.store.base.Json(), nullable=True))
        batch_op.add_column(sa.Column('discretion', sync.store.base.Json(), nullable=True))
        batch_op.add_column(sa.Column('no_penalty_reason', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('officers', sync.store.base.Json(), nullable=True))
        batch_op.add_column(sa.Column('disputed', sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column('rule_set', sa.String(length=64), nullable=True))

    with op.batch_alter_table('permit', schema=None) as batch_op:
        batch_op.add_column(sa.Column('quantity', sa.Integer(), nullable=True))

    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.add_column(sa.Column('for_role', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('rule', sa.String(length=8), nullable=True))

    with op.batch_alter_table('vehicle_check', schema=None) as batch_op:
        batch_op.add_column(sa.Column('trailer_plate_kind', sa.String(length=2), nullable=True))
        batch_op.add_column(sa.Column('owner', sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column('papers', sync.store.base.Json(), nullable=True))
        batch_op.add_column(sa.Column('permit_ok', sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column('status_codes', sa.String(length=17), nullable=True))
