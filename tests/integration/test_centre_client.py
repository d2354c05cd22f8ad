"""The server's client against the reference centre: two processes, real HTTP, bad days included."""

import hashlib
import io
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reference.centre.process import CentreProcess
from worker.centre import CentreClient, Delivered, Later, Refused, Stored

TOKEN = "demo-token"
PATIENCE_S = 20.0
PHOTO = b"\xff\xd8 a photo " * 40_000
SHA256 = hashlib.sha256(PHOTO).hexdigest()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    with CentreProcess(tmp_path / "centre", TOKEN) as centre:
        yield centre


@pytest.fixture
def client(centre: CentreProcess) -> Iterator[CentreClient]:
    with CentreClient(centre.url, TOKEN, PATIENCE_S) as client:
        yield client


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    return path


def make_case(version: int = 1, case: str | None = None, **changes: Any) -> dict[str, Any]:
    """Make a case without evidence that the centre takes."""
    return {
        "case": case or str(uuid.uuid4()),
        "version": version,
        "case_no": None,
        "category": "0406",
        "description": "占道经营，已劝导",
        "address": "演示路 1 号",
        "position": None,
        "occurred_at": "2026-11-22T10:00:00+08:00",
        "status": "closed",
        "unit": "演示中队",
        "officers": [],
        "timeline": [],
        "evidence": [],
        "incident": None,
        **changes,
    }


def key_of(case: dict[str, Any]) -> str:
    """Give the key under which a case is sent."""
    return f"{case['case']}:{case['version']}"


def with_photo(case: dict[str, Any]) -> dict[str, Any]:
    """Add the photo to a case."""
    photo = {"id": "e1", "sha256": SHA256, "size": len(PHOTO), "media_type": "image/jpeg", "role": "far"}
    return case | {"evidence": [photo]}


def test_case_goes_with_its_evidence(centre: CentreProcess, client: CentreClient, photo: Path) -> None:
    """Evidence first, then its case: the centre has both, byte for byte, under one task number."""
    case = with_photo(make_case())
    refused = client.deliver(case, key_of(case))
    assert isinstance(refused, Refused)
    assert refused.code == "evidence_missing"
    assert not client.has_evidence(SHA256)
    assert client.put_evidence(SHA256, photo, "image/jpeg", len(PHOTO)) == Stored(SHA256)
    assert client.has_evidence(SHA256)
    delivered = client.deliver(case, key_of(case))
    assert isinstance(delivered, Delivered)
    received = centre.received()
    assert received["cases"][0]["task_number"] == delivered.task_number
    assert received["cases"][0]["versions"][0]["body"] == case
    assert received["cases"][0]["versions"][0]["evidence"] == [SHA256]
    assert (centre.data / "evidence" / SHA256[:2] / SHA256).read_bytes() == PHOTO


def test_open_file_is_streamed_from_where_it_stands(client: CentreClient) -> None:
    """Evidence may come from any binary file; sending it again changes nothing."""
    for _ in range(2):
        assert client.put_evidence(SHA256, io.BytesIO(PHOTO), "image/jpeg", len(PHOTO)) == Stored(SHA256)
    empty = hashlib.sha256(b"").hexdigest()
    assert client.put_evidence(empty, io.BytesIO(b""), "image/jpeg", 0) == Stored(empty)


@pytest.mark.parametrize(
    "damaged", [PHOTO[:-1], PHOTO + b"x", b"X" + PHOTO[1:], PHOTO[:-1] + b"X", b""], ids=range(5)
)
def test_damaged_evidence_never_arrives(
    centre: CentreProcess, client: CentreClient, tmp_path: Path, damaged: bytes
) -> None:
    """Bytes on our disk that are not the digest's are held for a person, not sent as something else."""
    path = tmp_path / "damaged"
    path.write_bytes(damaged)
    verdict = client.put_evidence(SHA256, path, "image/jpeg", len(PHOTO))
    assert isinstance(verdict, Later)
    assert "damaged" in verdict.reason
    assert centre.received()["evidence"] == []
    assert not client.has_evidence(SHA256)


def test_evidence_that_cannot_be_read_or_named_is_later(client: CentreClient, tmp_path: Path) -> None:
    """A missing file, a folder, a closed file, or what is no digest: a reason, never an exception."""
    closed = io.BytesIO(PHOTO)
    closed.close()
    for source in (tmp_path / "missing", tmp_path, closed):
        assert isinstance(client.put_evidence(SHA256, source, "image/jpeg", len(PHOTO)), Later)
    assert isinstance(client.put_evidence("../cases", tmp_path, "image/jpeg", 1), Later)
    assert isinstance(client.put_evidence(SHA256, io.BytesIO(PHOTO), "图片\r\nX: y", len(PHOTO)), Later)
    assert not client.has_evidence("../healthz")


