"""Photographs: signed when taken, resumed where they stopped, deleted only against receipts."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.terminal import Terminal, Verdict
from reference.terminal.photos import CHUNK_BYTES
from tests.support.wire_answers import problem
from tests.support.wire_server import WireServer
from tests.support.wire_terminal import Bench

SHOT = b"\xff\xd8" + bytes(range(256)) * 3000
POSITION = {"lng": 103.84, "lat": 30.05, "coord_sys": "wgs84", "accuracy_m": 4.5}


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    bench.ready()
    yield bench
    bench.terminal.close()


def _shoot(terminal: Terminal, shot: bytes = SHOT) -> str:
    case = terminal.create("case", {"description": "a"})
    return terminal.take_photo(case, shot, "far", position=POSITION)


def _original(terminal: Terminal, shot: bytes = SHOT) -> Path:
    return terminal.folder / "originals" / hashlib.sha256(shot).hexdigest()


def _signed_by(terminal: Terminal, body: dict[str, Any]) -> bool:
    rest = {name: value for name, value in body.items() if name != "signature"}
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(terminal.key.public + "=="))
    signature = base64.urlsafe_b64decode(body["signature"] + "==")
    try:
        key.verify(signature, b"fieldpost/evidence/1\n" + rfc8785.dumps(rest))
    except InvalidSignature:
        return False
    return True


def test_evidence_is_signed_when_it_is_taken(bench: Bench) -> None:
    """The record holds the protocol's fields under a signature that any change breaks."""
    evidence = _shoot(bench.terminal)
    body = bench.terminal.record(evidence).body
    names = "case role sha256 size media_type captured_at position terminal officer signature"
    assert set(body) == set(names.split())
    assert (body["sha256"], body["size"]) == (hashlib.sha256(SHOT).hexdigest(), len(SHOT))
    assert _signed_by(bench.terminal, body)
    assert not _signed_by(bench.terminal, {**body, "captured_at": "2026-11-22T02:00:00.001+00:00"})


def test_evidence_waits_for_its_case(bench: Bench) -> None:
    """A photograph of a case that the server may not have yet names the case's creation in `after`."""
    evidence = _shoot(bench.terminal)
    bench.terminal.push()
    case, photo = bench.server.pushes[-1]["operations"]
    assert (photo["record"], photo["after"]) == (evidence, [case["id"]])


def test_a_file_is_copied_whole(bench: Bench, tmp_path: Path) -> None:
    """A photograph given as a file is kept under its digest, byte for byte, and the file is left alone."""
    (tmp_path / "shot.jpg").write_bytes(SHOT)
    case = bench.terminal.create("case", {})
    bench.terminal.take_photo(case, tmp_path / "shot.jpg", "near")
    assert _original(bench.terminal).read_bytes() == SHOT == (tmp_path / "shot.jpg").read_bytes()


