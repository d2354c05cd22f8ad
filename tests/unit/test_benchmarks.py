"""The parts of the benchmarks that could make a number wrong: the work, the line, the moulds, the table."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import report
from benchmarks.cases import CREATE_BYTES, Writer, document, size_of
from benchmarks.crew import Requests
from benchmarks.lines import Line, LineCut, request
from benchmarks.measure import Figure, Target, percentile
from benchmarks.peers import work
from benchmarks.rows import Text

KEY = Ed25519PrivateKey.generate().private_bytes_raw()
RECORD = "01932f0a-1b2c-7000-8000-000000000001"


def writer() -> Writer:
    return Writer(RECORD, RECORD, KEY)


def test_half_of_the_mix_creates_a_quarter_patches_and_the_rest_appends_and_moves_on() -> None:
    """Fifty operations are the mix that the table names, numbered without gaps and in order."""
    one = writer()
    batches = [one.mixed(50) for _ in range(3)]
    for batch in batches:
        kinds = Counter(operation["action"] for operation in batch)
        assert kinds == {"create": 25, "patch": 12, "append": 10, "transition": 3}
    numbers = [operation["number"] for batch in batches for operation in batch]
    assert numbers == list(range(1, 151))


def test_edits_reach_back_to_the_batch_before() -> None:
    """A terminal's day is not a set of batches that know nothing of each other."""
    one = writer()
    before, after = one.mixed(50), one.mixed(50)
    created = {operation["record"] for operation in before if operation["action"] == "create"}
    assert sum(operation["record"] in created for operation in after) == 6


def test_a_case_has_the_size_that_the_table_names() -> None:
    """The operation that creates a case has 1.5 KB, give or take a sentence."""
    sizes = [size_of(writer().case()) for _ in range(20)]
    assert all(abs(size - CREATE_BYTES) < 200 for size in sizes), sizes


def test_a_photo_is_signed_as_the_server_checks_it() -> None:
    """The signature holds: else photos would be written down as not authentic, which is less work."""
    from field_api.auth.keys import encode_base64url
    from field_api.auth.signatures import signature_holds
    from sync.store.operations import canonical

    values = writer().photo(RECORD)["set"]
    signature = values.pop("signature")
    public = encode_base64url(Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw())
    assert signature_holds(public, "evidence", canonical(values), signature)


def test_a_text_with_holes_keeps_what_only_looks_like_one() -> None:
    """Percent signs of the first case survive; holes are filled in their order, one alone too."""
    values = ["a", "b", "c"]
    assert Text("100%% %s-%s", (2, 0)).filler()(values) == "100% c-a"
    assert Text("x%s", (1,)).filler()(values) == "xb"
    assert Text("%s", (1,)).filler()(values) == "b"


@contextmanager
def answering(pieces: Sequence[bytes]) -> Iterator[int]:
    """A server that sends these pieces to its first caller, whatever he says, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65_536)
                for piece in pieces:
                    caller.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", b"lo"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2", b"\r\nlo\r\n0\r\n\r\n"],
    ],
)
def test_an_answer_is_read_whole_however_it_comes(pieces: list[bytes]) -> None:
    """By length and by chunks, in pieces cut anywhere."""
    with answering(pieces) as port:
        line = Line(port)
        reply = line.send(request("POST", "/", b"{}", {}))
        line.close()
    assert (reply.status, reply.body) == (200, b"hello")


def test_a_cut_answer_is_no_answer() -> None:
    """A server that hangs up in the middle counts as an error, never as a short and quick answer."""
    with answering([b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel"]) as port:
        line = Line(port)
        with pytest.raises(LineCut):
            line.send(request("POST", "/", b"{}", {}))


def test_the_tail_of_a_pull_is_read_without_the_rest() -> None:
    """The cursor is the last one of the page, also where a body holds a field of that name."""
    from benchmarks.lines import Reply

    page = b'{"changes":[{"body":{"cursor":"not this","more":true}}],"settled":[],"cursor":"abc","more":false}'
    reply = Reply(200, b"HTTP/1.1 200 OK", page)
    assert reply.cursor() == "abc"


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (1.0, 100)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    """Of 1 to 100, unordered."""
    assert percentile([*range(100, 0, -1)], share) == value


@pytest.mark.parametrize(
    ("build", "key"), [(work.kinto, "requests"), (work.pocketbase, "requests"), (work.pouchdb, "docs")]
)
def test_every_peer_is_given_the_same_work(build: Callable[..., Requests], key: str) -> None:
    """Fifty operations a batch, half of them new documents of 1.5 KB, the others edits of known ones."""
    made = build(work.Address(1), 1, 3, work.CREATES).requests
    batches = [json.loads(one.partition(b"\r\n\r\n")[2])[key] for one in made]
    assert [len(batch) for batch in batches] == [50, 50, 50]
    names = [[one.get("path") or one.get("url") or one["_id"] for one in batch] for batch in batches]
    ids = [[one.get("body", {}).get("id") or name.rsplit("/")[-1] for one, name in zip(batch, called, strict=True)]
           for batch, called in zip(batches, names, strict=True)]  # fmt: skip
    known: set[str] = set()
    for batch in ids:
        new, edited = set(batch[:25]), {name.rsplit("/")[-1] for name in batch[25:]}
        assert len(new) == 25
        assert not new & known
        assert edited <= known | new
        known |= new
    assert all(abs(size_of(document(random.Random(seed))) - CREATE_BYTES) < 200 for seed in range(9))


def test_the_table_says_what_was_not_met() -> None:
    """Median, spread and verdict stand in the row, for each database in its column."""
    figures = [
        Figure("speed", "a second", [10, 30, 20], Target("at least", 25)),
        Figure("size", "bytes", [200], Target("at most", 250)),
    ]
    results: dict[str, Any] = {
        "databases": [
            {"database": "one", "figures": [figure.as_json() for figure in figures]},
            {"database": "two", "figures": [figures[1].as_json()]},
        ]
    }
    table = report.table(json.loads(json.dumps(results)))
    assert "| speed | a second | ≥ 25 | 20 (10 … 30) **no** |  |" in table
    assert "| size | bytes | ≤ 250 | 200 | 200 |" in table
