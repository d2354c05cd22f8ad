"""Bodies that are damaged, malformed or meant to hurt: each gets its code, keeps nothing, breaks nothing."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import zstandard
from flask import Flask
from werkzeug.test import TestResponse

from field_api.extensions import db
from field_api.problems import CATALOGUE
from sync.store.ids import new_id
from sync.store.tables import OperationRow, ReceiptRow, RecordRow, StoreRow
from tests.integration.batches import digest_of, envelope, incident, operation, push, results, send
from tests.integration.people import Bureau, Handheld

MEBI = 1024 * 1024
# What an answer must never hold: a stack, a statement, a place on the server's disk, the names of our parts.
LEAKS = re.compile(
    r'Traceback|File "|\.py\b|site-packages|sqlalchemy|psycopg|sqlite3|marshmallow|werkzeug|orjson|set_int_max'
    r"|\b(SELECT|INSERT|UPDATE|DELETE) |\bsync_\w+|/(usr|tmp|home|var|work|root)/",
)


@pytest.fixture
def handheld(bureau: Bureau) -> Handheld:
    return bureau.signed_in("demo01")


def counts(app: Flask) -> dict[str, int]:
    """How much sync keeps of what came from terminals; reference data that the server publishes is none of it."""
    with app.app_context():
        session = db.session()
        counted = {
            "operations": session.scalar(sa.select(sa.func.count()).where(OperationRow.batch.is_not(None))),
            "records": session.scalar(sa.select(sa.func.count(RecordRow.id)).where(RecordRow.type == "incident")),
            "stores": session.scalar(sa.select(sa.func.count(StoreRow.id))),
            "receipts": session.scalar(sa.select(sa.func.count(ReceiptRow.sha256))),
        }
        session.rollback()
        db.session.remove()
    return {name: int(count or 0) for name, count in counted.items()}


@pytest.fixture
def nothing_kept(app: Flask, handheld: Handheld) -> Iterator[None]:
    """After the test nothing was kept, and the same terminal's next good batch is taken."""
    before = counts(app)
    yield
    assert counts(app) == before
    [result] = results(push(handheld, [incident()]))
    assert result["outcome"] == "applied"


