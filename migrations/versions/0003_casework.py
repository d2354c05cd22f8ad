"""casework: the bureau's records as typed tables.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_category()
    _create_counter()
    _create_permit()
    _create_grid()
    _create_incident()
    _create_task()
    _create_case()
    _create_vehicle_check()
    _create_evidence()


def downgrade() -> None:
    _drop_evidence()
    _drop_vehicle_check()
    _drop_case()
    _drop_task()
    _drop_incident()
    _drop_grid()
    _drop_permit()
    _drop_counter()
    _drop_category()


def _create_category() -> None:
    op.create_table('category',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=4), nullable=False),
    sa.Column('major_zh', sa.String(length=50), nullable=False),
    sa.Column('zh', sa.String(length=100), nullable=False),
    sa.Column('en', sa.String(length=100), nullable=False),
    sa.Column('limit', sa.String(length=1000), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_category')),
    sa.UniqueConstraint('code', name=op.f('uq_category_code'))
    )


def _create_counter() -> None:
    op.create_table('counter',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_counter'))
    )


def _create_permit() -> None:
    op.create_table('permit',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('permit_no', sa.String(length=32), nullable=False),
    sa.Column('holder', sa.String(length=100), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('goods', sa.String(length=100), nullable=True),
    sa.Column('hours', sa.String(length=50), nullable=True),
    sa.Column('size', sa.String(length=50), nullable=True),
    sa.Column('valid_from', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('valid_to', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_permit')),
    sa.UniqueConstraint('permit_no', name=op.f('uq_permit_permit_no'))
    )


def _create_grid() -> None:
    op.create_table('grid',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=15), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_grid_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_grid')),
    sa.UniqueConstraint('code', name=op.f('uq_grid_code'))
    )


def _create_incident() -> None:
    op.create_table('incident',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('category', sa.String(length=4), nullable=True),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('grid', sa.String(length=15), nullable=True),
    sa.Column('occurred_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['category'], ['category.code'], name=op.f('fk_incident_category')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_incident_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )


def _create_task() -> None:
    op.create_table('task',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=True),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('category', sa.String(length=4), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('due_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('for_unit', sa.String(length=32), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=True),
    sa.Column('answer', sa.String(length=500), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['category'], ['category.code'], name=op.f('fk_task_category')),
    sa.ForeignKeyConstraint(['for_unit'], ['unit.id'], name=op.f('fk_task_for_unit')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_task_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task'))
    )
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_task_unit_status'), ['unit', 'status'], unique=False)


def _create_case() -> None:
    op.create_table('case',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('category', sa.String(length=4), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('plates', sync.store.base.Json(), nullable=True),
    sa.Column('shop_name', sa.String(length=100), nullable=True),
    sa.Column('grid', sa.String(length=15), nullable=True),
    sa.Column('party', sync.store.base.Json(), nullable=True),
    sa.Column('amount_fen', sa.BigInteger(), nullable=True),
    sa.Column('legal_basis', sync.store.base.Json(), nullable=True),
    sa.Column('occurred_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('source', sa.String(length=16), nullable=True),
    sa.Column('incident', sync.store.base.Id(length=36), nullable=True),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('review', sa.String(length=16), nullable=False),
    sa.Column('review_reason', sa.String(length=500), nullable=True),
    sa.Column('priority_hint', sa.Integer(), nullable=True),
    sa.Column('case_no', sa.String(length=32), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('task_no', sa.String(length=64), nullable=True),
    sa.Column('delivery', sa.String(length=16), nullable=False),
    sa.Column('centre_message', sa.String(length=2000), nullable=True),
    sa.Column('captured_at_corrected', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint('amount_fen IS NULL OR amount_fen >= 0', name=op.f('ck_case_amount_not_negative')),
    sa.ForeignKeyConstraint(['category'], ['category.code'], name=op.f('fk_case_category')),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_case_incident')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_case_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case')),
    sa.UniqueConstraint('case_no', name=op.f('uq_case_case_no'))
    )
    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_incident'), ['incident'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_review'), ['review'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_unit_status'), ['unit', 'status'], unique=False)


def _create_vehicle_check() -> None:
    op.create_table('vehicle_check',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('incident', sync.store.base.Id(length=36), nullable=True),
    sa.Column('checked_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('plate', sa.String(length=12), nullable=True),
    sa.Column('plate_state', sa.String(length=16), nullable=True),
    sa.Column('plate_kind', sa.String(length=2), nullable=True),
    sa.Column('plate_colour', sa.String(length=16), nullable=True),
    sa.Column('trailer_plate', sa.String(length=12), nullable=True),
    sa.Column('vehicle_type', sa.String(length=50), nullable=True),
    sa.Column('cargo', sa.String(length=100), nullable=True),
    sa.Column('sealed', sa.Boolean(), nullable=True),
    sa.Column('spill_length_m', sa.Integer(), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('result', sa.String(length=24), nullable=True),
    sa.Column('papers_returned', sa.Boolean(), nullable=True),
    sa.Column('author', sync.store.base.Id(length=36), nullable=True),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.ForeignKeyConstraint(['incident'], ['incident.id'], name=op.f('fk_vehicle_check_incident')),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_vehicle_check_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vehicle_check'))
    )
    with op.batch_alter_table('vehicle_check', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_vehicle_check_incident'), ['incident'], unique=False)
        batch_op.create_index(batch_op.f('ix_vehicle_check_plate'), ['plate'], unique=False)


def _create_evidence() -> None:
    op.create_table('evidence',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('media_type', sa.String(length=64), nullable=False),
    sa.Column('captured_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('position', sync.store.base.Json(), nullable=True),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('signature', sa.String(length=86), nullable=False),
    sa.Column('bytes', sa.String(length=16), nullable=False),
    sa.Column('authentic', sa.Boolean(), nullable=True),
    sa.Column('review', sa.String(length=16), nullable=False),
    sa.Column('review_reason', sa.String(length=500), nullable=True),
    sa.Column('captured_at_corrected', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.CheckConstraint('size > 0', name=op.f('ck_evidence_size_positive')),
    sa.ForeignKeyConstraint(['case'], ['case.id'], name=op.f('fk_evidence_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence'))
    )
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_evidence_case'), ['case'], unique=False)
        batch_op.create_index(batch_op.f('ix_evidence_review_bytes'), ['review', 'bytes'], unique=False)
        batch_op.create_index(batch_op.f('ix_evidence_sha256'), ['sha256'], unique=False)


def _drop_evidence() -> None:
    with op.batch_alter_table('evidence', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_evidence_sha256'))
        batch_op.drop_index(batch_op.f('ix_evidence_review_bytes'))
        batch_op.drop_index(batch_op.f('ix_evidence_case'))
    op.drop_table('evidence')


def _drop_vehicle_check() -> None:
    with op.batch_alter_table('vehicle_check', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_vehicle_check_plate'))
        batch_op.drop_index(batch_op.f('ix_vehicle_check_incident'))
    op.drop_table('vehicle_check')


def _drop_case() -> None:
    with op.batch_alter_table('case', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_unit_status'))
        batch_op.drop_index(batch_op.f('ix_case_review'))
        batch_op.drop_index(batch_op.f('ix_case_incident'))
    op.drop_table('case')


def _drop_task() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_task_unit_status'))
    op.drop_table('task')


def _drop_incident() -> None:
    op.drop_table('incident')


def _drop_grid() -> None:
    op.drop_table('grid')


def _drop_permit() -> None:
    op.drop_table('permit')


def _drop_counter() -> None:
    op.drop_table('counter')


def _drop_category() -> None:
    op.drop_table('category')
