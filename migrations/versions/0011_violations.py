"""casework: the violation catalogue.

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('violation',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('zh', sa.String(length=200), nullable=False),
    sa.Column('en', sa.String(length=200), nullable=False),
    sa.Column('breaks', sync.store.base.Json(), nullable=True),
    sa.Column('applies', sync.store.base.Json(), nullable=True),
    sa.Column('subject', sa.String(length=16), nullable=True),
    sa.Column('authority', sa.String(length=100), nullable=True),
    sa.Column('categories', sync.store.base.Json(), nullable=True),
    sa.Column('penalties', sync.store.base.Json(), nullable=True),
    sa.Column('steps', sync.store.base.Json(), nullable=True),
    sa.Column('exempt', sync.store.base.Json(), nullable=True),
    sa.Column('measures', sync.store.base.Json(), nullable=True),
    sa.Column('valid_from', sa.String(length=10), nullable=False),
    sa.Column('valid_to', sa.String(length=10), nullable=True),
    sa.Column('source', sa.String(length=300), nullable=True),
    sa.Column('read', sa.String(length=8), nullable=True),
    sa.Column('demo', sa.Boolean(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_violation')),
    sa.UniqueConstraint('code', 'valid_from', name=op.f('uq_violation_code_valid_from'))
    )


def downgrade() -> None:
    op.drop_table('violation')