def refused(answer: TestResponse, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, as the catalogue has it, and says nothing that it should not."""
    assert answer.mimetype == "application/problem+json", answer.text[:300]
    body: dict[str, Any] = answer.json
    kind = CATALOGUE[code]
    assert (body["code"], answer.status_code, body["status"], body["retry"]) == (
        code, kind.status, kind.status, kind.retry,
    ), body  # fmt: skip
    assert not LEAKS.search(answer.text), answer.text[:500]
    assert len(answer.data) < 20_000
    return body


def good() -> bytes:
    return orjson.dumps(envelope([incident()]))


def nested(levels: int, inside: bytes = b"1") -> bytes:
    return b'{"operations":' + b"[" * levels + inside + b"]" * levels + b"}"


def zstd_frame(window_log: int, content: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return compressor.compress(content) + compressor.flush()


def zeros(encoding: str, size: int) -> bytes:
    """Many zeros, compressed a thousandfold, made without holding them."""
    buffer = io.BytesIO()
    piece = bytes(MEBI)
    opened: Any = (
        gzip.GzipFile(fileobj=buffer, mode="wb")
        if encoding == "gzip"
        else zstandard.ZstdCompressor().stream_writer(buffer, closefd=False)
    )
    with opened as writer:
        for _ in range(size // MEBI):
            writer.write(piece)
    return buffer.getvalue()


BODIES = {
    "nothing": (b"", "malformed_body"),
    "blanks": (b" \n", "malformed_body"),
    "not utf-8": (b'{"a":"\xff\xfe"}', "malformed_body"),
    "overlong utf-8": (b'{"a":"\xc0\x80"}', "malformed_body"),
    "utf-16": ('{"a":1}'.encode("utf-16"), "malformed_body"),
    "an encoded surrogate": (b'{"a":"\xed\xa0\x80"}', "malformed_body"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "malformed_body"),
    "cut": (good()[:-20], "malformed_body"),
    "two documents": (b"{}{}", "malformed_body"),
    "a key twice": (b'{"batch":"a","batch":"b"}', "malformed_body"),
    "a key twice, escaped": (b'{"operations":[{"id":1,"\\u0069d":2}]}', "malformed_body"),
    "NaN": (b'{"operations":[NaN]}', "malformed_body"),
    "infinity": (b'{"operations":[-Infinity]}', "malformed_body"),
    "1e999": (b'{"operations":[1e999]}', "malformed_body"),
    "a number of 5000 digits": (b'{"operations":[' + b"9" * 5000 + b"]}", "malformed_body"),
    "a control character": (b'{"a":"\n"}', "malformed_body"),
    "nested 33 deep": (nested(33), "malformed_body"),
    "nested a million deep": (nested(1_000_000), "malformed_body"),
    "nested and never closed": (b"[" * (8 * MEBI), "malformed_body"),
    "objects nested deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "malformed_body"),
    "8 MiB of empty arrays": (b'{"operations":[' + b",".join([b"[]"] * 2_700_000) + b"]}", "envelope_invalid"),
    "one byte too many": (b" " * (8 * MEBI + 1), "batch_too_large"),
    "a text": (b'"push"', "envelope_invalid"),
    "null": (b"null", "envelope_invalid"),
    "a list": (b"[]", "envelope_invalid"),
    "an empty object": (b"{}", "envelope_invalid"),
}


@pytest.mark.usefixtures("nothing_kept")
def test_a_bad_body_gets_its_code_and_leaves_nothing(handheld: Handheld) -> None:
    """Whatever the body is, with its right digest: a problem with its `retry`, and the server goes on."""
    for name, (raw, code) in BODIES.items():
        assert refused(send(handheld, raw), code), name


@pytest.mark.usefixtures("nothing_kept")
def test_a_damaged_body_is_sent_again_and_never_set_aside(handheld: Handheld) -> None:
    """A digest that is wrong, missing, of another kind or another body's, and a line that was cut."""
    raw = good()
    damaged = [
        {"Content-Digest": digest_of(raw + b" ")},
        {"Content-Digest": digest_of(gzip.compress(raw))},
        {"Content-Digest": ""},
        {"Content-Digest": "sha-256=:AAAA:"},
        {"Content-Digest": "sha-512=" + digest_of(raw)[8:]},
        {"Content-Digest": "nonsense"},
    ]
    for headers in damaged:
        assert refused(send(handheld, raw, headers=headers), "body_damaged")["retry"] == "later"
    for path in ("/sync/push", "/sync/pull"):
        for ends in (True, False):
            announced = {"CONTENT_LENGTH": str(len(raw) + 100), "wsgi.input_terminated": ends}
            cut = send(handheld, raw, path, environ_overrides=announced)
            assert refused(cut, "body_damaged")["retry"] == "later"


@pytest.mark.usefixtures("nothing_kept")
def test_a_body_that_unpacks_beyond_the_limit_is_refused_early(handheld: Handheld) -> None:
    """256 MiB in a few hundred KiB, or a window of gigabytes, costs the sender his request and the server nothing."""
    for encoding in ("gzip", "zstd"):
        bomb = zeros(encoding, 256 * MEBI)
        assert len(bomb) < MEBI
        refused(send(handheld, bomb, headers={"Content-Encoding": encoding}), "batch_too_large")
    for window_log in (24, 27, 30):
        frame = zstd_frame(window_log, b"{}")
        refused(send(handheld, frame, headers={"Content-Encoding": "zstd"}), "unsupported_encoding")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.usefixtures("nothing_kept")
def test_a_cut_or_broken_stream_is_damaged(handheld: Handheld, encoding: str) -> None:
    """A compressed stream that ends early, goes wrong, or is followed by something else."""
    raw = orjson.dumps(envelope([incident(description=new_id()) for _ in range(50)]))
    packed = gzip.compress(raw) if encoding == "gzip" else zstandard.ZstdCompressor(write_checksum=True).compress(raw)
    middle = len(packed) // 2
    broken = [
        packed[:-1],
        packed[:middle],
        packed[:3],
        packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :],
        packed + b"more",
        raw,
    ]
    for bad in broken:
        refused(send(handheld, bad, headers={"Content-Encoding": encoding}), "body_damaged")


