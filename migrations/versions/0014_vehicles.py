"""vehicles: their files, the look-up sets that terminals hold, what is odd about records.

Revision 0014, after 0012.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_company()
    _create_doubt()
    _create_lookup_set()
    _create_watch_entry()
    _create_lookup_code()
    _create_lookup_entry()
    _create_transport_permit()
    _create_vehicle()
    _create_case_plate()


def downgrade() -> None:
    with op.batch_alter_table('case_plate', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_plate_case'))

    op.drop_table('case_plate')
    with op.batch_alter_table('vehicle', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_vehicle_company'))

    op.drop_table('vehicle')
    with op.batch_alter_table('transport_permit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_transport_permit_plate'))

    op.drop_table('transport_permit')
    with op.batch_alter_table('lookup_entry', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lookup_entry_name_removed'))
        batch_op.drop_index(batch_op.f('ix_lookup_entry_name_added'))

    op.drop_table('lookup_entry')
    op.drop_table('lookup_code')
    op.drop_table('watch_entry')
    op.drop_table('lookup_set')
    op.drop_table('doubt')
    op.drop_table('company')


def _create_company() -> None:
    op.create_table('company',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('uscc', sa.String(length=18), nullable=True),
    sa.Column('contact', sa.String(length=100), nullable=True),
    sa.Column('address', sa.String(length=300), nullable=True),
    sa.Column('changed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_company')),
    sa.UniqueConstraint('name', name=op.f('uq_company_name'))
    )


def _create_doubt() -> None:
    op.create_table('doubt',
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('field', sa.String(length=32), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('raised_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('record', 'field', 'code', name=op.f('pk_doubt'))
    )


def _create_lookup_set() -> None:
    op.create_table('lookup_set',
    sa.Column('name', sa.String(length=16), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('oldest', sa.Integer(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('sum', sa.String(length=16), nullable=False),
    sa.Column('changed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('imported_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('source', sa.String(length=200), nullable=True),
    sa.CheckConstraint('oldest <= revision', name=op.f('ck_lookup_set_oldest_not_ahead')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lookup_set'))
    )


def _create_watch_entry() -> None:
    op.create_table('watch_entry',
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('valid_to', sa.String(length=10), nullable=True),
    sa.Column('imported_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('plate', 'reason', name=op.f('pk_watch_entry'))
    )


def _create_lookup_code() -> None:
    op.create_table('lookup_code',
    sa.Column('name', sa.String(length=16), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('zh', sa.String(length=100), nullable=False),
    sa.Column('en', sa.String(length=100), nullable=False),
    sa.ForeignKeyConstraint(['name'], ['lookup_set.name'], name=op.f('fk_lookup_code_name')),
    sa.PrimaryKeyConstraint('name', 'number', name=op.f('pk_lookup_code')),
    sa.UniqueConstraint('name', 'code', name=op.f('uq_lookup_code_name_code'))
    )


def _create_lookup_entry() -> None:
    op.create_table('lookup_entry',
    sa.Column('name', sa.String(length=16), nullable=False),
    sa.Column('entry', sa.LargeBinary(length=16), nullable=False),
    sa.Column('added', sa.Integer(), nullable=False),
    sa.Column('removed', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['name'], ['lookup_set.name'], name=op.f('fk_lookup_entry_name')),
    sa.PrimaryKeyConstraint('name', 'entry', name=op.f('pk_lookup_entry'))
    )
    with op.batch_alter_table('lookup_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lookup_entry_name_added'), ['name', 'added'], unique=False)
        batch_op.create_index(batch_op.f('ix_lookup_entry_name_removed'), ['name', 'removed'], unique=False)


def _create_transport_permit() -> None:
    op.create_table('transport_permit',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('permit_no', sa.String(length=32), nullable=False),
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('company', sync.store.base.Id(length=36), nullable=True),
    sa.Column('goods', sa.String(length=100), nullable=True),
    sa.Column('route', sa.String(length=300), nullable=True),
    sa.Column('hours', sa.String(length=50), nullable=True),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_to', sa.String(length=10), nullable=False),
    sa.Column('changed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['company'], ['company.id'], name=op.f('fk_transport_permit_company')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transport_permit')),
    sa.UniqueConstraint('permit_no', 'plate', name=op.f('uq_transport_permit_permit_no_plate'))
    )
    with op.batch_alter_table('transport_permit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_transport_permit_plate'), ['plate'], unique=False)


def _create_vehicle() -> None:
    op.create_table('vehicle',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('plate_kind', sa.String(length=2), nullable=True),
    sa.Column('plate_colour', sa.String(length=16), nullable=True),
    sa.Column('vin', sa.String(length=17), nullable=True),
    sa.Column('vehicle_type', sa.String(length=50), nullable=True),
    sa.Column('brand', sa.String(length=50), nullable=True),
    sa.Column('owner', sa.String(length=100), nullable=True),
    sa.Column('company', sync.store.base.Id(length=36), nullable=True),
    sa.Column('changed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['company'], ['company.id'], name=op.f('fk_vehicle_company')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vehicle')),
    sa.UniqueConstraint('plate', name=op.f('uq_vehicle_plate'))
    )
    with op.batch_alter_table('vehicle', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_vehicle_company'), ['company'], unique=False)


def _create_case_plate() -> None:
    op.create_table('case_plate',
    sa.Column('plate', sa.String(length=12), nullable=False),
    sa.Column('case', sync.store.base.Id(length=36), nullable=False),
    sa.ForeignKeyConstraint(['case'], ['case.id'], name=op.f('fk_case_plate_case')),
    sa.PrimaryKeyConstraint('plate', 'case', name=op.f('pk_case_plate'))
    )
    with op.batch_alter_table('case_plate', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_plate_case'), ['case'], unique=False)
