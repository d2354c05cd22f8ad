"""What the terminal does about a bad line and an unwilling server."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from reference.terminal import Verdict
from reference.terminal.http import ANSWER_LIMIT, Line
from reference.terminal.keys import ServerKeys
from tests.support.wire_server import WireServer
from tests.support.wire_terminal import Bench


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "t")
    bench.ready()
    yield bench
    bench.terminal.close()


class Fixed(httpx.BaseTransport):
    """A line that always gives one answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.answer = (status, headers, body)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        status, headers, body = self.answer
        return httpx.Response(status, headers=headers, content=body, request=request)


def _judge(status: int, kind: str, body: bytes) -> Verdict:
    line = Line("http://wire", Fixed(status, {"Content-Type": kind}, body))
    try:
        return line.send("GET", "/").verdict
    finally:
        line.close()


WORDS = ["fix", "split", "login", "stop", "resync", "later"]


@given(status=st.integers(200, 599), retry=st.sampled_from(WORDS))
def test_the_word_is_obeyed_and_not_the_status(status: int, retry: str) -> None:
    """Whatever the status of a problem document, its `retry` decides."""
    body = json.dumps({"code": "c", "retry": retry}).encode()
    assert _judge(status, "application/problem+json", body) is Verdict(retry)


@given(
    status=st.integers(200, 599).filter(lambda status: status != 204),
    kind=st.sampled_from(["text/html", "application/json", "application/problem+json", ""]),
    body=st.one_of(st.binary(max_size=40), st.sampled_from([b"[1]", b'{"a":NaN}', b"[" * 5000, b""])),
)
def test_what_is_not_ours_means_later(status: int, kind: str, body: bytes) -> None:
    """A portal's page, a broken body or an unknown shape is waited out, never believed."""
    assert _judge(status, kind, body) is Verdict.LATER


class Endless(httpx.BaseTransport):
    """A portal that streams for ever; `given` counts what was taken of it."""

    given = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, stream=_Drip(self))


class _Drip(httpx.SyncByteStream):
    def __init__(self, source: Endless) -> None:
        self.source = source

    def __iter__(self):
        while True:
            self.source.given += 1
            yield bytes(1024 * 1024)


def test_an_endless_answer_is_cut_off() -> None:
    """No more than the limit is read of any answer."""
    source = Endless()
    line = Line("http://wire", source)
    assert line.send("GET", "/").verdict is Verdict.LATER
    assert source.given <= ANSWER_LIMIT // (1024 * 1024) + 1
    line.close()


def test_pauses_grow_and_an_answer_ends_them() -> None:
    """Without a Retry-After each failure about doubles the pause, up to a bound, with jitter below it."""
    silent = Fixed(502, {}, b"")
    line = Line("http://wire", silent, chance=lambda: 1.0)
    waits = [line.send("GET", "/").wait_s for _ in range(12)]
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-2:] == [300, 300]
    silent.answer = (200, {"Content-Type": "application/json"}, b"{}")
    assert line.send("GET", "/").wait_s == 0
    silent.answer = (502, {}, b"")
    assert line.send("GET", "/").wait_s == 2
    line.close()


@pytest.mark.parametrize("fault", ["lost_request", "lost_answer", "cut", "portal", "503", "429"])
def test_an_unanswered_batch_is_sent_again_the_same(bench: Bench, fault: str) -> None:
    """After any passing fault the same batch goes out with the same operations, whatever was added since."""
    terminal = bench.terminal
    first = terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", fault)
    report = terminal.push()
    assert report.verdict is Verdict.LATER
    assert report.wait_s > 0
    second = terminal.create("case", {"description": "b"})
    terminal = bench.reopen()
    assert terminal.push().verdict is Verdict.OK
    sent = [push for push in bench.server.pushes if push["operations"][0]["record"] == first]
    assert len({push["batch"] for push in sent}) == 1
    assert all(push["operations"] == sent[0]["operations"] for push in sent)
    assert (bench.server.records[first]["version"], bench.server.records[second]["version"]) == (1, 1)
    assert terminal.queue() == []