def test_a_compressed_body_is_read_like_a_plain_one(handheld: Handheld) -> None:
    """gzip and zstd, with and without the size in the frame, in any case of the name."""
    for pack, name in (
        (gzip.compress, "gzip"),
        (zstandard.ZstdCompressor().compress, "ZSTD"),
        (lambda raw: zstd_frame(20, raw), "zstd"),
        (lambda raw: raw, "identity"),
    ):
        answer = send(handheld, pack(good()), headers={"Content-Encoding": name})
        assert [one["outcome"] for one in results(answer)] == ["applied"]


@pytest.mark.usefixtures("nothing_kept")
def test_an_encoding_that_is_not_ours_is_named(handheld: Handheld) -> None:
    """br, deflate, two at once and nonsense are not tried."""
    for encoding in ("br", "deflate", "gzip, gzip", "x" * 5000, "gzip;q=1"):
        refused(send(handheld, good(), headers={"Content-Encoding": encoding}), "unsupported_encoding")


@pytest.mark.usefixtures("nothing_kept")
def test_a_batch_of_501_is_halved(handheld: Handheld) -> None:
    """One more than the limit that hello names is `split`, and nothing of it is kept."""
    raw = orjson.dumps(envelope([incident() for _ in range(501)]))
    assert refused(send(handheld, raw), "batch_too_large")["retry"] == "split"


ENVELOPES: dict[str, tuple[dict[str, Any], str]] = {
    "protocol 2": ({"protocol": 2}, "/protocol"),
    "protocol as text": ({"protocol": "1"}, "/protocol"),
    "operations as object": ({"operations": {}}, "/operations"),
    "operations as text": ({"operations": "x" * MEBI}, "/operations"),
    "no operations": ({"operations": None}, "/operations"),
    "store with NUL": ({"store": "a\0b"}, "/store"),
    "store with a surrogate": ({"store": "\ud800"}, "/store"),
    "store of a megabyte": ({"store": "s" * MEBI}, "/store"),
    "batch as number": ({"batch": 5}, "/batch"),
    "no clock": ({"clock": None}, "/clock"),
    "a clock without wall": ({"clock": {}}, "/clock/wall"),
    "schema as object": ({"schema": {}}, "/schema"),
    "health as list": ({"health": []}, "/health"),
    "too many control_done": ({"control_done": ["x"] * 101}, "/control_done"),
}


@pytest.mark.usefixtures("nothing_kept")
def test_an_envelope_of_wrong_form_is_pointed_at(handheld: Handheld) -> None:
    """The problem's pointer names the part of the envelope that is wrong."""
    for name, (changed, pointer) in ENVELOPES.items():
        raw = json.dumps(envelope([incident()]) | changed).encode()
        body = refused(send(handheld, raw), "envelope_invalid")
        assert [error["pointer"] for error in body["errors"]] == [pointer], name


HEALTHS: list[Any] = [
    {"pending": "\ud800"},
    {"pending": "\0"},
    {"pending": 10**30},
    {"pending": -(10**300)},
    {"oldest_pending_at": "x" * MEBI},
    {"storage_free_bytes": {"a": [1] * 1000}},
    {"\ud800": 1, "unknown": "x" * MEBI},
]


def test_a_strange_health_costs_nobody_his_batch(handheld: Handheld) -> None:
    """What a terminal says of itself is shown or dropped; the operations beside it are taken."""
    for health in HEALTHS:
        raw = json.dumps(envelope([incident()]) | {"health": health}).encode()
        assert [one["outcome"] for one in results(send(handheld, raw))] == ["applied"]


CLOCKS: list[dict[str, Any]] = [
    {"wall": "yesterday"}, {"wall": "0001-01-01T00:00:00+00:00"}, {"wall": "9999-12-31T23:59:59-14:00"},
    {"wall": "2026-11-22T10:00:00+08:00", "monotonic_ms": 10**300}, {"wall": "2026-11-22T10:00:00+08:00",
    "monotonic_ms": -(2**63)}, {"wall": "2026-11-22T10:00:00+08:00", "hlc": "ffffffffffff-ffff-t7"},
    {"wall": "x", "boot": "b", "hlc": "not a clock", "more": [1]},
]  # fmt: skip


