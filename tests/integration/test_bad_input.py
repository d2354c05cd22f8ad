"""Bodies that are damaged, malformed or meant to hurt: each gets its code, keeps nothing, breaks nothing."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import zstandard
from flask import Flask

from field_api.problems import CATALOGUE
from sync.store.ids import new_id
from tests.integration.batches import counts, digest_of, envelope, good, incident, push, refused, results, send
from tests.integration.people import Bureau, Handheld

MEBI = 1024 * 1024


@pytest.fixture
def handheld(bureau: Bureau) -> Handheld:
    return bureau.signed_in("demo01")


@pytest.fixture
def nothing_kept(app: Flask, handheld: Handheld) -> Iterator[None]:
    """After the test nothing was kept, and the same terminal's next good batch is taken."""
    before = counts(app)
    yield
    assert counts(app) == before
    [result] = results(push(handheld, [incident()]))
    assert result["outcome"] == "applied"


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


def test_what_is_pointed_at_is_told_in_the_language_asked_for(bureau: Bureau, handheld: Handheld) -> None:
    """A message that the server has in both languages leaves it in one, like the title; results keep both."""
    other, store = bureau.handheld(), new_id()
    bureau.officer("li")
    other.sign_in("li")
    push(other, [], store=store)
    raw = orjson.dumps(envelope([], store=store))
    for language, words in (("en", "another terminal's store"), ("zh-CN", "此库属于另一终端")):
        [error] = refused(send(handheld, raw, headers={"Accept-Language": language}), "envelope_invalid")["errors"]
        assert error == {"pointer": "/store", "code": "foreign", "message": words}
    bad = incident(occurred_at=7)
    [result] = results(push(handheld, [bad]))
    assert " · " in result["problem"]["errors"][0]["message"]


def test_both_languages_say_the_same_problem(handheld: Handheld) -> None:
    """Only the words change with the language, and they are the catalogue's."""
    for language, kind in (("en", "en"), ("zh-CN", "zh"), ("de, en;q=0.1", "en"), ("", "zh")):
        for raw, code in (BODIES["cut"], BODIES["an empty object"], BODIES["one byte too many"]):
            body = refused(send(handheld, raw, headers={"Accept-Language": language}), code)
            assert body["title"] == getattr(CATALOGUE[code], kind)
