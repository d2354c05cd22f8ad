"""documents: what papers say, their copies, who was given them.

Revision 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('document_view',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('element', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('party', 'stub', 'thermal', 'lines')", name=op.f('ck_document_view_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_document_view'))
    )
    with op.batch_alter_table('document_view', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_document_view_element_at'), ['element', 'at'], unique=False)

    op.create_table('rendered_document',
    sa.Column('element', sync.store.base.Id(length=36), nullable=False),
    sa.Column('record', sync.store.base.Id(length=36), nullable=False),
    sa.Column('token', sa.String(length=24), nullable=False),
    sa.Column('type', sa.String(length=4), nullable=False),
    sa.Column('template', sa.String(length=32), nullable=False),
    sa.Column('number', sa.String(length=200), nullable=False),
    sa.Column('authority', sa.String(length=300), nullable=False),
    sa.Column('made_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('context', sa.LargeBinary(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('length(sha256) = 64', name=op.f('ck_rendered_document_sha256_length')),
    sa.ForeignKeyConstraint(['record'], ['sync_record.id'], name=op.f('fk_rendered_document_record')),
    sa.PrimaryKeyConstraint('element', name=op.f('pk_rendered_document')),
    sa.UniqueConstraint('token', name=op.f('uq_rendered_document_token'))
    )
    with op.batch_alter_table('rendered_document', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rendered_document_record'), ['record'], unique=False)

    op.create_table('rendered_copy',
    sa.Column('element', sync.store.base.Id(length=36), nullable=False),
    sa.Column('copy', sa.String(length=8), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('pdf', sa.LargeBinary(), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint('length(sha256) = 64', name=op.f('ck_rendered_copy_sha256_length')),
    sa.ForeignKeyConstraint(['element'], ['rendered_document.element'], name=op.f('fk_rendered_copy_element')),
    sa.PrimaryKeyConstraint('element', 'copy', name=op.f('pk_rendered_copy'))
    )


def downgrade() -> None:
    op.drop_table('rendered_copy')
    with op.batch_alter_table('rendered_document', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_rendered_document_record'))
    op.drop_table('rendered_document')
    with op.batch_alter_table('document_view', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_document_view_element_at'))
    op.drop_table('document_view')