def test_a_batch_sent_again_tells_the_present_time(bench: Bench) -> None:
    """The server corrects times by the envelope's clock, so a late repeat carries that of its sending."""
    bench.terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", "lost_answer")
    bench.terminal.push()
    bench.clock.advance(3600)
    bench.terminal.push()
    first, again = bench.server.pushes
    assert again["clock"]["monotonic_ms"] - first["clock"]["monotonic_ms"] == 3_600_000
    assert again["clock"]["hlc"] > first["clock"]["hlc"]
    assert again["operations"] == first["operations"]


def test_a_wait_follows_the_server_and_is_never_slept(bench: Bench) -> None:
    """Retry-After is given back with jitter on top; only a given `sleep` is called."""
    bench.line.plan("/sync/hello", "429", times=2)
    assert bench.terminal.sync().wait_s == pytest.approx(7 * 1.125)
    slept: list[float] = []
    assert bench.terminal.sync(sleep=slept.append).verdict is Verdict.OK
    assert slept == [pytest.approx(7 * 1.125)]


def test_a_batch_too_large_goes_in_halves(bench: Bench) -> None:
    """413 halves the batch until it fits; every operation arrives once and in order."""
    cases = [bench.terminal.create("case", {"description": str(number)}) for number in range(10)]
    bench.server.limits = {"operations": 3, "bytes": 8388608}
    assert bench.terminal.push().verdict is Verdict.OK
    assert [bench.server.records[case]["version"] for case in cases] == [1] * 10
    numbers = [kept["operation"]["number"] for kept in bench.server.inbox.values()]
    assert numbers == list(range(1, 11))
    assert bench.terminal.queue() == []


def test_an_operation_too_large_for_any_batch_is_set_aside(bench: Bench) -> None:
    """One that is refused alone stays whole on the terminal and is shown; it can be sent again."""
    bench.terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", "413")
    bench.terminal.push()
    (queued,) = bench.terminal.queue()
    assert queued.state == "set_aside"
    assert [notice["code"] for notice in bench.terminal.notices()] == ["set_aside"]
    assert bench.terminal.requeue(queued.id)
    bench.terminal.push()
    assert bench.terminal.queue() == []


def test_one_that_spoils_the_envelope_is_found_and_set_aside(bench: Bench) -> None:
    """Where a whole request is refused with `fix`, the one operation at fault does not hold up the rest."""
    bench.server.rulings["bad"] = "envelope"
    cases = [bench.terminal.create("case", {"description": str(number)}) for number in range(6)]
    bad = bench.terminal.create("case", {"description": "bad"})
    bench.terminal.push()
    bench.terminal.push()
    assert all(case in bench.server.records for case in cases)
    assert [(queued.record, queued.state) for queued in bench.terminal.queue()] == [(bad, "set_aside")]


def test_a_stop_is_obeyed_and_explained(bench: Bench) -> None:
    """403 ends the sync with its code, and the queue is kept."""
    bench.terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", "403")
    report = bench.terminal.sync()
    assert (report.verdict, report.code) == (Verdict.STOP, "planned_403")
    assert len(bench.terminal.queue()) == 1


# Receipts


def test_a_forged_receipt_changes_nothing(bench: Bench) -> None:
    """Results under a receipt that does not verify are not believed; the batch stays and is sent again."""
    case = bench.terminal.create("case", {"description": "a"})
    bench.line.plan("/sync/push", "forged")
    report = bench.terminal.push()
    assert (report.verdict, report.code) == (Verdict.LATER, "receipt_refused")
    assert bench.terminal.record(case).unsent == 1
    assert bench.terminal.push().verdict is Verdict.OK
    assert bench.terminal.queue() == []


def _tamper(bench: Bench, change: Any) -> None:
    sign = bench.server.sign

    def altered(payload: dict[str, Any]) -> str:
        change(payload)
        return sign(payload)

    bench.server.sign = altered


@pytest.mark.parametrize("name", ["terminal", "store", "batch"])
def test_another_ones_receipt_is_refused(bench: Bench, name: str) -> None:
    """A good signature over another terminal's, store's or batch's results counts for nothing."""
    bench.terminal.create("case", {"description": "a"})
    _tamper(bench, lambda payload: payload.update({name: "other"}))
    assert bench.terminal.push().code == "receipt_refused"
    assert [queued.state for queued in bench.terminal.queue()] == ["pending"]


