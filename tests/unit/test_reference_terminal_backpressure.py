"""What the terminal does when the server or the line is pressed: halves, pauses, and a new key on the way."""

import gzip
import json
from pathlib import Path

import httpx
import pytest

from reference.terminal import Terminal, Verdict
from reference.terminal.http import Line
from reference.terminal.keys import ServerKeys
from tests.support.wire_server import WireServer
from tests.support.wire_terminal import Bench


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    bench.ready()
    yield bench
    bench.terminal.close()


class Silent(httpx.BaseTransport):
    """A line on which somebody else answers."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, request=request)


class Narrow(httpx.BaseTransport):
    """A line that brings through only so many operations at a time; `fault` says how it fails with more."""

    def __init__(self, bench: Bench, most: int, fault: str) -> None:
        self.inner, self.most, self.fault = bench.line, most, fault
        self.tried: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/sync/push"):
            return self.inner.handle_request(request)
        raw = request.read()
        plain = gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw
        size = len(json.loads(plain)["operations"])
        self.tried.append(size)
        if size <= self.most:
            return self.inner.handle_request(request)
        if self.fault.isdigit():
            html = {"Content-Type": "text/html"}
            return httpx.Response(int(self.fault), headers=html, content=b"<p>too much</p>", request=request)
        if self.fault == "lost_answer":
            self.inner.inner.handle_request(request)
        broken: dict[str, httpx.TransportError] = {
            "write": httpx.WriteTimeout("slow"),
            "read": httpx.ReadTimeout("slow"),
            "lost_answer": httpx.ReadError("cut"),
            "broken": httpx.WriteError("cut"),
            "closed": httpx.RemoteProtocolError("closed"),
        }
        raise broken[self.fault]


@pytest.mark.parametrize("fault", ["write", "read", "lost_answer", "broken", "closed", "408", "413", "504"])
def test_what_the_line_does_not_bring_through_goes_in_halves(bench: Bench, fault: str) -> None:
    """Time-outs, cut lines and a proxy's refusal halve the batch until it passes; then it grows again."""
    bench.terminal.close()
    line = Narrow(bench, 3, fault)
    terminal = Terminal(bench.folder, "http://wire", bench.clock, line, chance=lambda: 0.5)
    cases = [terminal.create("case", {"description": str(number)}) for number in range(12)]
    slept: list[float] = []
    assert terminal.sync(sleep=slept.append).verdict is Verdict.OK
    assert line.tried[:3] == [12, 6, 3]
    assert max(line.tried[3:]) > 3
    assert [bench.server.records[case]["version"] for case in cases] == [1] * 12
    numbers = [kept["operation"]["number"] for kept in bench.server.inbox.values()]
    assert numbers == list(range(1, 13))
    assert (terminal.queue(), len(slept) > 1) == ([], True)
    terminal.close()


def test_no_line_at_all_halves_nothing(bench: Bench) -> None:
    """Where nothing was taken up, the size of the batch is not what is wrong."""
    for number in range(4):
        bench.terminal.create("case", {"description": str(number)})
    bench.line.plan("/sync/push", "lost_request", times=3)
    for _ in range(3):
        assert bench.terminal.push().code == "unreachable"
    bench.terminal.push()
    assert [len(push["operations"]) for push in bench.server.pushes] == [4]


def test_the_whole_of_a_pause_is_chance() -> None:
    """Terminals that lost their line together come back spread over it, none at once and none too late."""
    for share in (0.0, 0.25, 1.0):
        line = Line("http://wire", Silent(), chance=lambda share=share: share)
        waits = [line.send("GET", "/").wait_s for _ in range(10)]
        assert waits == [max(0.2, share * min(300.0, 2.0 * 2**step)) for step in range(10)]
        line.close()


def test_a_pause_that_is_asked_for_holds_up_the_next_batch(bench: Bench) -> None:
    """With `backoff_ms` in an answer the rest waits as long, and a little more; then it goes out."""
    bench.server.limits = {"operations": 2, "bytes": 8388608}
    bench.server.backoff_ms = 4000
    assert bench.terminal.hello().verdict is Verdict.OK
    for number in range(4):
        bench.terminal.create("case", {"description": str(number)})
    report = bench.terminal.push()
    assert (report.verdict, report.code, report.batches) == (Verdict.LATER, "backoff", 1)
    assert report.wait_s == pytest.approx(4 * 1.125)
    assert len(bench.terminal.queue()) == 2
    bench.server.backoff_ms = 0
    assert bench.terminal.push().verdict is Verdict.OK
    assert bench.terminal.queue() == []


def test_a_sync_that_makes_progress_is_not_given_up(bench: Bench) -> None:
    """However many pauses are asked for, all of a long queue goes out in one sync."""
    bench.server.limits = {"operations": 1, "bytes": 8388608}
    bench.server.backoff_ms = 1000
    for number in range(14):
        bench.terminal.create("case", {"description": str(number)})
    slept: list[float] = []
    assert bench.terminal.sync(sleep=slept.append).verdict is Verdict.OK
    assert bench.terminal.queue() == []
    assert len(slept) == 13
    assert min(slept) >= 1.0


def test_keys_that_endorse_each_other_are_followed_in_any_order() -> None:
    """After several rotations the chain is taken whole; a link whose endorser is a stranger is not."""
    servers = [WireServer() for _ in range(4)]
    for number, server in enumerate(servers):
        server.kid = f"k{number}"
    offered = [server.jwks()["keys"][0] for server in servers]
    linked = [
        {**key, "endorsement": before.sign(key)} for before, key in zip(servers[:-2], offered[1:-1], strict=True)
    ]
    stranger, loose = WireServer(), offered[-1]
    stranger.kid = "k9"
    keys = ServerKeys([offered[0]])
    assert keys.learn({"keys": [{**loose, "endorsement": stranger.sign(loose)}, *reversed(linked)]})
    assert [key["kid"] for key in keys.listed()] == ["k0", "k1", "k2"]
