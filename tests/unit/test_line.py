"""The bad line does exactly what it was told, and nothing else, to real connections."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from demo.line import Line, RequestFollower

PATIENCE_S = 10.0


class Echo(ThreadingHTTPServer):
    """Answer each request with its own body, and remember what came."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.cut_short = threading.Semaphore(0)
        self.cut_lengths: list[int] = []
        super().__init__(("127.0.0.1", 0), EchoHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: broken connections are what these tests are about."""


class EchoHandler(BaseHTTPRequestHandler):
    server: Echo
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S

    def do_GET(self) -> None:
        self._answer(b"hello")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding"):
            body = self._read_chunked()
        else:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.server.cut_lengths.append(len(body))
                self.server.cut_short.release()
                self.close_connection = True
                return
        self._answer(body)

    def _read_chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        self.server.seen.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[Echo]:
    echo = Echo()
    thread = threading.Thread(target=echo.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield echo
    echo.shutdown()
    thread.join()
    echo.server_close()


@pytest.fixture
def line(server: Echo) -> Iterator[Line]:
    with Line(server.server_address[1]) as line:
        yield line


@pytest.fixture
def client(line: Line) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=line.url, timeout=PATIENCE_S, trust_env=False) as client:
        yield client


def _send_and_receive(terminal: socket.socket, request: bytes) -> bytes:
    terminal.sendall(request)
    return terminal.recv(1024)


def test_good_line_passes_everything_untouched(client: httpx.Client, server: Echo) -> None:
    """Bytes arrive as sent in both directions, over one connection and over several."""
    body = bytes(range(256)) * 4096
    assert client.post("/a", content=body).content == body
    assert client.post("/b", content=b"second").content == b"second"
    assert httpx.post(str(client.base_url.join("/c")), content=b"third", trust_env=False).content == b"third"
    assert [path for path, _ in server.seen] == ["/a", "/b", "/c"]


def test_line_down_breaks_old_and_new_connections_until_up(client: httpx.Client, line: Line) -> None:
    """While down nothing passes, be the connection open already or not; up restores it."""
    assert client.get("/").content == b"hello"
    line.down()
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            client.get("/")
    line.up()
    assert client.get("/").content == b"hello"


def test_black_hole_is_silent_until_up(client: httpx.Client, line: Line, server: Echo) -> None:
    """A swallowed request meets a time-out, not an error, and never arrives, not even later."""
    line.black_hole()
    with pytest.raises(httpx.ReadTimeout):
        client.post("/swallowed", content=b"x", timeout=0.2)
    line.up()
    assert client.get("/after").content == b"hello"
    assert [path for path, _ in server.seen] == ["/after"]


def test_cut_lets_exactly_so_many_bytes_reach_the_server(line: Line, server: Echo) -> None:
    """The server sees the bytes up to the cut and an end; the sender sees a break; then all is well."""
    head = b"POST /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    line.cut_after(len(head) + 12345)
    with socket.create_connection(("127.0.0.1", line.port), PATIENCE_S) as terminal:
        with pytest.raises(ConnectionError):
            _send_and_receive(terminal, head + b"y" * 100_000)
        assert server.cut_short.acquire(timeout=PATIENCE_S)
    assert server.cut_lengths == [12345]
    assert server.seen == []
    assert httpx.get(line.url, trust_env=False).content == b"hello"


def test_cut_counts_over_several_connections(client: httpx.Client, line: Line, server: Echo) -> None:
    """What earlier requests used of the count is gone for the one that meets the cut."""
    line.cut_after(600)
    assert httpx.post(line.url + "/small", content=b"1", trust_env=False).content == b"1"
    with pytest.raises(httpx.TransportError):
        client.post("/large", content=b"2" * 1000)
    assert [path for path, _ in server.seen] == ["/small"]


def test_cut_towards_the_terminal_truncates_the_answer(
    client: httpx.Client, line: Line, server: Echo
) -> None:
    """The server has done its work while the terminal holds a part of the answer."""
    line.cut_after(bytes_to_terminal=200)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/answer", content=b"z" * 5000)
    assert [path for path, _ in server.seen] == ["/answer"]
    assert client.get("/").content == b"hello"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_lost_answer_is_of_the_matching_request_only(
    client: httpx.Client, line: Line, server: Echo, is_chunked: bool
) -> None:
    """The server has the whole matching request; its sender gets a break; others are answered."""
    lost = line.lose_next_answer("/api/v1/sync/push")
    body = b"p" * 300_000
    pieces = (body[start : start + 7000] for start in range(0, len(body), 7000))
    assert client.post("/api/v1/other", content=iter([b"a", b"b"])).content == b"ab"
    assert not lost.is_set()
    with pytest.raises(httpx.TransportError):
        client.post("/api/v1/sync/push", content=pieces if is_chunked else body)
    assert lost.wait(PATIENCE_S)
    assert server.seen[-1] == ("/api/v1/sync/push", body)
    assert client.post("/api/v1/sync/push", content=body).content == body


def test_an_answer_that_was_never_given_is_not_the_lost_one() -> None:
    """A server that dies before it answers uses up no loss: the next request's answer is the one that is lost."""
    with socket.create_server(("127.0.0.1", 0)) as dying, Line(dying.getsockname()[1]) as line:
        lost = line.lose_next_answer("/push")
        for is_answered in (False, True):
            with socket.create_connection(("127.0.0.1", line.port)) as terminal:
                terminal.settimeout(PATIENCE_S)
                terminal.sendall(b"GET /push HTTP/1.1\r\n\r\n")
                accepted, _ = dying.accept()
                with accepted:
                    assert accepted.recv(100)
                    if is_answered:
                        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                try:
                    assert terminal.recv(100) == b""
                except ConnectionResetError:
                    assert is_answered
            assert lost.is_set() == is_answered


def test_latency_delays_and_does_not_damage(client: httpx.Client, line: Line) -> None:
    """A slow line gives the same answer, but not to those who wait less than it takes."""
    line.latency(60)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/", timeout=0.1)
    line.latency(0.01)
    assert client.post("/", content=b"slow").content == b"slow"


def test_dead_server_is_a_break_not_a_hang(server: Echo) -> None:
    """A line to a port where nobody listens breaks its callers' connections."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Line(port) as line, pytest.raises(httpx.TransportError):
        httpx.get(line.url, timeout=PATIENCE_S, trust_env=False)


def test_close_frees_a_sender_that_hangs(server: Echo) -> None:
    """Closing ends every thread even when a peer reads nothing and its buffers are full."""
    before = threading.active_count()
    line = Line(server.server_address[1])
    with socket.create_connection(("127.0.0.1", line.port), PATIENCE_S) as terminal:
        terminal.sendall(b"POST / HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000)
        line.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "line"]
    assert threading.active_count() <= before + 2  # the server's own threads may still be ending


@pytest.mark.parametrize("step", [1, 3, 50, 10_000])
def test_follower_finds_the_same_requests_however_the_bytes_are_cut(step: int) -> None:
    """Requests are found by their heads alone, not by what their bodies look like."""
    stream = (
        b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
        b"POST /two HTTP/1.1\r\ncontent-length:  30\r\nX: y\r\n\r\nGET /fake HTTP/1.1\r\nHost: x\r\n\r"
        b"PUT /three HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1c;ext=1\r\nGET /fake HTTP/1.1\r\nA: b\r\n\r\n\r\n0\r\n\r\n"
        b"POST /four HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n"
        b"DELETE /five HTTP/1.1\r\n\r\n"
    )
    follower = RequestFollower()
    found = [
        path for start in range(0, len(stream), step) for path in follower.feed(stream[start : start + step])
    ]
    assert found == ["/one", "/two", "/three", "/four", "/five"]


def test_follower_gives_up_on_what_is_no_http() -> None:
    """Foreign or endless bytes are neither kept nor taken for requests."""
    follower = RequestFollower()
    assert follower.feed(b"\x16\x03\x01 hello\r\n\r\nGET / HTTP/1.1\r\n\r\n") == []
    endless = RequestFollower()
    for _ in range(100):
        assert endless.feed(b"A" * 10_000) == []
    assert len(endless._head) < 80_000