def test_repeats_and_versions_keep_one_task_number(centre: CentreProcess, client: CentreClient) -> None:
    """One case has one task number, whatever is repeated, corrected, or comes late."""
    first = make_case()
    second = make_case(2, first["case"], description="更正后的说明")
    fourth = make_case(4, first["case"])
    late = make_case(3, first["case"])
    verdicts = [client.deliver(case, key_of(case)) for case in (first, first, second, fourth, late, first)]
    assert isinstance(verdicts[0], Delivered)
    assert set(verdicts) == {verdicts[0]}
    (case,) = centre.received()["cases"]
    assert case["version"] == 4
    assert [(each["version"], each["repeats"]) for each in case["versions"]] == [(1, 2), (2, 0), (4, 0)]


def test_same_version_with_other_content_is_refused(client: CentreClient) -> None:
    """A key stands for one content; the first is kept."""
    case = make_case()
    assert isinstance(client.deliver(case, key_of(case)), Delivered)
    verdict = client.deliver(case | {"description": "另一"}, key_of(case))
    assert isinstance(verdict, Refused)
    assert verdict.code == "key_reused"


def test_fault_of_the_centre_passes(centre: CentreProcess, client: CentreClient) -> None:
    """Two failures are two times later, and the third try delivers, once."""
    case = make_case()
    centre.fault(path="cases", status=500, times=2)
    for _ in range(2):
        verdict = client.deliver(case, key_of(case))
        assert isinstance(verdict, Later)
        assert "500" in verdict.reason
    assert centre.received()["cases"] == []
    assert isinstance(client.deliver(case, key_of(case)), Delivered)


def test_answer_lost_after_acceptance_gives_the_same_number_once(
    centre: CentreProcess, client: CentreClient
) -> None:
    """What was accepted without our learning it is not accepted again: the repeat gives its number."""
    case = make_case()
    centre.fault(path="cases", lose_answer=True)
    assert isinstance(client.deliver(case, key_of(case)), Later)
    (accepted,) = centre.received()["cases"]
    assert client.deliver(case, key_of(case)) == Delivered(accepted["task_number"])
    assert len(centre.received()["cases"]) == 1


def test_lost_answer_to_evidence_is_found_by_asking(
    centre: CentreProcess, client: CentreClient, photo: Path
) -> None:
    """Evidence that arrived without our learning it need not be sent again."""
    centre.fault(path="evidence", method="PUT", lose_answer=True)
    assert isinstance(client.put_evidence(SHA256, photo, "image/jpeg", len(PHOTO)), Later)
    assert client.has_evidence(SHA256)


def test_late_answer_is_later_and_its_repeat_the_same_case(centre: CentreProcess) -> None:
    """A centre slower than our patience may still have accepted; sending again is safe."""
    case = make_case()
    centre.fault(path="cases", delay_s=2.0)
    with CentreClient(centre.url, TOKEN, timeout_s=0.3) as hasty:
        verdict = hasty.deliver(case, key_of(case))
    assert isinstance(verdict, Later)
    assert "0.3" in verdict.reason
    with CentreClient(centre.url, TOKEN, PATIENCE_S) as patient:
        again = patient.deliver(case, key_of(case))
    assert isinstance(again, Delivered)
    assert [each["task_number"] for each in centre.received()["cases"]] == [again.task_number]


def test_refusal_is_of_the_case_it_is_meant_for(centre: CentreProcess, client: CentreClient) -> None:
    """A refusal reaches the sender in the centre's words; another case passes meanwhile."""
    bad, good = make_case(), make_case()
    centre.fault(refuse={"code": "category_closed", "message": "该类别已停用"}, case=bad["case"])
    assert isinstance(client.deliver(good, key_of(good)), Delivered)
    assert client.deliver(bad, key_of(bad)) == Refused("category_closed", "该类别已停用")
    corrected = make_case(2, bad["case"])
    assert isinstance(client.deliver(corrected, key_of(corrected)), Delivered)


def test_busy_centre_is_obeyed(centre: CentreProcess, client: CentreClient) -> None:
    """The pause that the centre names arrives at the caller."""
    case = make_case()
    for status in (429, 503):
        centre.fault(path="cases", status=status, retry_after="17")
        verdict = client.deliver(case, key_of(case))
        assert isinstance(verdict, Later)
        assert verdict.retry_after_s == 17


