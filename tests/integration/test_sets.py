"""Look-up sets from a CSV on the administrator's desk to a look-up on a terminal with no network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.sets import content, shelf, watch
from reference.terminal import Terminal, Verdict
from tests.integration.people import PASSWORD, Bureau

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HEAD = "号牌号码,原因,备注,有效期至\n"
GOOD = HEAD + "川Z00000,套牌嫌疑,演示,2026-12-31\n川Z0000挂,spills,,\n"


class Spoiler(httpx.BaseTransport):
    """A line that may change what the server says of a set."""

    def __init__(self, app: Flask) -> None:
        self._inner = httpx.WSGITransport(app=app)
        self.asked: list[str] = []
        self.spoil: dict[str, Any] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        if "/sets/" not in request.url.path:
            return answer
        self.asked.append(request.url.query.decode())
        answer.read()
        kind = {"Content-Type": answer.headers["Content-Type"]}
        return httpx.Response(answer.status_code, headers=kind, json=answer.json() | self.spoil)


@pytest.fixture
def line(app: Flask) -> Spoiler:
    return Spoiler(app)


@pytest.fixture
def own(bureau: Bureau, line: Spoiler, tmp_path: Path) -> Iterator[Terminal]:
    bureau.officer("zhang")
    with Terminal(tmp_path / "own", "http://fieldpost", transport=line) as terminal:
        assert terminal.enrol(bureau.code(), "H1").verdict is Verdict.OK
        assert terminal.sign_in("zhang", PASSWORD).verdict is Verdict.OK
        yield terminal


def publish(bureau: Bureau, text: str) -> None:
    report, rows = watch.take(text.encode())
    assert report.bad_count == 0, list(report.lines("en"))
    key = bureau.app.extensions["fieldpost"].keys.mac("set-watch", b"")
    bureau.change(lambda session: watch.replace(session, key, rows, NOW, "演示.csv"))


def test_a_watched_plate_is_found_with_no_network(bureau: Bureau, own: Terminal, tmp_path: Path) -> None:
    """What the desk imported is found by plate, with words, day and time of import; no plate stands in the file."""
    publish(bureau, GOOD)
    assert own.sets.look_up("watch", "plate", "川Z00000") == []
    assert own.sets.state("watch") is None
    assert own.sets.fetch("watch").verdict is Verdict.OK
    own.line.close()
    [hit] = own.sets.look_up("watch", "plate", "川Z00000")
    assert (hit.code, hit.zh, hit.day) == ("cloned", "套牌嫌疑", date(2026, 12, 31))
    [trailer] = own.sets.look_up("watch", "plate", "川Z0000挂")
    assert (trailer.code, trailer.day) == ("spills", None)
    assert own.sets.look_up("watch", "plate", "川Z00001") == []
    state = own.sets.state("watch")
    assert state is not None
    assert (state.count, state.imported_at) == (2, "2026-11-22T02:00:00.000+00:00")
    assert "川Z".encode() not in (tmp_path / "own" / "sets" / "watch.set").read_bytes()


def test_only_what_changed_travels(bureau: Bureau, own: Terminal, line: Spoiler) -> None:
    """After the first fetch a plate that came and one that went are told, and what stayed is not."""
    publish(bureau, GOOD)
    own.sets.fetch("watch")
    publish(bureau, HEAD + "川Z00000,套牌嫌疑,,2026-12-31\n川Z00002,other,,\n")
    seen: list[dict[str, Any]] = []
    reply = own.sets.fetch("watch")
    seen.append(reply.document)
    assert line.asked == ["", "since=1"]
    assert [len(seen[0][part]) for part in ("added", "removed")] == [22, 22]
    assert [bool(own.sets.look_up("watch", "plate", plate)) for plate in ("川Z00000", "川Z0000挂", "川Z00002")] == [
        True, False, True,
    ]  # fmt: skip
    own.sets.fetch("watch")
    assert line.asked[-1] == "since=2"


@pytest.mark.parametrize("part", ["added", "removed", "header"])
def test_what_the_server_did_not_sign_is_not_taken(bureau: Bureau, own: Terminal, line: Spoiler, part: str) -> None:
    """Entries or heads that somebody changed on the way leave what is held as it was."""
    publish(bureau, GOOD)
    own.sets.fetch("watch")
    publish(bureau, HEAD + "川Z00002,other,,\n")
    line.spoil = {part: {"added": "A" * 22, "removed": "A" * 22, "header": "e30.e30.e30"}[part]}
    assert own.sets.fetch("watch").verdict is Verdict.LATER
    assert len(own.sets.look_up("watch", "plate", "川Z00000")) == 1
    line.spoil = {}
    assert own.sets.fetch("watch").verdict is Verdict.OK
    assert own.sets.look_up("watch", "plate", "川Z00000") == []


@pytest.mark.parametrize("damage", ["last byte", "cut", "magic"])
def test_a_damaged_file_is_fetched_whole(
    bureau: Bureau, own: Terminal, line: Spoiler, tmp_path: Path, damage: str
) -> None:
    """A byte of an entry, a short file, another file: the next fetch ends with the set as it is."""
    publish(bureau, GOOD)
    own.sets.fetch("watch")
    path = tmp_path / "own" / "sets" / "watch.set"
    raw = path.read_bytes()
    spoilt = {"last byte": raw[:-1] + bytes([raw[-1] ^ 1]), "cut": raw[:-5], "magic": b"x" + raw[1:]}
    path.write_bytes(spoilt[damage])
    assert own.sets.fetch("watch").verdict is Verdict.OK
    assert path.read_bytes()[-32:] == raw[-32:]
    assert line.asked[-1] == ""


def test_a_wiped_terminal_holds_no_set(bureau: Bureau, own: Terminal) -> None:
    """What a wipe leaves is empty, sets too."""
    publish(bureau, GOOD)
    own.sets.fetch("watch")
    own.sets.forget()
    assert own.sets.state("watch") is None


def test_a_set_that_is_none_is_not_found(own: Terminal) -> None:
    """Unknown names are refused by the server, and touch no file here."""
    assert own.sets.fetch("nothing").code == "not_found"
    assert own.sets.fetch("../store").verdict is not Verdict.OK
    assert own.sets.fetch("history").verdict is Verdict.OK
    assert own.sets.look_up("history", "id", "x") == []


def test_what_is_gone_long_is_forgotten_and_who_missed_it_gets_the_whole(
    app: Flask, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many revisions back are told as a difference; the sum is the standing entries' all the time."""
    monkeypatch.setattr(shelf, "REVISIONS_KEPT", 2)
    one, other = (content.pack(bytes([number]) * 12, 1) for number in (1, 2))

    def step(session: Any, added: set[bytes], removed: set[bytes]) -> shelf.Difference:
        shelf.change(session, "history", added, removed, NOW)
        return shelf.difference(session, "history", 1)

    for index in range(6):
        came, gone = ({one}, {other}) if index % 2 == 0 else ({other}, {one})
        told = bureau.change(lambda session, came=came, gone=gone: step(session, came, gone))  # type: ignore[misc]  # bound now
        assert told.sum == f"{content.total(came):016x}"
        assert told.since == (1 if index < 4 else None)
    assert (told.revision, told.count, list(told.added)) == (6, 1, [other])


