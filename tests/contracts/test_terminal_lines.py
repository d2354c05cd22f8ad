"""What a terminal does must not depend on the line: a call in memory, or HTTP over a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reference.terminal import Terminal, Verdict
from tests.support.wire_server import WireServer, WireTransport, listening


@pytest.fixture
def server() -> WireServer:
    return WireServer()


@pytest.fixture(params=["memory", "socket"])
def terminal(request: pytest.FixtureRequest, server: WireServer, tmp_path: Path) -> Iterator[Terminal]:
    if request.param == "memory":
        with Terminal(tmp_path, "http://wire", transport=WireTransport(server)) as terminal:
            yield terminal
        return
    listener = listening(server)
    try:
        with Terminal(tmp_path, f"http://127.0.0.1:{listener.server_port}") as terminal:
            yield terminal
    finally:
        listener.shutdown()
        listener.server_close()


def _signed_in(terminal: Terminal) -> Terminal:
    assert terminal.enrol("code-1", "H1").verdict is Verdict.OK
    assert terminal.sign_in("demo", "right").verdict is Verdict.OK
    return terminal


def test_a_large_case_and_its_photograph_arrive(terminal: Terminal, server: WireServer) -> None:
    """A compressed body, a page and an upload of several chunks pass whole, under receipts."""
    _signed_in(terminal)
    case = terminal.create("case", {"description": "字" * 3000})
    photo = terminal.take_photo(case, b"\xff\xd8" + bytes(700_000), "far")
    report = terminal.sync()
    assert (report.verdict, report.pull.matches, report.photos.verified) == (Verdict.OK, True, 1)
    assert server.uploads.stored[photo][1] == 700_002
    assert server.records[case]["body"] == {"description": "字" * 3000}
    assert terminal.queue() == []


def test_a_token_that_expired_is_renewed_on_the_way(terminal: Terminal, server: WireServer) -> None:
    """The officer does not notice that the access token has run out."""
    _signed_in(terminal)
    case = terminal.create("case", {"description": "a"})
    server.identity.access.clear()
    assert terminal.sync().verdict is Verdict.OK
    assert case in server.records


def test_an_unknown_call_is_no_answer_of_ours(terminal: Terminal) -> None:
    """What speaks no protocol of ours is waited out on either line."""
    _signed_in(terminal)
    assert terminal.session.send("GET", "/api/v1/none").verdict is Verdict.LATER
