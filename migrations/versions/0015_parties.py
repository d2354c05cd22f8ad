"""parties: the register, what finds them, their cases, who was shown their numbers.

Revision 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_party()
    _create_party_key()
    _create_unmasking()
    _create_party_case()


def downgrade() -> None:
    with op.batch_alter_table('party_case', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_party_case_party'))

    op.drop_table('party_case')
    with op.batch_alter_table('unmasking', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_unmasking_party'))

    op.drop_table('unmasking')
    with op.batch_alter_table('party_key', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_party_key_kind_digest'))

    op.drop_table('party_key')
    with op.batch_alter_table('party', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_party_merged_into'))

    op.drop_table('party')


def _create_party() -> None:
    op.create_table('party',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=True),
    sa.Column('name', sa.String(length=100), nullable=True),
    sa.Column('shop_name', sa.String(length=100), nullable=True),
    sa.Column('id_type', sa.String(length=16), nullable=True),
    sa.Column('id_no', sa.String(length=256), nullable=True),
    sa.Column('uscc', sa.String(length=18), nullable=True),
    sa.Column('phone', sa.String(length=256), nullable=True),
    sa.Column('merged_into', sync.store.base.Id(length=36), nullable=True),
    sa.Column('changed_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('merged_into IS NULL OR merged_into <> id', name=op.f('ck_party_not_merged_into_itself')),
    sa.ForeignKeyConstraint(['merged_into'], ['party.id'], name=op.f('fk_party_merged_into')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_party'))
    )
    with op.batch_alter_table('party', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_party_merged_into'), ['merged_into'], unique=False)


def _create_party_key() -> None:
    op.create_table('party_key',
    sa.Column('party', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['party'], ['party.id'], name=op.f('fk_party_key_party')),
    sa.PrimaryKeyConstraint('party', 'kind', 'digest', name=op.f('pk_party_key'))
    )
    with op.batch_alter_table('party_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_party_key_kind_digest'), ['kind', 'digest'], unique=False)


def _create_unmasking() -> None:
    op.create_table('unmasking',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('party', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_unmasking_officer')),
    sa.ForeignKeyConstraint(['party'], ['party.id'], name=op.f('fk_unmasking_party')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unmasking'))
    )
    with op.batch_alter_table('unmasking', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unmasking_party'), ['party'], unique=False)


def _create_party_case() -> None:
    op.create_table('party_case',
    sa.Column('case', sync.store.base.Id(length=36), nullable=False),
    sa.Column('party', sync.store.base.Id(length=36), nullable=False),
    sa.Column('violations', sync.store.base.Json(), nullable=False),
    sa.Column('decided_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('entries', sync.store.base.Json(), nullable=False),
    sa.ForeignKeyConstraint(['case'], ['case.id'], name=op.f('fk_party_case_case')),
    sa.ForeignKeyConstraint(['party'], ['party.id'], name=op.f('fk_party_case_party')),
    sa.PrimaryKeyConstraint('case', name=op.f('pk_party_case'))
    )
    with op.batch_alter_table('party_case', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_party_case_party'), ['party'], unique=False)
