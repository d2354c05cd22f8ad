"""media: uploads, blobs, who looked at what.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_blob()
    _create_evidence_view()
    _create_upload()


def downgrade() -> None:
    _drop_upload()
    _drop_evidence_view()
    _drop_blob()


def _create_blob() -> None:
    op.create_table('blob',
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('media_type', sa.String(length=64), nullable=False),
    sa.Column('stored_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('facts', sync.store.base.Json(), nullable=True),
    sa.CheckConstraint('length(sha256) = 64', name=op.f('ck_blob_sha256_length')),
    sa.CheckConstraint('size >= 0', name=op.f('ck_blob_size_not_negative')),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_blob'))
    )


def _create_evidence_view() -> None:
    op.create_table('evidence_view',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('evidence', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind IN ('original', 'review', 'thumbnail', 'bundle')", name=op.f('ck_evidence_view_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence_view'))
    )
    with op.batch_alter_table('evidence_view', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_evidence_view_evidence_at'), ['evidence', 'at'], unique=False)


def _create_upload() -> None:
    op.create_table('upload',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('evidence', sync.store.base.Id(length=36), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=True),
    sa.Column('media_type', sa.String(length=64), nullable=False),
    sa.Column('idempotency_key', sa.String(length=128), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state <> 'complete' OR size IS NOT NULL", name=op.f('ck_upload_complete_has_size')),
    sa.CheckConstraint("state IN ('open', 'complete', 'mismatched', 'expired', 'terminated')", name=op.f('ck_upload_state_known')),
    sa.CheckConstraint('length(sha256) = 64', name=op.f('ck_upload_sha256_length')),
    sa.CheckConstraint('size >= 0', name=op.f('ck_upload_size_not_negative')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_upload')),
    sa.UniqueConstraint('terminal', 'idempotency_key', name=op.f('uq_upload_terminal_idempotency_key'))
    )
    with op.batch_alter_table('upload', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_upload_evidence'), ['evidence'], unique=False)
        batch_op.create_index(batch_op.f('ix_upload_state_expires_at'), ['state', 'expires_at'], unique=False)


def _drop_upload() -> None:
    with op.batch_alter_table('upload', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_upload_state_expires_at'))
        batch_op.drop_index(batch_op.f('ix_upload_evidence'))
    op.drop_table('upload')


def _drop_evidence_view() -> None:
    with op.batch_alter_table('evidence_view', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_evidence_view_evidence_at'))
    op.drop_table('evidence_view')


def _drop_blob() -> None:
    op.drop_table('blob')