def test_a_revision_that_is_not_ours_brings_the_whole(app: Flask, bureau: Bureau) -> None:
    """A number from before a restore, none at all, or nonsense: everything comes."""
    publish(bureau, GOOD)
    handheld = bureau.signed_in("li")
    for since in ("", "?since=7", "?since=x", "?since=-1", "?since=" + "9" * 40, "?since=²"):
        answer = handheld.client.get(f"/api/v1/sets/watch{since}", headers=handheld.bearer)
        assert answer.status_code == 200
        assert len(answer.json["added"]) == 43, since
    assert bureau.app.test_client().get("/api/v1/sets/watch").status_code == 401


@pytest.mark.parametrize(
    ("text", "line_no", "column", "code"),
    [
        (HEAD + "川Z0000,other,,\n", 2, "plate", "plate_impossible"),
        (HEAD + "川Z00000,nobody knows,,\n", 2, "reason", "unknown_code"),
        (HEAD + "川Z00000,,,\n", 2, "reason", "required"),
        (HEAD + "川Z00000,other,,2026-02-30\n", 2, "valid_to", "not_a_day"),
        (HEAD + "川Z00000,other,,\n川Z·00000,其他,,\n", 3, "plate", "twice"),
        ("号牌号码\n川Z00000\n", 1, "reason", "no_column"),
        (HEAD + '"川Z00000,other,,\n', 2, "", "not_csv"),
        ("", 1, "plate", "no_column"),
    ],
)
def test_a_bad_line_is_named(text: str, line_no: int, column: str, code: str) -> None:
    """Its number, its column and what is wrong, in both languages."""
    report, _ = watch.take(text.encode())
    [bad] = report.bad
    assert (bad.line, bad.column, bad.code) == (line_no, column, code)
    assert str(line_no) in bad.told("zh")
    assert bad.told("en").isascii()


@given(st.binary(max_size=300))
def test_any_file_is_reported_and_none_breaks_the_import(raw: bytes) -> None:
    """Bytes of any kind give a report; nothing is taken of what is no list."""
    report, rows = watch.take(raw)
    assert report.bad_count > 0 or rows == {}
    assert list(report.lines("zh"))


def test_a_list_of_the_offices_own_encoding_is_read() -> None:
    """GB 18030 with the lines of another system."""
    report, rows = watch.take(GOOD.replace("\n", "\r\n").encode("gb18030"))
    assert (report.taken, sorted(plate for plate, _ in rows)) == (2, ["川Z00000", "川Z0000挂"])


@given(st.integers(1, 0xFFFF), st.dates())
def test_an_entry_says_what_was_packed(number: int, day: date) -> None:
    """Number and day come out again; a day that does not fit is the nearest that does."""
    subject = content.digest(b"k", "plate", "川Z00000")
    entry = content.pack(subject, number, day)
    assert len(entry) == content.WIDTH
    nearest = min(max(day, date(2000, 1, 2)), date(2179, 6, 6))
    assert content.unpack(entry) == (number, nearest)
    assert content.unpack(content.pack(subject, number)) == (number, None)


def test_the_key_of_each_set_is_its_own(bureau: Bureau) -> None:
    """A digest of one set says nothing about another set."""
    handheld = bureau.signed_in("li")
    heads = []
    for name in shelf.NAMES:
        answer = handheld.client.get(f"/api/v1/sets/{name}", headers=handheld.bearer)
        middle = answer.json["header"].split(".")[1]
        heads.append(json.loads(base64.urlsafe_b64decode(middle + "==")))
    assert len({head["key"] for head in heads}) == len(shelf.NAMES)
    assert {head["purpose"] for head in heads} == {"set"}
