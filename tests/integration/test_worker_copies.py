"""Photos' copies made by a real worker: what is stored, what the row says, what hostile pictures do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from media.tables import Blob
from tests.support.station import PATIENCE_S, Station, photo, station
from tests.support.waiting import wait_until
from worker import copies, jobs


@pytest.fixture
def post(database_url: str, tmp_path: Path, valkey_url: str) -> Iterator[Station]:
    """An installation without a centre; nothing runs yet."""
    with station(database_url, tmp_path / "data", valkey_url, None) as made:
        yield made


def state_of(post: Station, digest: str) -> str:
    """The state that all rows of a photo have; `mixed` while they differ."""
    states = {row.state for row in post.rows(digest)}
    return states.pop() if len(states) == 1 else "mixed"


def only_digest(post: Station) -> str:
    return post.change(lambda session: session.scalars(sa.select(Blob.sha256)).one())


def test_stored_photo_gets_its_copies_and_facts(post: Station) -> None:
    """A stored photo gets a thumbnail, a review copy, and what its EXIF says; the original stays as it was."""
    post.start("run", "relay")
    content = photo()
    post.case(content)
    digest = only_digest(post)
    wait_until(lambda: state_of(post, digest) == "done", "the copies", PATIENCE_S)
    with post.blobs.open_derived(digest, copies.THUMBNAIL) as file, Image.open(file) as picture:
        assert max(picture.size) == 320
    with post.blobs.open_derived(digest, copies.REVIEW) as file, Image.open(file) as picture:
        assert picture.size == (800, 600)
    facts = post.change(lambda session: session.scalars(sa.select(Blob.facts)).one())
    assert (facts["width"], facts["gps_lng"]) == (800, 103.84)
    assert post.blobs.path(digest).read_bytes() == content


def test_watermark_names_case_time_place_officer_and_evidence(post: Station) -> None:
    """The review copy says whose photo it is, by the first record when two name the same bytes."""
    content = photo()
    case = post.case(content)
    digest = only_digest(post)
    [piece] = post.change(lambda session: list(session.scalars(sa.text("SELECT id FROM evidence"))))
    lines = post.change(lambda session: copies.watermark(session, digest))
    assert lines == [
        f"案号 {post.body(case)['case_no']}",
        "拍摄 2026-11-22 10:00:00",
        "位置 103.840000, 30.050000 wgs84 ±5 m",
        "人员 演示队员",
        f"证据 {piece[-12:]}",
    ]


def test_bytes_before_their_record_get_their_watermark_later(post: Station) -> None:
    """When the record comes after the bytes, the review copy is made once more, with the case's number."""
    content = photo()
    digest = post.keep(content)
    assert post.change(lambda session: copies.watermark(session, digest)) == [f"摘要 {digest[:16]}"]
    post.arrived(digest, len(content))
    case = post.case()
    [first] = post.rows(digest)
    jobs.run_derivation(post.app, first.id)
    with post.blobs.open_derived(digest, copies.REVIEW) as file:
        nameless = file.read()
    post.name(case, digest, len(content))
    [second] = [row for row in post.rows(digest) if row.id != first.id]
    jobs.run_derivation(post.app, second.id)
    with post.blobs.open_derived(digest, copies.REVIEW) as file:
        assert file.read() != nameless


def test_a_photo_taken_before_the_case_had_a_number_gets_it_on_its_copy(post: Station) -> None:
    """When the number comes the review copy is made once more; a photo that is not here yet waits for its bytes."""
    content, later = photo(), photo(2)
    case = post.case(content, status="draft")
    digest = hashlib.sha256(content).hexdigest()
    awaited = hashlib.sha256(later).hexdigest()
    post.name(case, awaited, len(later))
    [first] = post.rows(digest)
    jobs.run_derivation(post.app, first.id)
    assert "未编号" in post.change(lambda session: copies.watermark(session, digest))[0]
    with post.blobs.open_derived(digest, copies.REVIEW) as file:
        nameless = file.read()
    post.patch(case, status="registered")
    [second] = [row for row in post.rows(digest) if row.id != first.id]
    assert (second.kind, second.key) == ("derive", f"derive:{digest}:numbered")
    jobs.run_derivation(post.app, second.id)
    with post.blobs.open_derived(digest, copies.REVIEW) as file:
        assert file.read() != nameless
    post.patch(case, status="investigating")
    assert len(post.rows(digest)) == 2
    assert post.rows(awaited) == []


def test_unreadable_picture_is_refused_and_stays(post: Station) -> None:
    """Bytes that are no picture end with a reason for a person; they remain evidence all the same."""
    post.start("run", "relay")
    content = b"\xff\xd8\xff no picture at all" * 100
    post.case(content)
    digest = only_digest(post)
    wait_until(lambda: state_of(post, digest) == "refused", "the end", PATIENCE_S)
    [row] = post.rows(digest)
    assert "image_" in row.reason
    assert row.attempts == 1
    assert post.blobs.path(digest).read_bytes() == content


def test_missing_original_is_tried_again_then_held(post: Station) -> None:
    """Copies of a photo whose bytes are away are tried again, and held with the reason at the last."""
    post.case(photo())
    digest = only_digest(post)
    post.blobs.path(digest).unlink()
    [row] = post.rows(digest)
    for attempt in range(1, copies.ATTEMPTS + 1):
        post.change(lambda session: session.execute(sa.text("UPDATE outbox SET due_at = created_at")))
        jobs.run_derivation(post.app, row.id)
        assert post.rows(digest)[0].attempts == attempt
    [row] = post.rows(digest)
    assert row.state == "held"
    assert "blob_missing" in row.reason


def test_picture_that_kills_its_worker_comes_to_rest(post: Station) -> None:
    """A row whose every attempt ended without a word is held instead of being tried for ever."""
    post.case(photo())
    digest = only_digest(post)
    [row] = post.rows(digest)
    spent = sa.text("UPDATE outbox SET state = 'running', attempts = :spent, due_at = created_at")
    post.change(lambda session: session.execute(spent, {"spent": copies.ATTEMPTS}))
    jobs.run_derivation(post.app, row.id)
    [row] = post.rows(digest)
    assert (row.state, row.reason) == ("held", copies.UNFINISHED)


def test_job_for_a_row_that_is_done_does_nothing(post: Station) -> None:
    """A wake-up that comes late, or twice, or for nothing changes nothing."""
    post.case(photo())
    digest = only_digest(post)
    [row] = post.rows(digest)
    jobs.run_derivation(post.app, row.id)
    before = post.rows(digest)
    assert before[0].state == "done"
    jobs.run_derivation(post.app, row.id)
    jobs.run_derivation(post.app, "00000000-0000-7000-8000-000000000000")
    assert post.rows(digest) == before


def test_deliveries_wait_while_there_is_no_centre(post: Station) -> None:
    """Without a centre a finished case waits, its attempts unspent, and the relay says so once."""
    post.start("run", "relay")
    case = post.finished(photo())
    digest = only_digest(post)
    wait_until(lambda: state_of(post, digest) == "done", "a later row's work", PATIENCE_S)
    [row] = post.rows(case)
    assert (row.state, row.attempts) == ("waiting", 0)
    jobs.run_delivery(post.app, row.id)
    assert post.rows(case) == [row]
    assert [line["event"] for line in post.log("relay")].count("no centre to deliver to; deliveries wait") == 1