def test_portal_and_redirect_are_not_the_centre(
    centre: CentreProcess, client: CentreClient, photo: Path
) -> None:
    """A page that says 200 to everything delivers nothing and holds nothing; no redirect is followed."""
    case = make_case()
    centre.fault(path="cases", html=True)
    centre.fault(path="cases", status=307)
    centre.fault(path="evidence", html=True, times=2)
    assert isinstance(client.deliver(case, key_of(case)), Later)
    assert isinstance(client.deliver(case, key_of(case)), Later)
    assert not client.has_evidence(SHA256)
    assert isinstance(client.put_evidence(SHA256, photo, "image/jpeg", len(PHOTO)), Later)
    assert centre.received() == {"cases": [], "evidence": []}


def test_wrong_token_waits_for_a_person(centre: CentreProcess, photo: Path) -> None:
    """A token that the centre does not know is not the case's fault; nothing is refused or stored."""
    case = make_case()
    with CentreClient(centre.url, "other", PATIENCE_S) as stranger:
        for verdict in (
            stranger.deliver(case, key_of(case)),
            stranger.put_evidence(SHA256, photo, "image/jpeg", len(PHOTO)),
        ):
            assert isinstance(verdict, Later)
            assert "401" in verdict.reason
        assert not stranger.has_evidence(SHA256)
    assert centre.received() == {"cases": [], "evidence": []}


def test_case_that_is_no_json_is_later(client: CentreClient) -> None:
    """A case that can't be written or a key that can't be sent is a reason, not an exception."""
    for odd in ({"at": object()}, {"x": float("nan")}, {"x": "\ud800"}):
        assert isinstance(client.deliver(odd, "a:1"), Later)
    assert isinstance(client.deliver(make_case(), "案:1"), Later)
    assert isinstance(client.deliver(make_case(), "a:1\r\nX: y"), Later)


def test_killed_centre_keeps_what_it_answered_for(
    centre: CentreProcess, client: CentreClient, photo: Path
) -> None:
    """While it is gone everything is later; after its return the same case has the same number."""
    case = with_photo(make_case())
    assert isinstance(client.put_evidence(SHA256, photo, "image/jpeg", len(PHOTO)), Stored)
    delivered = client.deliver(case, key_of(case))
    centre.kill()
    gone = client.deliver(case, key_of(case))
    assert isinstance(gone, Later)
    assert "reached" in gone.reason
    centre.start()
    assert client.has_evidence(SHA256)
    assert client.deliver(case, key_of(case)) == delivered


@contextmanager
def strange_centre(answer: bytes, *, drips: bool = False) -> Iterator[str]:
    """Listen as something that answers any connection with these bytes, whole or forever one by one."""
    stopping = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            line, _ = listener.accept()
            with line:
                if stopping.is_set():
                    return
                line.recv(65536)
                _say(line, answer, stopping if drips else None)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def _say(line: socket.socket, answer: bytes, stopping: threading.Event | None) -> None:
    try:
        if stopping is None:
            line.sendall(answer)
            return
        for byte in answer:
            line.sendall(bytes([byte]))
            if stopping.wait(0.05):
                return
    except OSError:
        return  # the client has hung up, as it should


STRANGE = {
    "silence": b"",
    "noise": b"\x00\x01\x02 not http at all \r\n\r\n",
    "cut": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"task',
    "endless": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000,
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000,
    "bomb": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE.keys())
def test_strange_answers_are_later(answer: bytes) -> None:
    """Whatever stands at the other end, delivery ends with a reason and without an exception."""
    case = make_case()
    with strange_centre(answer) as url, CentreClient(url, TOKEN, PATIENCE_S) as client:
        assert isinstance(client.deliver(case, key_of(case)), Later)
        assert isinstance(
            client.put_evidence(SHA256, io.BytesIO(PHOTO), "image/jpeg", len(PHOTO)), Later | Stored
        )
        client.has_evidence(SHA256)


def test_answer_that_drips_ends_with_the_time_given() -> None:
    """Bytes that keep coming slowly do not hold a worker: the whole exchange has one limit."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000
    case = make_case()
    with strange_centre(answer, drips=True) as url, CentreClient(url, TOKEN, timeout_s=0.5) as client:
        verdict = client.deliver(case, key_of(case))
    assert isinstance(verdict, Later)
    assert "0.5" in verdict.reason