CUTS = st.lists(
    st.tuples(
        st.sampled_from(["lost_request", "lost_answer", "503", "portal"]),
        st.sampled_from(["POST", "PATCH", "HEAD"]),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(cuts=CUTS)
def test_an_upload_goes_on_from_the_servers_offset(
    tmp_path_factory: Any, cuts: list[tuple[str, str]]
) -> None:
    """However often the line fails, one upload is made and every byte is stored once."""
    bench = Bench(tmp_path_factory.mktemp("t") / "t")
    terminal = bench.ready()
    evidence = _shoot(terminal)
    for fault, method in cuts:
        bench.line.plan("/uploads", fault, method=method)
    for _ in range(len(cuts) + 1):
        report = terminal.upload_photos()
    assert report.verdict is Verdict.OK
    assert bench.server.uploads.stored[evidence] == (hashlib.sha256(SHOT).hexdigest(), len(SHOT))
    assert len(bench.server.uploads.parts) == 1
    assert bench.server.uploads.received_bytes == len(SHOT)
    terminal.close()


def test_a_chunk_damaged_on_the_way_is_sent_again(bench: Bench) -> None:
    """460 makes the terminal ask for the offset and send the chunk once more."""
    handle, hurt = bench.server.uploads.handle, [True]

    def damaging(method: str, call: str, headers: dict[str, str], raw: bytes, terminal: str) -> Any:
        if method == "PATCH" and hurt:
            hurt.clear()
            raw = b"?" + raw[1:]
        return handle(method, call, headers, raw, terminal)

    bench.server.uploads.handle = damaging
    evidence = _shoot(bench.terminal)
    assert bench.terminal.upload_photos().verdict is Verdict.OK
    assert hurt == []
    assert bench.server.uploads.stored[evidence][0] == hashlib.sha256(SHOT).hexdigest()


def test_an_upload_that_expired_begins_anew(bench: Bench) -> None:
    """When the server has dropped a half upload, another is made under another key."""
    evidence = _shoot(bench.terminal)
    bench.line.plan("/uploads", "lost_request", method="PATCH")
    bench.terminal.upload_photos()
    bench.server.uploads.parts.clear()
    assert bench.terminal.upload_photos().verdict is Verdict.OK
    assert len(bench.server.uploads.keys) == 2
    assert evidence in bench.server.uploads.stored


def test_a_mismatch_is_sent_again(bench: Bench) -> None:
    """Bytes that the server set aside as mismatched go out afresh once the terminal hears of it."""
    uploads = bench.server.uploads
    evidence = _shoot(bench.terminal)
    receipt, uploads._receipt = uploads._receipt, lambda *_: problem(404, "not_found", "fix")
    bench.terminal.upload_photos()
    uploads.stored.clear()
    uploads._receipt = receipt
    bench.terminal.push()
    bench.server.write(evidence, "evidence", bytes="mismatched")
    bench.terminal.pull()
    assert bench.terminal.upload_photos().verdict is Verdict.OK
    assert evidence in uploads.stored
    assert len(uploads.parts) == 2


def test_progress_is_told_chunk_by_chunk(bench: Bench) -> None:
    """The caller hears of each acknowledged offset, ending with the whole."""
    told: list[int] = []
    _shoot(bench.terminal)
    bench.terminal.upload_photos(lambda _, offset, __: told.append(offset))
    assert told == [CHUNK_BYTES, 2 * CHUNK_BYTES, len(SHOT)]


# Purge


def _verified(bench: Bench, safe_before: str | None = "2026-11-23T00:00:00Z") -> Path:
    _shoot(bench.terminal)
    bench.server.safe_before = safe_before
    bench.terminal.hello()
    bench.terminal.upload_photos()
    return _original(bench.terminal)


def test_an_original_is_deleted_once_receipt_and_backup_hold_it(bench: Bench) -> None:
    """With a valid receipt older than `safe_before` the original goes, once."""
    original = _verified(bench)
    assert bench.terminal.purge() == 1
    assert not original.exists()
    assert bench.terminal.purge() == 0


@pytest.mark.parametrize("safe_before", [None, "2026-11-22T01:59:00Z", "yesterday"])
def test_an_original_stays_while_no_backup_holds_it(bench: Bench, safe_before: str | None) -> None:
    """A receipt alone is not enough: what a restore would lose is kept."""
    original = _verified(bench, safe_before)
    assert bench.terminal.purge() == 0
    assert original.exists()


@pytest.mark.parametrize(
    "change", [{"sha256": "0" * 64}, {"size": 1}, {"terminal": "t-x"}, {"evidence": "e"}, {"time": 5}]
)
def test_a_receipt_for_something_else_frees_nothing(bench: Bench, change: dict[str, Any]) -> None:
    """A receipt that names another photograph, terminal or size is refused, and the original stays."""
    sign = bench.server.sign
    bench.server.sign = lambda payload: sign({**payload, **change})
    original = _verified(bench)
    assert bench.terminal.purge() == 0
    assert original.exists()
    assert [notice["code"] for notice in bench.terminal.notices()] == ["receipt_refused"]


def test_a_strangers_receipt_frees_nothing(bench: Bench) -> None:
    """A receipt signed by another key under the known name does not verify."""
    stranger = WireServer()
    bench.server.sign = stranger.sign
    original = _verified(bench)
    assert bench.terminal.purge() == 0
    assert original.exists()


def test_a_receipt_that_no_longer_verifies_frees_nothing(bench: Bench) -> None:
    """The receipt is checked again at the moment of deletion."""
    original = _verified(bench)
    bench.terminal.store.execute("UPDATE photo SET receipt = replace(receipt, '.', '.A')")
    assert bench.terminal.purge() == 0
    assert original.exists()


def test_one_original_of_two_records_needs_both_receipts(bench: Bench) -> None:
    """The same bytes under two evidence records stay until both have their receipts."""
    original = _verified(bench)
    second = _shoot(bench.terminal)
    assert bench.terminal.purge() == 0
    assert original.exists()
    bench.terminal.upload_photos()
    assert second in bench.server.uploads.stored
    assert bench.terminal.purge() == 1
    assert not original.exists()


def test_a_restored_server_is_sent_the_photographs_again(bench: Bench) -> None:
    """After a new epoch an original that is still held goes up again for a new receipt."""
    original = _verified(bench, None)
    bench.server.uploads.stored.clear()
    bench.server.restore(bench.server.backup())
    bench.terminal.sync()
    assert len(bench.server.uploads.stored) == 1
    assert original.exists()
