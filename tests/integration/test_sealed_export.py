"""A broken radio: a terminal's unsent work is carried by hand, imported, and never done twice."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.test import TestResponse

from field_api.auth import officers
from field_api.auth.receipts import read_keys, verify
from field_api.extensions import db
from reference.terminal import ReceiptRefusedError, Verdict
from reference.terminal import Terminal as Handset
from reference.terminal.__main__ import main
from sync.store.tables import OperationRow, ReceiptRow, RecordRow, StoreRow
from tests.integration.people import PASSWORD, UNIT, Bureau, Console, problem

IMPORT = "/sync/import"


class Kit:
    """A real terminal in the hands of an officer, with a line to the application that can be cut."""

    def __init__(self, bureau: Bureau, folder: Path, username: str = "zhang", unit: str = UNIT) -> None:
        self.bureau = bureau
        self.officer = bureau.officer(username, unit=unit)
        self.handset = Handset(folder, "http://fieldpost", transport=httpx.WSGITransport(app=bureau.app))
        assert self.handset.enrol(bureau.code(), "演示机").verdict is Verdict.OK
        assert self.handset.sign_in(username, PASSWORD).verdict is Verdict.OK
        assert self.handset.sync().verdict is Verdict.OK

    def work(self) -> str:
        """A case with an edit, a step and a timeline entry, all without a line; returns the case."""
        case = self.handset.create("case", {"category": "0406", "description": "占道"})
        self.handset.patch(case, {"address": "演示路 1 号"})
        self.handset.append(case, "timeline", {"step": "persuade", "at": "2026-11-22T10:00:00+08:00"})
        self.handset.transition(case, "register")
        return case

    def export(self, name: str = "export.jws") -> str:
        report = self.handset.export(self.handset.folder / name)
        [file] = report.files
        return file.read_text()

    def payload(self, token: str) -> dict[str, Any]:
        return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

    def seal(self, payload: dict[str, Any], **header: Any) -> str:
        """Sign anything as this terminal would."""
        headers = {"kid": self.handset.session.terminal_id, "typ": "fieldpost-export"} | header
        raw = json.dumps(payload).encode()
        return jwt.PyJWS().encode(raw, self.handset.key._private, algorithm="EdDSA", headers=headers)


@pytest.fixture
def kit(bureau: Bureau, tmp_path: Path) -> Iterator[Kit]:
    made = Kit(bureau, tmp_path / "handset")
    yield made
    made.handset.close()


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def brought(console: Console, token: str) -> dict[str, Any]:
    answer = console.post(IMPORT, {"export": token})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def state(bureau: Bureau) -> list[Any]:
    """Every record and every operation as it stands."""
    def work(session: Any) -> list[Any]:
        records = sa.select(RecordRow.id, RecordRow.version, RecordRow.body, RecordRow.stamps).order_by(RecordRow.id)
        operations = sa.select(OperationRow.id, OperationRow.outcome, OperationRow.seq, OperationRow.result)
        return [tuple(row) for query in (records, operations.order_by(OperationRow.id))
                for row in session.execute(query)]  # fmt: skip

    return bureau.change(work)


def test_an_import_is_a_push_and_a_later_push_changes_nothing(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """Work done without a line takes effect by import; pushed later it is duplicate, and the receipts' chain holds."""
    case = kit.work()
    answer = brought(supervisor, kit.export())
    assert [one["outcome"] for one in answer["results"]] == ["applied"] * 4
    before = state(bureau)
    body = json.loads(next(row[2] for row in before if row[0] == case))
    assert (body["author"], body["status"], body["address"]) == (kit.officer, "registered", "演示路 1 号")
    assert len(kit.handset.queue()) == 4
    assert kit.handset.sync().verdict is Verdict.OK
    assert state(bureau) == before
    assert kit.handset.queue() == []
    keys = read_keys(supervisor.client.get("/.well-known/jwks.json").json)
    receipts = bureau.change(lambda session: list(session.scalars(sa.select(ReceiptRow.jws))))
    assert len(receipts) == 2
    assert verify(receipts, keys).holds


