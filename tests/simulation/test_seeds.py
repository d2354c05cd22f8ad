"""Whole days from seeds: every invariant holds whatever is lost, repeated, delayed, cut, killed or restored."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from simulation import cli, day
from simulation.database import PostgresDatabase
from simulation.site import Site, running
from tests.support.postgres import PrivatePostgres

CHUNKS, EACH = 20, 15
COMPARED = range(1000, 1020)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An installation in this process, put back to its beginning by every seed."""
    with cli.hushed(), running() as made:
        yield made


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_day_ends_in_agreement(site: Site, chunk: int) -> None:
    """No seed leaves an invariant broken, and each does what a day consists of."""
    for seed in range(chunk * EACH, (chunk + 1) * EACH):
        result = day.play(site, seed)
        assert result.violations == [], f"./fieldpost sim --seed {seed} --trace"
        assert result.operations > 100
        assert sum(result.checks.values()) > 100
        assert result.oracle["oracle_pushes_compared"] > 0
        assert result.oracle["oracle_days_to_the_end"] == 1


def test_the_oracle_goes_on_through_kills_and_restores(site: Site) -> None:
    """Pushes whose answers nobody heard, and a server put back from its backup, do not end the comparison."""
    told = Counter[str]()
    for seed in range(1020, 1040):
        result = day.play(site, seed)
        told.update(result.oracle)
        told["restored"] += result.faults.get("server_restored", 0)
    assert told["oracle_days_to_the_end"] == 20
    assert told["oracle_pushes_without_answer"] > 0
    assert told["restored"] > 0
    assert told["oracle_not_compared"] == 0


def test_a_seed_decides_everything(site: Site) -> None:
    """The same seed gives the same trace here and in another process; another seed gives another."""
    here = [day.play(site, seed).trace_hash for seed in (3, 3, 4)]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        elsewhere = pool.submit(_trace_hash, 3).result()
    assert here[0] == here[1] == elsewhere != here[2]


def _trace_hash(seed: int) -> str:
    cli.hush()
    with running() as site:
        return day.play(site, seed).trace_hash


def test_both_databases_give_the_same_days(site: Site, postgres_server: PrivatePostgres) -> None:
    """A seed's trace on PostgreSQL is the one on SQLite, word for word."""
    with postgres_server.fresh_database() as url, running(url, "both") as other:
        assert isinstance(other.database, PostgresDatabase)
        for seed in COMPARED:
            on_sqlite, on_postgresql = day.play(site, seed), day.play(other, seed)
            assert on_postgresql.violations == []
            assert on_postgresql.trace == on_sqlite.trace, f"seed {seed}"
