"""A simulation that never fails proves nothing: with the engine, the store or the client broken, it must say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from reference.terminal.outcomes import Outcomes
from simulation import cli, day
from simulation.site import Site, running
from sync.engine.values import Outcome
from sync.service import workspace

SEEDS = range(2000, 2012)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation of this module's own, since what is broken here stays broken here."""
    with cli.hushed(), running() as made:
        yield made


def found(site: Site, mark: str = "") -> list[str]:
    """The violations of the first of some seeds that shows one with this mark."""
    for seed in SEEDS:
        violations = day.play(site, seed).violations
        if any(mark in one for one in violations):
            return violations
    return []


def test_sound_seeds_show_nothing(site: Site) -> None:
    """What the mutants are measured against holds."""
    assert found(site) == []


def test_a_lost_inbox_row_is_noticed(site: Site) -> None:
    """An acknowledged operation that is taken out of the inbox is missed."""
    seen: list[str] = []

    def lose(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("INSERT INTO sync_operation") and not seen:
            # A terminal's own, since nobody holds a receipt for what the server wrote by itself.
            newest = (
                "SELECT id FROM sync_operation WHERE action = 'append' AND number IS NOT NULL "
                "ORDER BY received_at DESC LIMIT 1"
            )
            row = connection.exec_driver_sql(newest).first()
            if row is not None:
                seen.append(row[0])
                connection.exec_driver_sql(f"DELETE FROM sync_operation WHERE id = '{row[0]}'")

    event.listen(site.engine, "after_cursor_execute", lose)
    try:
        assert any(" 01 " in one or " 03 " in one for one in found(site))
    finally:
        event.remove(site.engine, "after_cursor_execute", lose)


def test_a_merge_that_lets_the_last_win_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes every edit for one made on the newest version overwrites what others wrote."""
    honest = workspace.merge

    def last_wins(record_type: Any, record: Any, operation: Any, *more: Any) -> Any:
        if record is not None and operation.action == "patch":
            operation = replace(operation, base=record.version)
        return honest(record_type, record, operation, *more)

    monkeypatch.setattr(workspace, "merge", last_wins)
    assert found(site, " 13 ")


def test_a_wrong_word_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that calls applied what was so already breaks nothing that lasts: only the oracle can tell."""
    honest = workspace.merge

    def applied_for_unchanged(*asked: Any) -> Any:
        decision = honest(*asked)
        return replace(decision, outcome=Outcome.APPLIED) if decision.outcome == Outcome.UNCHANGED else decision

    monkeypatch.setattr(workspace, "merge", applied_for_unchanged)
    violations = found(site)
    assert violations
    assert all(" 39 " in one for one in violations)


def test_a_scope_too_many_is_noticed(site: Site) -> None:
    """A case that is shown to a grid too shows at the end of the day, though every terminal agrees with the server."""

    def show(connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("INSERT INTO sync_audience"):
            connection.exec_driver_sql(
                "INSERT OR IGNORE INTO sync_audience (scope, record, family, seq, since) "
                "SELECT 'grid:511402001001002', record, family, seq, since FROM sync_audience "
                "WHERE scope = 'unit:u1' AND record IN (SELECT id FROM sync_record WHERE type = 'case')"
            )

    event.listen(site.engine, "after_cursor_execute", show)
    try:
        assert found(site, " 39 ")
    finally:
        event.remove(site.engine, "after_cursor_execute", show)


def test_a_pull_that_skips_is_noticed(site: Site) -> None:
    """A change that no terminal is sent shows when all should agree."""
    hide = "UPDATE sync_audience SET seq = 0 WHERE record IN (SELECT id FROM sync_record WHERE version = 3)"

    def skip(connection: sa.Connection) -> None:
        connection.exec_driver_sql(hide)

    event.listen(site.engine, "commit", skip)
    try:
        assert any(" 20 " in one or "no rest" in one for one in found(site))
    finally:
        event.remove(site.engine, "commit", skip)


def test_a_terminal_that_forgets_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that drops what it was told is parked loses an officer's work."""
    take = Outcomes.take

    def forget(self: Outcomes, batch: Any, answer: dict[str, Any], *more: Any) -> dict[str, str]:
        told = take(self, batch, answer, *more)
        self._store.execute("UPDATE operation SET state = 'final' WHERE state IN ('pending', 'retry')")
        return told

    monkeypatch.setattr(Outcomes, "take", forget)
    assert any(" 01 " in one for one in found(site))
