"""calls: alerts of calls, of kept papers and of vehicles released without both signatures.

Revision 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "'terminal_silent', 'write_once_changed', 'parked_overdue', 'deadline_near', 'deadline_missed', 'number_reused', "
    "'document_number', 'receipt_reused', 'measure_lapsed'"
)
KINDS_AFTER = (
    "'terminal_silent', 'write_once_changed', 'parked_overdue', 'deadline_near', 'deadline_missed', 'call_open', "
    "'papers_kept', 'number_reused', 'document_number', 'receipt_reused', 'measure_lapsed', 'release_unsigned'"
)


def upgrade() -> None:
    _change_alert_kinds(f"kind IN ({KINDS_AFTER})")


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM alert WHERE kind IN ('call_open', 'papers_kept', 'release_unsigned')"))
    _change_alert_kinds(f"kind IN ({KINDS_BEFORE})")


def _change_alert_kinds(condition: str) -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('ck_alert_kind_known'), type_='check')
        batch_op.create_check_constraint(op.f('ck_alert_kind_known'), condition)
