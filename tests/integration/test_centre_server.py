"""The reference centre as a stranger meets it: raw HTTP, hostile bodies, crashes."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from reference.centre.process import CentreProcess

TOKEN = "demo-token"
PATIENCE_S = 20.0
CASE = {
    "case": "01932f0a-1b2c-7000-8000-000000000001",
    "version": 1,
    "category": "0114",
    "description": "道路遗撒",
    "address": "演示路 1 号",
    "occurred_at": "2026-11-22T10:00:00+08:00",
    "status": "closed",
    "evidence": [],
}
KEY = {"Idempotency-Key": f"{CASE['case']}:1"}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    with CentreProcess(tmp_path / "centre", TOKEN) as centre:
        yield centre


@pytest.fixture
def http(centre: CentreProcess) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=centre.url, headers=headers, timeout=PATIENCE_S, trust_env=False) as http:
        yield http


def raw(centre: CentreProcess, request: bytes) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are, end, and give the status and the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", centre.port), PATIENCE_S) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_statuses_are_those_of_the_protocol(http: httpx.Client) -> None:
    """201 for a new case, 409 for a known one, 200 for a newer version, 409 for an older; one number."""
    newer = CASE | {"version": 3}
    older = CASE | {"version": 2}
    answers = [
        http.post("/cases", json=case, headers={"Idempotency-Key": f"{case['case']}:{case['version']}"})
        for case in (CASE, CASE, newer, older)
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 200, 409]
    assert len({answer.json()["task_number"] for answer in answers}) == 1


def test_simultaneous_deliveries_of_one_case_make_one_task(http: httpx.Client, centre: CentreProcess) -> None:
    """However many bring the same at once, one is the first and all learn the same number."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.post("/cases", json=CASE, headers=KEY), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    assert len({answer.json()["task_number"] for answer in answers}) == 1
    assert centre.received()["cases"][0]["versions"][0]["repeats"] == 15


def test_health_is_open_and_all_else_is_not(centre: CentreProcess, http: httpx.Client) -> None:
    """Without the token there is health only; a refused body does not spoil the connection."""
    assert httpx.get(centre.url + "/healthz", trust_env=False).json() == {"status": "ok"}
    for method, path in [
        ("POST", "/cases"),
        ("PUT", f"/evidence/{'a' * 64}"),
        ("HEAD", f"/evidence/{'a' * 64}"),
        ("GET", "/received"),
        ("POST", "/faults"),
        ("DELETE", "/faults"),
    ]:
        for token in ("", "Bearer", "Bearer other", f"Basic {TOKEN}", TOKEN):
            answer = http.request(method, path, headers={"Authorization": token}, content=b"x" * 1000)
            assert answer.status_code == 401
    assert http.get("/received").json() == {"cases": [], "evidence": []}


def test_evidence_is_what_its_digest_says_or_nothing(http: httpx.Client, centre: CentreProcess) -> None:
    """Other bytes than the digest's are refused and leave no file behind."""
    sha256 = hashlib.sha256(b"photo").hexdigest()
    assert http.put(f"/evidence/{sha256}", content=b"other").json()["code"] == "digest_mismatch"
    assert http.head(f"/evidence/{sha256}").status_code == 404
    assert list((centre.data / "incoming").iterdir()) == []
    assert http.put(f"/evidence/{sha256}", content=b"photo").status_code == 201
    assert http.put(f"/evidence/{sha256}", content=b"photo").status_code == 200
    assert http.head(f"/evidence/{sha256}").status_code == 200


def test_evidence_that_stops_midway_is_not_held(centre: CentreProcess, http: httpx.Client) -> None:
    """A transfer that dies leaves nothing that could be taken for the photo; the next one succeeds."""
    body = b"p" * 500_000
    path = f"/evidence/{hashlib.sha256(body).hexdigest()}"
    head = f"PUT {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", centre.port), PATIENCE_S) as line:
        line.sendall(head.encode() + body[:300_000])
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1000) == b""
    assert http.head(path).status_code == 404
    assert http.put(path, content=body).status_code == 201