@pytest.mark.parametrize(("place", "value"), [(0, 99), (2, "0" * 64), (3, "unchanged"), (4, 7)])
def test_an_entry_that_names_something_else_frees_nothing(bench: Bench, place: int, value: Any) -> None:
    """An operation leaves the queue only if the entry has its number, digest, outcome and version."""
    bench.terminal.create("case", {"description": "a"})
    _tamper(bench, lambda payload: payload["results"][0].__setitem__(place, value))
    bench.terminal.push()
    assert [queued.state for queued in bench.terminal.queue()] == ["settled"]
    del bench.server.sign
    bench.terminal.push()
    assert bench.terminal.queue() == []


def test_a_new_key_is_trusted_only_if_a_known_one_endorses_it() -> None:
    """A key set with a stranger's key adds nothing; with an endorsement it does."""
    old, stranger = WireServer(), WireServer()
    stranger.kid = "k2"
    keys = ServerKeys(old.jwks()["keys"])
    (offered,) = stranger.jwks()["keys"]
    assert not keys.learn({"keys": [offered]})
    assert not keys.learn({"keys": [{**offered, "endorsement": stranger.sign(offered)}]})
    assert not keys.learn({"keys": [{**offered, "endorsement": old.sign({**offered, "x": "AAAA"})}]})
    assert keys.learn({"keys": [{**offered, "endorsement": old.sign(offered)}]})
    assert keys.open(stranger.sign({"a": 1})) == {"a": 1}


def test_a_changed_server_key_is_fetched_when_a_receipt_names_it(bench: Bench) -> None:
    """A receipt under an unknown key makes the terminal fetch the key set, and take an endorsed key."""
    server, old = bench.server, bench.server.sign
    bench.terminal.create("case", {"description": "a"})
    server.kid = "k2"
    endorsing, server.key = server.key, Ed25519PrivateKey.generate()
    new = server.jwks()["keys"][0]
    server.kid, server.key, fresh = "k1", endorsing, server.key
    endorsement = old(new)
    server.kid, server.key = "k2", fresh
    server.jwks = lambda: {"keys": [{**new, "endorsement": endorsement}]}
    assert bench.terminal.push().verdict is Verdict.OK
    assert bench.terminal.queue() == []


# Sessions


def test_a_lost_refresh_answer_costs_no_session(bench: Bench) -> None:
    """When the answer to a refresh is lost, the old token gives that same pair again."""
    bench.server.identity.access.clear()
    bench.line.faults.append((lambda request: request.url.path == "/api/v1/tokens", "lost_answer"))
    assert bench.terminal.hello().verdict is Verdict.LATER
    terminal = bench.reopen()
    assert terminal.hello().verdict is Verdict.OK
    assert terminal.store.get("tokens")["previous"] is None


def test_the_old_token_is_kept_until_the_new_pair_was_used(bench: Bench) -> None:
    """A pair that is lost with the process is had again for the token before it."""
    before = bench.terminal.store.get("tokens")
    bench.terminal.resume()
    pair = bench.terminal.store.get("tokens")
    assert pair["previous"] == before["refresh"]
    bench.terminal.store.set("tokens", {**pair, "refresh": "damaged", "access": "damaged"})
    assert bench.terminal.hello().verdict is Verdict.OK
    assert bench.terminal.store.get("tokens")["refresh"] == pair["refresh"]


def test_a_refused_session_asks_for_a_sign_in_and_keeps_the_queue(bench: Bench) -> None:
    """With every token dead the verdict is `login`; after a sign-in the work goes out."""
    case = bench.terminal.create("case", {"description": "a"})
    bench.server.identity.access.clear()
    bench.server.identity.refresh.clear()
    assert bench.terminal.sync().verdict is Verdict.LOGIN
    assert bench.terminal.sign_in("demo", "wrong").verdict is Verdict.LOGIN
    assert bench.terminal.sign_in("demo", "right").verdict is Verdict.OK
    assert bench.terminal.sync().verdict is Verdict.OK
    assert case in bench.server.records


def test_enrolling_again_gives_the_same_terminal(bench: Bench) -> None:
    """A lost enrolment answer is repaired by the same code and the same key."""
    terminal_id = bench.terminal.session.terminal_id
    terminal = bench.reopen()
    assert terminal.enrol("code-1", "H1").document["terminal_id"] == terminal_id
