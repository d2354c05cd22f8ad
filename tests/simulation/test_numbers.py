"""Days of document numbers: crashes, clones and restores of terminals and server give none out twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from field_api.casework import blocks
from reference.terminal import Terminal
from reference.terminal.ledger import Ledger
from simulation import cli, device, numbers
from simulation.database import PostgresDatabase
from simulation.site import Site, running
from tests.support.postgres import PrivatePostgres

SEEDS, COMPARED, STEPS = range(20), range(100, 103), 50


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with cli.hushed(), running() as made:
        yield made


def test_no_number_is_given_out_twice_and_each_is_accounted_for(site: Site) -> None:
    """No seed leaves an invariant broken, and together they have all happen that could break one."""
    seen = Counter[str]()
    for seed in SEEDS:
        result = numbers.play(site, seed, STEPS)
        assert result.violations == [], f"./fieldpost sim --numbers --seed {seed} --steps {STEPS} --trace"
        assert result.oracle["oracle_days_to_the_end"] == 1
        seen.update(result.faults)
        seen.update({name: count for name, count in result.checks.items() if name.startswith("check_4")})
    for name in ("terminal_cloned", "terminal_restored", "server_restored", "terminal_crashed_after_commit"):
        assert seen[name] > 0, name
    assert seen["numbers_seen"] > 100
    assert min(seen["check_40_numbers_unique"], seen["check_41_numbers_accounted"]) > 100


def test_both_databases_give_the_same_days(site: Site, postgres_server: PrivatePostgres) -> None:
    """A seed's trace on PostgreSQL is the one on SQLite, word for word."""
    with postgres_server.fresh_database() as url, running(url, "numbers") as other:
        assert isinstance(other.database, PostgresDatabase)
        for seed in COMPARED:
            on_sqlite, on_postgresql = numbers.play(site, seed, STEPS), numbers.play(other, seed, STEPS)
            assert on_postgresql.violations == []
            assert on_postgresql.trace == on_sqlite.trace, f"seed {seed}"


def found(site: Site, *marks: str) -> bool:
    """Say whether one of some seeds shows a violation with one of these marks."""
    for seed in range(200, 240):
        violations = "\n".join(numbers.play(site, seed, STEPS).violations)
        if any(mark in violations for mark in marks):
            return True
    return False


def test_a_restored_server_that_skips_nothing_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes on where its backup stood gives numbers out twice, or refuses the lease that it gave."""
    monkeypatch.setattr(blocks, "began", lambda _epoch: datetime(2000, 1, 1, tzinfo=UTC))
    assert found(site, " 40 ", "refused")


def test_a_ledger_that_is_copied_with_the_store_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone, or a store that is put back, then gives out what was given out before."""

    def inside(folder: Path, *arguments: Any, **options: Any) -> Terminal:
        return Terminal(folder, *arguments, ledger=folder / "numbers", **options)

    monkeypatch.setattr(device, "Terminal", inside)
    monkeypatch.setattr(Ledger, "_notice_copy", lambda _self: None)
    assert found(site, " 40 ")


def test_an_account_that_loses_a_use_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes every number for unused contradicts what officers saw."""
    monkeypatch.setattr(blocks, "_state", lambda *_said: "free")
    assert found(site, "count as free")