def test_bodies_are_bounded(centre: CentreProcess, http: httpx.Client) -> None:
    """What is too large or of unknown length is refused by its head; nothing is kept."""
    assert http.post("/cases", content=b" " * (2 * 1024 * 1024 + 1), headers=KEY).status_code == 413
    token = f"Authorization: Bearer {TOKEN}\r\n".encode()
    huge = b"PUT /evidence/" + b"a" * 64 + b" HTTP/1.1\r\n" + token + b"Content-Length: 99999999999\r\n\r\n"
    assert raw(centre, huge)[0] == 413
    chunked = b"POST /cases HTTP/1.1\r\n" + token + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert raw(centre, chunked)[0] == 411
    assert raw(centre, b"POST /cases HTTP/1.1\r\n" + token + b"\r\n")[0] == 411


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"TRACE / HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST /cases HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /cases HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /received HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\n\r\n",
    ],
)
def test_hostile_requests_get_a_plain_no(centre: CentreProcess, request_bytes: bytes) -> None:
    """Bad HTTP is answered with a code in JSON, without an echo, and the centre lives on."""
    if request_bytes.startswith(b"nonsense"):
        with socket.create_connection(("127.0.0.1", centre.port), PATIENCE_S) as line:
            line.sendall(request_bytes)
            assert b"Traceback" not in line.recv(65536)
    else:
        status, body = raw(centre, request_bytes)
        assert status >= 400
        assert set(body) == {"code", "message"}
        assert "passwd" not in json.dumps(body)
    assert centre.received() == {"cases": [], "evidence": []}


@pytest.mark.parametrize(
    "told",
    [
        {"path": "received", "status": 500},
        {"status": 99},
        {"status": True},
        {"times": 0},
        {"delay_s": -1},
        {"delay_s": 1e9},
        {"refuse": {"code": "x"}},
        {"retry_after": "a\r\nSet-Cookie: b"},
        {"explode": True},
        {"lose_answer": "yes"},
    ],
)
def test_faults_not_understood_are_not_taken(http: httpx.Client, told: dict[str, Any]) -> None:
    """A test that misspells a fault learns of it instead of passing for nothing."""
    assert http.post("/faults", json=told).json()["code"] == "fault_invalid"
    assert http.get("/faults").json() == {"faults": []}


def test_faults_can_be_cleared(http: httpx.Client) -> None:
    """A fault without a count lasts until it is cleared."""
    http.post("/faults", json={"status": 500, "times": None})
    assert [http.post("/cases", json=CASE, headers=KEY).status_code for _ in range(3)] == [500] * 3
    http.delete("/faults")
    assert http.post("/cases", json=CASE, headers=KEY).status_code == 201


def test_restart_after_a_kill_keeps_all_and_sweeps_the_rest(centre: CentreProcess) -> None:
    """What was answered for is there after a kill; the part of a dead transfer is not."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    number = httpx.post(f"{centre.url}/cases", json=CASE, headers=headers | KEY, trust_env=False).json()
    centre.kill()
    (centre.data / "incoming" / "part").write_bytes(b"half")
    centre.start()
    assert [each["task_number"] for each in centre.received()["cases"]] == [number["task_number"]]
    assert list((centre.data / "incoming").iterdir()) == []


def test_program_ends_well_on_a_signal_and_says_what_it_misses(tmp_path: Path) -> None:
    """SIGTERM is an orderly end; a start without a token is an error with a usage line."""
    command = [sys.executable, "-m", "reference.centre", "--data", str(tmp_path / "d")]
    with subprocess.Popen([*command, "--token", "t"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    missing = subprocess.run(command, capture_output=True, text=True, env={}, timeout=PATIENCE_S, check=False)
    assert missing.returncode == 2
    assert "token" in missing.stderr
