"""A terminal that was revoked while its officer had work on it: the work reaches the quarantine, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.auth import terminals
from reference.terminal import Verdict
from sync.store.tables import OperationRow, ReceiptRow
from tests.integration.people import Bureau, now
from tests.support.handset import Handset


@pytest.fixture
def handset(bureau: Bureau, tmp_path: Path) -> Iterator[Handset]:
    bureau.officer("officer2")
    made = Handset(bureau, tmp_path / "handset")
    made.sign_in("officer2")
    yield made
    made.terminal.close()


def rows(bureau: Bureau, query: sa.Select[Any]) -> list[Any]:
    return list(bureau.change(lambda session: session.execute(query).all()))


def test_a_sync_of_a_revoked_terminal_hands_its_work_in_and_stops(bureau: Bureau, handset: Handset) -> None:
    """No wipe is needed for it: one push, all of it quarantined, no pull; another sync sends nothing more."""
    handset.terminal.sync()
    case = handset.terminal.create("case", {"category": "0406", "description": "演示数据：占道经营"})
    bureau.change(lambda session: terminals.revoke(session, handset.id, now()))
    answered = len(rows(bureau, sa.select(ReceiptRow.sha256)))
    report = handset.terminal.sync()
    assert (report.verdict, report.code, report.pull) == (Verdict.STOP, "terminal_revoked", None)
    assert report.push is not None
    assert list(report.push.outcomes.values()) == ["quarantined"]
    query = sa.select(OperationRow.outcome, OperationRow.problem, OperationRow.terminal)
    [kept] = rows(bureau, query.where(OperationRow.record == case))
    assert tuple(kept) == ("quarantined", "terminal_revoked", handset.id)
    again = handset.terminal.sync()
    assert again.push is not None
    assert again.push.batches == 0
    assert len(rows(bureau, sa.select(ReceiptRow.sha256))) == answered + 1
