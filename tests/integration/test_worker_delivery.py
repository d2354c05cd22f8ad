"""Cases on their way out: real worker and relay processes, a real Valkey, a real centre with bad days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from field_api.casework import delivery
from field_api.extensions import services
from reference.centre.process import CentreProcess
from tests.support.station import PATIENCE_S, TOKEN, Station, photo, station
from tests.support.waiting import wait_until


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    with CentreProcess(tmp_path / "centre", TOKEN) as centre:
        yield centre


@pytest.fixture
def post(database_url: str, tmp_path: Path, valkey_url: str, centre: CentreProcess) -> Iterator[Station]:
    """An installation whose worker and relay run."""
    with station(database_url, tmp_path / "data", valkey_url, centre) as made:
        made.start("run", "relay")
        yield made


def test_finished_case_arrives_once_after_two_failures(post: Station) -> None:
    """A centre that fails twice gets the case and its photo once, and its number comes back."""
    post.centre.fault(path="cases", status=500, times=2)
    content = photo()
    case = post.finished(content)
    body = post.wait_for(case, "delivered")
    received = post.received(case)
    assert body["task_no"] == received["task_number"]
    assert body["centre_message"] is None
    [version] = received["versions"]
    assert version["repeats"] == 0
    [row] = post.rows(case)
    assert (row.state, row.attempts) == ("done", 3)
    assert len(post.centre.received()["evidence"]) == 1


def test_lost_answer_is_asked_for_again(post: Station) -> None:
    """When the answer is lost the same is sent under the same key, and counts once."""
    post.centre.fault(path="cases", lose_answer=True)
    case = post.finished()
    body = post.wait_for(case, "delivered")
    [version] = post.received(case)["versions"]
    assert version["repeats"] == 1
    assert body["task_no"] == post.received(case)["task_number"]


def test_refused_case_returns_to_its_unit_and_comes_anew(post: Station) -> None:
    """A refusal gives the centre's words to the unit; what is corrected and passed goes out as a newer version."""
    post.centre.fault(path="cases", refuse={"code": "description_invalid", "message": "描述不清，请补充"})
    case = post.finished()
    body = post.wait_for(case, "refused")
    assert body["review"] == "returned"
    assert body["centre_message"] == "描述不清，请补充"
    assert [step["note"] for step in body["timeline"]] == ["描述不清，请补充"]
    assert body["timeline"][0]["step"] == "centre_refused"
    post.correct(case, description="占道经营，三名摊贩，已劝离")
    assert post.body(case)["review"] == "under_review"
    post.patch(case, review="passed")
    body = post.wait_for(case, "delivered")
    assert body["centre_message"] is None
    first, second = post.rows(case)
    assert (first.state, second.state) == ("refused", "done")
    assert second.version > first.version
    [version] = post.received(case)["versions"]
    assert version["version"] == second.version


def test_held_after_the_last_attempt_and_sent_again_by_a_person(
    database_url: str, tmp_path: Path, valkey_url: str, centre: CentreProcess
) -> None:
    """A centre that always fails leaves a row with the reason, which a person lets go once more."""
    centre.fault(path="cases", status=500, times=None)
    with station(
        database_url, tmp_path / "data", valkey_url, centre, FIELDPOST_DELIVERY_ATTEMPTS="2"
    ) as post:
        post.start("run", "relay")
        case = post.finished()
        post.wait_for(case, "held")
        [row] = post.rows(case)
        assert (row.state, row.attempts) == ("held", 2)
        assert "500" in row.reason
        centre.clear_faults()
        now = datetime.now(UTC)
        assert post.change(lambda session: delivery.send_again(session, services().home, row.id, now))
        assert not post.change(lambda session: delivery.send_again(session, services().home, row.id, now))
        post.wait_for(case, "delivered")


def test_a_pause_that_the_centre_asks_for_is_no_attempt(
    database_url: str, tmp_path: Path, valkey_url: str, centre: CentreProcess
) -> None:
    """A centre that asks for patience three times, where two attempts are allowed, gets the case all the same."""
    centre.fault(path="cases", status=503, retry_after="1", times=2)
    centre.fault(path="cases", status=429, retry_after="1", times=1)
    with station(
        database_url, tmp_path / "data", valkey_url, centre, FIELDPOST_DELIVERY_ATTEMPTS="2"
    ) as post:
        post.start("run", "relay")
        case = post.finished()
        post.wait_for(case, "delivered")
        [row] = post.rows(case)
        assert (row.state, row.attempts) == ("done", 1)
        assert len(post.received(case)["versions"]) == 1


def test_evidence_that_the_centre_lost_is_sent_again(post: Station) -> None:
    """A centre that misses evidence gets it once more; the case does not go back to its unit."""
    post.centre.fault(path="cases", refuse={"code": "evidence_missing", "message": "缺少证据"})
    case = post.finished(photo())
    body = post.wait_for(case, "delivered")
    assert body["review"] == "passed"
    assert body["timeline"] == []


def test_missing_original_is_said_and_never_skipped(post: Station) -> None:
    """A photo that is not on our disk keeps the case waiting, with the reason, until it is back."""
    content = photo()
    case = post.case(content)
    [piece] = (post.config.data / "blobs").glob("??/??/*")
    aside = post.config.data / "aside"
    piece.rename(aside)
    post.patch(case, review="passed")
    wait_until(lambda: "不在本机" in post.rows(case)[0].reason, "the reason", PATIENCE_S)
    assert post.received(case) is None
    aside.rename(piece)
    post.wait_for(case, "delivered")


def test_request_id_follows_the_work(post: Station) -> None:
    """The worker's lines about a row carry one request id."""
    case = post.finished()
    post.wait_for(case, "delivered")
    wait_until(lambda: any(line.get("case") == case for line in post.log("run")), "the line", PATIENCE_S)
    [line] = [line for line in post.log("run") if line.get("case") == case]
    assert line["event"] == "delivered"
    assert line["request_id"]
