"""Deliveries that meet: two workers on one row, versions that overtake, attempts that outlive their lease."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from field_api.casework import delivery
from field_api.extensions import services
from reference.centre.process import CentreProcess
from sync.store import outbox
from sync.store.outbox import OutboxRow
from tests.support.station import PATIENCE_S, TOKEN, Station, photo, station
from tests.support.waiting import wait_until
from worker import jobs


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    with CentreProcess(tmp_path / "centre", TOKEN) as centre:
        yield centre


@pytest.fixture
def post(database_url: str, tmp_path: Path, centre: CentreProcess) -> Iterator[Station]:
    """An installation whose jobs this test runs itself, in threads."""
    with station(database_url, tmp_path / "data", "redis://unused", centre) as made:
        yield made


@contextmanager
def running(post: Station, *rows: str) -> Iterator[None]:
    """Deliver each row in a thread of its own; at the end waits for all, and raises what one raised."""
    with ThreadPoolExecutor(max(1, len(rows))) as pool:
        jobs_running = [pool.submit(jobs.run_delivery, post.app, row) for row in rows]
        yield
        for one in jobs_running:
            one.result(PATIENCE_S)


def faults_left(post: Station) -> int:
    """How many faults the centre has not met yet."""
    return len(post.centre._ask("GET", "/faults")["faults"])


def make_due(post: Station, row: str) -> None:
    """Let a row's pause or lease be over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    query = sa.update(OutboxRow).where(OutboxRow.id == row).values(due_at=past)
    post.change(lambda session: session.execute(query))


def overtake(post: Station, case: str) -> str:
    """Correct a passed case and pass it again; returns the newer row's id."""
    post.correct(case, description="更正后的描述")
    post.patch(case, review="passed")
    return post.rows(case)[-1].id


def test_one_of_many_workers_delivers(post: Station) -> None:
    """Of many workers woken for one row, one sends."""
    case = post.finished(photo())
    [row] = post.rows(case)
    with running(post, *[row.id] * 4):
        pass
    assert post.body(case)["delivery"] == "delivered"
    assert post.rows(case)[0].attempts == 1
    [version] = post.received(case)["versions"]
    assert version["repeats"] == 0


def test_overtaken_version_is_not_said_to_be_delivered(post: Station) -> None:
    """A version that was changed while it travelled brings its number home but not the word delivered."""
    post.centre.fault(path="cases", delay_s=3.0)
    case = post.finished()
    [first] = post.rows(case)
    with running(post, first.id):
        wait_until(lambda: faults_left(post) == 0, "the version on its way", PATIENCE_S)
        second = overtake(post, case)
        jobs.run_delivery(post.app, second)
        assert post.rows(case)[1].attempts == 0, "the newer went while the older was under way"
    body = post.body(case)
    assert body["task_no"] is not None
    assert body["delivery"] == "waiting"
    assert post.rows(case)[0].state == "cancelled"
    make_due(post, second)
    jobs.run_delivery(post.app, second)
    assert post.body(case)["delivery"] == "delivered"
    assert [version["version"] for version in post.received(case)["versions"]] == [
        row.version for row in post.rows(case)
    ]


def test_newer_version_goes_once_the_lease_of_a_dead_worker_is_over(post: Station) -> None:
    """A cancelled row whose worker died blocks the newer one only until its lease is over."""
    case = post.finished()
    [first] = post.rows(case)
    now = datetime.now(UTC)
    claimed = post.change(lambda session: outbox.claim(session, first.id, now, 3600.0))
    assert claimed is not None
    second = overtake(post, case)
    jobs.run_delivery(post.app, second)
    assert post.rows(case)[1].attempts == 0
    assert post.body(case)["delivery"] == "waiting"
    make_due(post, first.id)
    make_due(post, second)
    jobs.run_delivery(post.app, second)
    assert post.body(case)["delivery"] == "delivered"


def test_version_cancelled_before_it_began_blocks_nothing(post: Station) -> None:
    """A row that waited for a pause when it was cancelled does not hold up its successor."""
    case = post.finished()
    [first] = post.rows(case)
    later = datetime.now(UTC) + timedelta(hours=1)
    query = sa.update(OutboxRow).where(OutboxRow.id == first.id).values(due_at=later)
    post.change(lambda session: session.execute(query))
    jobs.run_delivery(post.app, overtake(post, case))
    assert post.body(case)["delivery"] == "delivered"