def test_no_clock_refuses_a_batch(handheld: Handheld) -> None:
    """A device's clock may say anything that fits its field: the operations are taken all the same."""
    for clock in CLOCKS:
        ahead = {**incident(), "hlc": "ffffffffffff-ffff-t7", "boot": "b", "monotonic_ms": -(2**53) + 1}
        raw = json.dumps(envelope([incident(), ahead]) | {"clock": clock}).encode()
        assert [one["outcome"] for one in results(send(handheld, raw))] == ["applied", "applied"], clock
    hello = handheld.client.get("/api/v1/sync/hello", headers=handheld.bearer)
    assert hello.json["server_hlc"] < "0fff"


def test_both_languages_say_the_same_problem(handheld: Handheld) -> None:
    """Only the words change with the language, and they are the catalogue's."""
    for language, kind in (("en", "en"), ("zh-CN", "zh"), ("de, en;q=0.1", "en"), ("", "zh")):
        for raw, code in (BODIES["cut"], BODIES["an empty object"], BODIES["one byte too many"]):
            body = refused(send(handheld, raw, headers={"Accept-Language": language}), code)
            assert body["title"] == getattr(CATALOGUE[code], kind)


def test_a_revoked_or_invented_token_opens_nothing(app: Flask, handheld: Handheld) -> None:
    """Tokens that are forged, cut, swapped, of the other use or no text at all are asked to sign in."""
    before = counts(app)
    forged = handheld.access[:-4] + ("AAAA" if handheld.access[-4:] != "AAAA" else "BBBB")
    for token in (forged, handheld.access[:20], handheld.refresh_token, "x" * 10_000, "é", "A" * 70, "null"):
        answer = send(handheld, good(), headers={"Authorization": f"Bearer {token}"})
        assert refused(answer, "token_revoked")["retry"] == "login"
    for header in ("", "Bearer", "Basic dTpw", f"Token {handheld.access}"):
        assert refused(send(handheld, good(), headers={"Authorization": header}), "token_missing")["retry"] == "login"
    assert counts(app) == before


def test_a_stale_token_asks_for_a_sign_in(handheld: Handheld) -> None:
    """Once the next pair has been used, the pair before it opens nothing any more."""
    old = handheld.access
    handheld.keep(handheld.ask_refresh())
    assert push(handheld, [incident()]).status_code == 200
    refused(send(handheld, good(), headers={"Authorization": f"Bearer {old}"}), "token_expired")


def pull(handheld: Handheld, **ask: Any) -> TestResponse:
    return handheld.post("/sync/pull", ask, headers=handheld.bearer)


def test_a_cursor_serves_only_whom_it_was_given_to(app: Flask, bureau: Bureau, handheld: Handheld) -> None:
    """Another officer's, another terminal's and another scope's cursor has expired; from null all comes again."""
    cursor = pull(handheld, cursor=None).json["cursor"]
    assert pull(handheld, cursor=cursor).status_code == 200
    other = bureau.signed_in("demo02")
    same_officer = bureau.handheld()
    same_officer.sign_in("demo01")
    same_terminal = Handheld(app.test_client())
    same_terminal.key, same_terminal.id = handheld.key, handheld.id
    same_terminal.sign_in("demo02")
    for stranger in (other, same_officer, same_terminal):
        body = refused(pull(stranger, cursor=cursor), "cursor_expired")
        assert (body["status"], body["retry"]) == (410, "resync")
        assert pull(stranger, cursor=None).status_code == 200


def test_a_forged_cursor_is_not_ours(handheld: Handheld) -> None:
    """A cursor changed anywhere, cut, made up or empty is `cursor_invalid`."""
    cursor = pull(handheld, cursor=None).json["cursor"]
    forged = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(0, len(cursor), 7)]
    forged += [cursor[:-5], cursor[:10], "AAAA", "!", "\u4e2d\u6587", "A" * 2000, "=", cursor + "AAAA"]
    for one in forged:
        assert refused(pull(handheld, cursor=one), "cursor_invalid")["retry"] == "resync"


