"""identity: units, officers, terminals, sign-ins.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

import sync.store.base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_sign_in_attempts()
    _create_spent_challenge()
    _create_terminal()
    _create_unit()
    _create_invitation()
    _create_officer()
    _create_console_session()
    _create_token_family()


def downgrade() -> None:
    _drop_token_family()
    _drop_console_session()
    _drop_officer()
    _drop_invitation()
    _drop_unit()
    _drop_terminal()
    _drop_spent_challenge()
    _drop_sign_in_attempts()


def _create_sign_in_attempts() -> None:
    op.create_table('sign_in_attempts',
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('window_ends_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_sign_in_attempts'))
    )
    with op.batch_alter_table('sign_in_attempts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_attempts_window_ends_at'), ['window_ends_at'], unique=False)


def _create_spent_challenge() -> None:
    op.create_table('spent_challenge',
    sa.Column('nonce_digest', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('nonce_digest', name=op.f('pk_spent_challenge'))
    )
    with op.batch_alter_table('spent_challenge', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_spent_challenge_expires_at'), ['expires_at'], unique=False)


def _create_terminal() -> None:
    op.create_table('terminal',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('terminal_no', sa.String(length=16), nullable=False),
    sa.Column('public_key', sa.String(length=43), nullable=False),
    sa.Column('model', sa.String(length=100), nullable=False),
    sa.Column('app_version', sa.String(length=32), nullable=False),
    sa.Column('enrolled_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('last_seen_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_terminal')),
    sa.UniqueConstraint('number', name=op.f('uq_terminal_number')),
    sa.UniqueConstraint('public_key', name=op.f('uq_terminal_public_key')),
    sa.UniqueConstraint('terminal_no', name=op.f('uq_terminal_terminal_no'))
    )


def _create_unit() -> None:
    op.create_table('unit',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unit'))
    )


def _create_invitation() -> None:
    op.create_table('invitation',
    sa.Column('code_digest', sa.String(length=64), nullable=False),
    sa.Column('created_by', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('public_key', sa.String(length=43), nullable=True),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=True),
    sa.ForeignKeyConstraint(['terminal'], ['terminal.id'], name=op.f('fk_invitation_terminal')),
    sa.PrimaryKeyConstraint('code_digest', name=op.f('pk_invitation'))
    )
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitation_terminal'), ['terminal'], unique=False)


def _create_officer() -> None:
    op.create_table('officer',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('username', sa.String(length=64), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('badge_no', sa.String(length=32), nullable=False),
    sa.Column('roles', sync.store.base.Json(), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=False),
    sa.Column('units', sync.store.base.Json(), nullable=False),
    sa.Column('grids', sync.store.base.Json(), nullable=False),
    sa.Column('disabled_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['unit'], ['unit.id'], name=op.f('fk_officer_unit')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_officer')),
    sa.UniqueConstraint('username', name=op.f('uq_officer_username'))
    )
    with op.batch_alter_table('officer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_officer_unit'), ['unit'], unique=False)


def _create_console_session() -> None:
    op.create_table('console_session',
    sa.Column('token_digest', sa.String(length=64), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_console_session_officer')),
    sa.PrimaryKeyConstraint('token_digest', name=op.f('pk_console_session'))
    )
    with op.batch_alter_table('console_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_console_session_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_console_session_officer'), ['officer'], unique=False)


def _create_token_family() -> None:
    op.create_table('token_family',
    sa.Column('id', sync.store.base.Id(length=36), nullable=False),
    sa.Column('terminal', sync.store.base.Id(length=36), nullable=False),
    sa.Column('officer', sync.store.base.Id(length=36), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('created_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('access_expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('next_expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('offline_until', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sync.store.base.UtcDateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sync.store.base.UtcDateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=32), nullable=True),
    sa.CheckConstraint('generation >= 1', name=op.f('ck_token_family_generation_positive')),
    sa.ForeignKeyConstraint(['officer'], ['officer.id'], name=op.f('fk_token_family_officer')),
    sa.ForeignKeyConstraint(['terminal'], ['terminal.id'], name=op.f('fk_token_family_terminal')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_token_family'))
    )
    with op.batch_alter_table('token_family', schema=None) as batch_op:
        batch_op.create_index('ix_token_family_officer', ['officer'], unique=False)
        batch_op.create_index('ix_token_family_terminal_officer', ['terminal', 'officer'], unique=False)


def _drop_token_family() -> None:
    with op.batch_alter_table('token_family', schema=None) as batch_op:
        batch_op.drop_index('ix_token_family_terminal_officer')
        batch_op.drop_index('ix_token_family_officer')
    op.drop_table('token_family')


def _drop_console_session() -> None:
    with op.batch_alter_table('console_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_console_session_officer'))
        batch_op.drop_index(batch_op.f('ix_console_session_expires_at'))
    op.drop_table('console_session')


def _drop_officer() -> None:
    with op.batch_alter_table('officer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_officer_unit'))
    op.drop_table('officer')


def _drop_invitation() -> None:
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_invitation_terminal'))
    op.drop_table('invitation')


def _drop_unit() -> None:
    op.drop_table('unit')


def _drop_terminal() -> None:
    op.drop_table('terminal')


def _drop_spent_challenge() -> None:
    with op.batch_alter_table('spent_challenge', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_spent_challenge_expires_at'))
    op.drop_table('spent_challenge')


def _drop_sign_in_attempts() -> None:
    with op.batch_alter_table('sign_in_attempts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_attempts_window_ends_at'))
    op.drop_table('sign_in_attempts')
