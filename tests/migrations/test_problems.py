"""The revision that makes problems countable reads them out of what is in quarantine already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command

from field_api import migrate

_ROW = """
INSERT INTO sync_operation (id, store, officer, record, type, action, payload, payload_sha256, seen, outcome, result,
    at, received_at)
VALUES (:id, 's', 'o', 'r', 'case', 'patch', '{}', '', 0, :outcome, :result, '', '2026-11-22 00:00:00')
"""


def test_problems_are_filled_in_from_results(database_url: str) -> None:
    """A quarantined operation gets its problem's code, one without a problem and a final one get none."""
    rows = [
        {"id": "a", "outcome": "quarantined", "result": '{"problem": {"code": "write_once_changed", "errors": []}}'},
        {"id": "b", "outcome": "quarantined", "result": '{"problem": {}}'},
        {"id": "c", "outcome": "applied", "result": '{"id": "c"}'},
    ]
    with migrate.transaction(database_url) as connection:
        alembic = migrate.alembic_config(connection)
        command.upgrade(alembic, "0004")
        connection.execute(sa.text(_ROW), rows)
        command.upgrade(alembic, "0005")
        found = connection.execute(sa.text("SELECT id, problem FROM sync_operation ORDER BY id")).all()
    assert [tuple(row) for row in found] == [("a", "write_once_changed"), ("b", None), ("c", None)]