ASKS: list[tuple[dict[str, Any], str]] = [
    ({"lanes": ["secrets"]}, "/lanes/0"), ({"lanes": []}, "/lanes"), ({"lanes": "records"}, "/lanes"),
    ({"lanes": ["records"] * 3}, "/lanes"), ({"lanes": [{}]}, "/lanes/0"),
    ({"limit": 0}, "/limit"), ({"limit": 10**9}, "/limit"), ({"limit": "5"}, "/limit"), ({"limit": 10**300}, "/limit"),
    ({"cursor": 5}, "/cursor"), ({"cursor": "x" * 2001}, "/cursor"), ({"cursor": "\0"}, "/cursor"),
    ({"cursor": ""}, "/cursor"), ({"more": 1}, "/more"),
]  # fmt: skip


def test_a_pull_of_wrong_form_is_pointed_at(handheld: Handheld) -> None:
    """A lane that does not exist, a limit beyond reason, a cursor that is none."""
    for ask, pointer in ASKS:
        body = refused(send(handheld, json.dumps(ask).encode(), "/sync/pull"), "envelope_invalid")
        assert [error["pointer"] for error in body["errors"]] == [pointer]


PATHS = (
    "/api/v1/nothing", "/api/v1/sync/push/more", "/api/v2/sync/hello", "/api/v1/../../etc/passwd", "/%00", "/%ff",
    "/problems/nothing", "/problems/%00", "/api/v1/%2e%2e/%2e%2e", "/" + "a" * 8000,
)  # fmt: skip


def test_a_path_that_is_not_there_is_not_found(handheld: Handheld) -> None:
    """Whatever is asked for, the answer is our problem and not a page of the server's."""
    for path in PATHS:
        refused(handheld.client.get(path, headers=handheld.bearer), "not_found")


def test_a_method_that_is_not_there_is_refused(handheld: Handheld) -> None:
    """Other methods of real paths, and methods that nobody knows."""
    for method, path in (("GET", "/sync/push"), ("PUT", "/sync/pull"), ("DELETE", "/sync/hello"), ("BREW", "/tokens")):
        refused(handheld.client.open(f"/api/v1{path}", method=method), "method_not_allowed")


def test_an_id_in_a_path_may_be_anything(bureau: Bureau) -> None:
    """What stands where an id belongs is looked for and not found, whatever it holds."""
    supervisor = bureau.signed_in("demo03", "supervisor")
    verdict = {"id": new_id(), "verdict": "passed"}
    resolution = {"id": new_id(), "keep": "mine", "reason": "x"}
    for strange in ("x", "%00", "a%00b", "%ed%a0%80", "%ff", "%27%3b--", "a" * 4000, "%F0%9F%98%80", "%0a"):
        for path, body in (
            (f"/evidence/{strange}/reviews", verdict),
            (f"/cases/{strange}/reviews", verdict),
            (f"/conflicts/{strange}/resolution", resolution),
        ):
            refused(supervisor.post(path, body, headers=supervisor.bearer), "not_found")
    assert supervisor.client.get("/api/v1/conflicts", headers=supervisor.bearer).json == []
    refused(supervisor.client.get("/api/v1/conflicts?state=%00%ff", headers=supervisor.bearer), "invalid_field")


def test_a_store_belongs_to_the_terminal_that_showed_it_first(app: Flask, bureau: Bureau, handheld: Handheld) -> None:
    """Another terminal can neither write to this one's receipt chain nor pass for this one in a merge."""
    store = new_id()
    first = push(handheld, [incident()], store=store)
    assert first.status_code == 200
    before = counts(app)
    other = bureau.signed_in("demo02")
    body = refused(push(other, [operation("patch", "incident", new_id(), set={})], store=store), "envelope_invalid")
    assert [error["pointer"] for error in body["errors"]] == ["/store"]
    assert counts(app) == before
    again = push(handheld, [incident()], store=store)
    assert again.status_code == 200