def test_overtaken_version_stops_before_the_case_is_sent(post: Station) -> None:
    """What is overtaken while its evidence travels is never posted."""
    post.centre.fault(path="evidence", method="PUT", delay_s=3.0)
    case = post.finished(photo())
    [first] = post.rows(case)
    with running(post, first.id):
        wait_until(lambda: faults_left(post) == 0, "the evidence on its way", PATIENCE_S)
        second = overtake(post, case)
    assert post.received(case) is None
    jobs.run_delivery(post.app, second)
    [version] = post.received(case)["versions"]
    assert version["version"] == post.rows(case)[1].version


def test_late_attempt_cannot_end_a_newer_one(post: Station) -> None:
    """An attempt whose row was claimed anew ends nothing: neither the row nor the case hears of it."""
    case = post.finished()
    [row] = post.rows(case)
    start = datetime.now(UTC)

    def claim_at(now: datetime) -> OutboxRow | None:
        limits = {"lease_s": 1.0, "pause_s": 1.0, "attempts": 8}
        return post.change(lambda session: delivery.claim(session, services().home, row.id, now, **limits))

    late, newer = claim_at(start), claim_at(start + timedelta(seconds=2))
    assert (late.attempts, newer.attempts) == (1, 2)
    now = datetime.now(UTC)
    post.change(lambda session: delivery.refused(session, services().home, late, "迟到的退回", now))
    post.change(
        lambda session: delivery.failed(session, services().home, late, "迟到", now, pause_s=1.0, attempts=1)
    )
    assert not post.change(lambda session: outbox.renew(session, row.id, late.attempts, now))
    assert (post.rows(case)[0].state, post.body(case)["delivery"]) == ("running", "delivering")
    post.change(lambda session: delivery.delivered(session, services().home, newer, "RC1", now))
    assert (post.rows(case)[0].state, post.body(case)["delivery"]) == ("done", "delivered")


def test_spent_row_is_held_instead_of_sent(post: Station) -> None:
    """A row whose every attempt was cut short is held for a person, and the centre hears nothing more."""
    case = post.finished()
    [row] = post.rows(case)
    query = sa.update(OutboxRow).values(state="running", attempts=post.config.delivery_attempts)
    post.change(lambda session: session.execute(query))
    jobs.run_delivery(post.app, row.id)
    assert (post.rows(case)[0].state, post.rows(case)[0].reason) == ("held", delivery.UNFINISHED)
    assert post.body(case)["delivery"] == "held"
    assert post.received(case) is None


def test_asked_for_pause_is_kept(post: Station) -> None:
    """A centre that asks for two hours gets them, though our own pauses end at one."""
    post.centre.fault(path="cases", status=503, retry_after="7200")
    case = post.finished()
    [row] = post.rows(case)
    jobs.run_delivery(post.app, row.id)
    [row] = post.rows(case)
    assert row.state == "waiting"
    assert row.due_at > datetime.now(UTC) + timedelta(seconds=7000)


def test_pauses_grow_to_their_end_and_differ() -> None:
    """Each pause lies between half and all of the doubled last one, and none is above the longest."""
    for attempt in range(1, 40):
        longest = min(2.0 * 2 ** (attempt - 1), 1800.0)
        assert all(longest / 2 <= jobs.parcels.pause_s(2.0, attempt) <= longest for _ in range(20))
    assert len({jobs.parcels.pause_s(2.0, 5) for _ in range(20)}) > 1


def test_corrections_and_deliveries_do_not_lock_each_other_out(post: Station) -> None:
    """While a case is delivered its unit may go on correcting it; in the end the last passed version is there."""
    case = post.finished()
    for round_number in range(3):
        with running(post, *[row.id for row in post.rows(case)]):
            post.correct(case, description=f"第 {round_number} 次更正")
        post.patch(case, review="passed")
    for row in post.rows(case):
        if row.state in ("waiting", "running"):
            make_due(post, row.id)
            jobs.run_delivery(post.app, row.id)
    assert post.body(case)["delivery"] == "delivered"
    assert post.received(case)["versions"][-1]["version"] == post.rows(case)[-1].version