def test_twice_imported_gets_the_same_answer(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """The second import, and another export of the same work, give equal results, marked as duplicates."""
    kit.work()
    token = kit.export()
    first = brought(supervisor, token)["results"]
    before = state(bureau)
    for again in (token, kit.export("again.jws")):
        assert brought(supervisor, again)["results"] == [one | {"duplicate": True} for one in first]
    assert state(bureau) == before


def test_what_was_pushed_before_is_a_duplicate_in_an_import(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """The line came back before the file was brought: nothing happens twice that way round either."""
    kit.work()
    token = kit.export()
    kit.handset.push()
    before = state(bureau)
    assert {one["duplicate"] for one in brought(supervisor, token)["results"]} == {True}
    assert state(bureau) == before


def test_the_answer_brought_back_empties_the_queue(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """The terminal takes the console's answer as a push's: against its receipt, and against no other's."""
    kit.work()
    page = upload(supervisor, kit.export())
    file = supervisor.client.get(f"{page.request.path}/answer")
    assert (file.mimetype, file.headers["Content-Disposition"][:10]) == ("application/json", "attachment")
    document = json.loads(file.text)
    forged = document | {"receipt": document["receipt"][:-8] + "AAAAAAAA"}
    for bad in (forged, document | {"receipt": None}, {"results": []}, []):
        with pytest.raises((ReceiptRefusedError, ValueError)):
            kit.handset.take_import_answer(bad)
        assert len(kit.handset.queue()) == 4
    outcomes = kit.handset.take_import_answer(document)
    assert set(outcomes.values()) == {"applied"}
    assert kit.handset.queue() == []
    assert kit.handset.push().batches == 0


def test_an_answer_is_no_other_terminals(bureau: Bureau, kit: Kit, supervisor: Console, tmp_path: Path) -> None:
    """A receipt counts on the terminal that it names only."""
    kit.work()
    answer = brought(supervisor, kit.export())
    other = Kit(bureau, tmp_path / "other", "wang")
    with pytest.raises(ReceiptRefusedError):
        other.handset.take_import_answer(answer)
    other.handset.close()


def _altered(token: str) -> str:
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    payload["operations"][0]["set"]["description"] = "改过"
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b'=').decode()}.{signature}"


TAMPERED = {
    "content": _altered,
    "signature": lambda token: token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB"),
    "cut": lambda token: token[:-20],
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "half": lambda token: token[: len(token) // 2],
    "words": lambda token: "不是文件",
    "dots": lambda token: "..",
    "no algorithm": lambda token: base64.urlsafe_b64encode(b'{"alg":"none"}').decode() + token[token.index(".") :],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_file_is_refused_and_leaves_nothing(bureau: Bureau, kit: Kit, supervisor: Console, how: str) -> None:
    """Nothing of a file counts unless the terminal's signature over all of it holds."""
    kit.work()
    before = state(bureau)
    answer = supervisor.post(IMPORT, {"export": TAMPERED[how](kit.export())})
    assert problem(answer) == (422, "export_invalid")
    assert state(bureau) == before


def test_another_keys_signature_is_refused(bureau: Bureau, kit: Kit, supervisor: Console, tmp_path: Path) -> None:
    """Neither a stranger's key under this terminal's name, nor another terminal's key, nor another purpose passes."""
    kit.work()
    payload = kit.payload(kit.export())
    headers = {"kid": kit.handset.session.terminal_id}
    raw = json.dumps(payload).encode()
    stranger = jwt.PyJWS().encode(raw, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=headers)
    other = Kit(bureau, tmp_path / "other", "wang")
    refused = [
        stranger,
        other.seal(payload, kid=kit.handset.session.terminal_id),
        other.seal(payload),
        kit.seal(payload, typ="fieldpost-something-else"),
        kit.seal(payload, crit=["x"], x=1),
    ]
    for token in refused:
        assert problem(supervisor.post(IMPORT, {"export": token})) == (422, "export_invalid")
    # Signed rightly for itself, but over the store of another.
    assert kit.handset.push().verdict is Verdict.OK
    answer = supervisor.post(IMPORT, {"export": other.seal(payload | {"terminal": None, "officer": None})})
    assert problem(answer) == (422, "envelope_invalid")
    other.handset.close()


def test_a_plain_signed_push_is_an_export_too(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """A JWS over no more than a push's body is taken under the officer who signed in last, as JOSE too."""
    kit.work()
    payload = {name: value for name, value in kit.payload(kit.export()).items() if name not in ("terminal", "officer")}
    for one in payload["operations"]:
        del one["officer"]
    headers = {"Content-Type": "application/jose", **supervisor.csrf}
    answer = supervisor.client.post("/api/v1/sync/import", data=kit.seal(payload, typ="JWT"), headers=headers)
    assert answer.status_code == 200, answer.text
    assert {one["outcome"] for one in answer.json["results"]} == {"applied"}
    assert {row[1] for row in state(bureau) if row[0] in {one["id"] for one in payload["operations"]}} == {"applied"}


def test_the_importer_lends_no_right(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """An author who was never signed in on the terminal is not believed, and the work waits for a person."""
    kit.work()
    stranger = bureau.officer("chen")
    payload = kit.payload(kit.export()) | {"officer": stranger}
    for one in payload["operations"]:
        del one["officer"]
    results = brought(supervisor, kit.seal(payload))["results"]
    assert {(one["outcome"], one["problem"]["code"]) for one in results} == {("quarantined", "not_permitted")}
    listed = {one["id"] for one in supervisor.client.get("/api/v1/quarantine").json}
    assert listed == {one["id"] for one in payload["operations"]}
    first = payload["operations"][0]["id"]
    assert supervisor.post(f"/quarantine/{first}/replay", {"reason": "试"}).json["outcome"] == "quarantined"


def test_a_revoked_terminals_export_is_quarantined_whole(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """As its push would be."""
    kit.work()
    token = kit.export()
    assert bureau.console("admin").post(f"/terminals/{kit.handset.session.terminal_id}/revocation").status_code == 204
    results = brought(supervisor, token)["results"]
    assert {(one["outcome"], one["problem"]["code"]) for one in results} == {("quarantined", "terminal_revoked")}


def test_only_supervisors_of_the_authors_unit_import(bureau: Bureau, kit: Kit) -> None:
    """Neither the officer himself, nor an administrator, nor another unit's supervisor."""
    kit.work()
    token = kit.export()
    assert problem(bureau.console("guanli", "admin").post(IMPORT, {"export": token})) == (403, "not_permitted")
    own = bureau.handheld()
    own.sign_in("zhang")
    assert problem(own.post(IMPORT, {"export": token}, headers=own.bearer)) == (403, "not_permitted")
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    bureau.officer("shenhe2", "supervisor", unit="u2")
    assert problem(bureau.console_of("shenhe2").post(IMPORT, {"export": token})) == (403, "out_of_scope")


def test_carrying_takes_time_and_moves_no_clock(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """How long the file was on its way says nothing of the terminal's clock, nor of when a photo was taken."""
    kit.work()
    payload = kit.payload(kit.export())
    payload["clock"] |= {"wall": payload["time"][:10] + "T00:00:00+00:00", "monotonic_ms": 10**9}
    before = bureau.change(lambda session: session.scalar(sa.select(StoreRow.clock_offset_ms)))
    brought(supervisor, kit.seal(payload))
    assert bureau.change(lambda session: session.scalar(sa.select(StoreRow.clock_offset_ms))) == before


def test_a_long_queue_becomes_several_files(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """No file is larger than an import takes; all of them together are the queue."""
    kit.handset.store.set("limits", {"operations": 3, "bytes": 8 * 1024 * 1024})
    kit.work()
    kit.work()
    report = kit.handset.export(kit.handset.folder / "out.jws")
    assert [file.name for file in report.files] == ["out.jws", "out-2.jws", "out-3.jws"]
    assert report.operations == 8
    for file in report.files:
        assert {one["outcome"] for one in brought(supervisor, file.read_text())["results"]} == {"applied"}
    assert kit.handset.sync().verdict is Verdict.OK
    assert kit.handset.queue() == []


def test_the_command_writes_and_takes_in(
    bureau: Bureau, kit: Kit, supervisor: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m reference.terminal` exports a folder's queue and takes the answer; what is wrong it says."""
    folder, file = kit.handset.folder, kit.handset.folder / "by-hand.jws"
    assert main(["export", "--folder", str(folder), str(file)]) == 0
    assert not file.exists()
    kit.work()
    assert main(["export", "--folder", str(folder), str(file)]) == 0
    assert "4 operations" in capsys.readouterr().out
    answer = folder / "answer.json"
    answer.write_text("{}")
    assert main(["take-answer", "--folder", str(folder), str(answer)]) == 1
    answer.write_text(json.dumps(brought(supervisor, file.read_text())))
    assert main(["take-answer", "--folder", str(folder), str(answer)]) == 0
    assert kit.handset.queue() == []
    assert main(["export", "--folder", str(folder / "nowhere"), str(file)]) == 1


# The console's page.


def upload(console: Console, token: str | bytes, language: str = "zh-CN") -> TestResponse:
    raw = token.encode() if isinstance(token, str) else token
    data = {"file": (io.BytesIO(raw), "export.jws"), "csrf_token": next(iter(console.csrf.values()))}
    headers = {"Accept-Language": language}
    return console.client.post("/console/import", data=data, headers=headers, follow_redirects=True)


def test_the_page_tells_what_became_of_each_operation(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """A supervisor chooses the file and reads the outcomes in words, in either language."""
    for language, words in (("zh-CN", "导入离线包"), ("en", "Import a sealed export")):
        assert words in supervisor.client.get("/console/import", headers={"Accept-Language": language}).text
    kit.work()
    kit.handset.create("case", {"category": "0406", "amount_fen": "many"})
    token = kit.export()
    chinese, english = upload(supervisor, token), upload(supervisor, token, "en")
    assert (chinese.status_code, english.status_code) == (200, 200)
    assert chinese.text.count("生效") == 4
    assert english.text.count(">applied<") == 4
    assert ">隔离<" in chinese.text
    assert "有字段填写不正确" in chinese.text
    assert "/console/quarantine/" in chinese.text


@pytest.mark.parametrize("sent", [b"", b"not a file", b"\xff" * 100, b"x" * 9_000_000])
def test_the_page_says_what_is_wrong_with_a_file(bureau: Bureau, supervisor: Console, sent: bytes) -> None:
    """What is no export comes back to the form with the reason, however large or odd it is."""
    answer = upload(supervisor, sent)
    assert answer.status_code == 200
    assert 'class="notice bad"' in answer.text
    assert 'type="file"' in answer.text


def test_an_answer_is_shown_to_the_unit_it_concerns_only(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """Another unit's supervisor, an administrator and a stranger to the receipts find nothing."""
    kit.work()
    page = upload(supervisor, kit.export()).request.path
    bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
    bureau.officer("shenhe2", "supervisor", unit="u2")
    for path in (page, f"{page}/answer"):
        assert bureau.console_of("shenhe2").client.get(path).status_code == 404
        assert bureau.console(f"guanli{len(path)}", "admin").client.get(path).status_code == 403
    assert supervisor.client.get("/console/import/" + "0" * 64).status_code == 404


def test_no_connection_is_left_open(bureau: Bureau, kit: Kit, supervisor: Console) -> None:
    """An import that was refused leaves no transaction behind: the next push goes through."""
    kit.work()
    supervisor.post(IMPORT, {"export": "x.y.z"})
    assert kit.handset.push().verdict is Verdict.OK
    with bureau.app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(ReceiptRow)) == 1
