"""A summary case on the reference terminal with no network, and what the server makes of it a day later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from demo.pictures import make_photo
from field_api.casework import reference, staff, violations
from field_api.casework.clock_tables import Deadline
from field_api.casework.defects import Defect
from field_api.casework.law.calendar import end_of_day
from reference.terminal import Terminal, Verdict
from reference.terminal.street import LawRefusedError, Refusal, Street, StreetError
from sync.store.tables import RecordRow
from tests.integration.field import terminal
from tests.integration.people import Bureau, now
from tests.support.handset import Handset

KIND = "D07.city_bureau"
PARTY = {"kind": "citizen", "name": "演示当事人", "id_type": "id_card", "id_no": "11010519491231002X"}
AUTHORITY = '[city]\nname = "演示市城市管理行政执法局"\nreview = "演示市人民政府"\ncourt = "演示区人民法院"\n'


class DayClock:
    """A clock a day behind, which moves on a second with every look: all on the street was yesterday."""

    def __init__(self) -> None:
        self.boot = "street"
        self._ms = 1000
        self._now = datetime.now(UTC) - timedelta(days=1)

    def wall(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic_ms(self) -> int:
        self._ms += 1000
        return self._ms

    def a_day_later(self) -> None:
        self._now, self._ms = datetime.now(UTC), self._ms + 86_400_000


class Beat:
    """Two certified officers on one handset that holds rules, catalogue and numbers, and is then without a network."""

    def __init__(self, bureau: Bureau, folder: Path) -> None:
        self.bureau, self.clock, self.photo = bureau, DayClock(), folder.with_suffix(".jpg")
        make_photo(self.photo, label="near", taken_at=now(), lng=103.8477, lat=30.0512, seed=1)
        self.officers = [bureau.officer("officer1"), bureau.officer("officer2")]
        self.handset = Handset(bureau, folder)
        self.terminal = self.reopen()
        bureau.change(self._publish)
        self.handset.sign_in("officer1")
        assert self.terminal.numbers.keep(KIND).verdict is Verdict.OK
        assert self.terminal.sync().verdict is Verdict.OK
        self.handset.line.plan("", "lost_request", 1000)

    def _publish(self, session: Any) -> None:
        home = self.bureau.home
        for officer in self.officers:
            staff.certify(session, home, officer, "演示", date(2020, 1, 1), date(2099, 12, 31), now())
        reference.publish_violations(session, home, violations.demonstration(), now())

    def reopen(self) -> Terminal:
        """Open the folder as after a crash: nothing in memory is left."""
        self.handset.terminal.close()
        self.terminal = self.handset.open(clock=self.clock)
        return self.terminal

    def stop(self, **fields: Any) -> Street:
        given = {"category": "0406", "officers": self.officers, "party": PARTY, "violations": ["DEMO-0406"]}
        return Street.open(self.terminal, **{**given, "address": "演示路 1 号", **fields})

    def told(self, **fields: Any) -> Street:
        """A case up to its notice."""
        street = self.stop(**fields)
        street.show_ids()
        street.ladder("educate", "演示")
        street.look_up_permit()
        street.look_up_history()
        street.take_photo(self.photo, "near")
        street.order_correction("演示：立即撤离")
        assert street.notice("演示：占道经营", "演示：影响通行", 5000) == []
        return street

    def decided(self, pay: str = "on_spot") -> tuple[Street, str]:
        street = self.told()
        street.waive(b"strokes")
        number, shown = street.decide(pay=pay)
        assert shown == []
        return street, number

    def signed(self, party: bytes | Refusal = b"party") -> tuple[Street, str]:
        street, number = self.decided()
        street.sign({one: one.encode() for one in self.officers}, party)
        return street, number

    def sync_next_day(self) -> list[str]:
        """Sync a day later; the flags of every operation."""
        self.clock.a_day_later()
        self.handset.line.faults.clear()
        report = self.terminal.sync()
        assert report.verdict is Verdict.OK, report
        assert report.push is not None
        assert set(report.push.outcomes.values()) <= {"applied", "merged"}, report.push.outcomes
        assert self.terminal.queue() == []
        rows = self.terminal.store.all("SELECT result FROM operation")
        return [row["result"] for row in rows if row["result"] and "procedure_defect" in row["result"]]


@pytest.fixture
def beat(bureau: Bureau, tmp_path: Path) -> Iterator[Beat]:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "authorities.toml").write_text(AUTHORITY, encoding="utf-8")
    made = Beat(bureau, tmp_path / "handset")
    yield made
    made.terminal.close()


def rules_of(refused: pytest.ExceptionInfo[LawRefusedError]) -> set[str]:
    return {one.rule for one in refused.value.findings}


def body_of(bureau: Bureau, case: str) -> dict[str, Any]:
    text = bureau.change(lambda session: session.scalar(sa.select(RecordRow.body).where(RecordRow.id == case)))
    found: dict[str, Any] = json.loads(text)
    return found


def defects(bureau: Bureau) -> list[str]:
    return list(bureau.change(lambda session: session.scalars(sa.select(Defect.rule)).all()))


def test_a_lawful_case_goes_from_stop_to_archive_without_a_network(bureau: Bureau, beat: Beat) -> None:
    """Synced a day later it bears no flag; every deadline is counted from the act; the paper prints; the file is whole.

    It ends in the archive, where a supervisor puts it.
    """
    street, number = beat.signed()
    assert number.endswith("第0001号")
    assert street.serve() == []
    assert street.pay("on_spot", receipt_no="演示票据0001", ground="within_limit") == []
    assert street.file() == street.close() == []
    acted = {one["type"]: datetime.fromisoformat(one["at"]) for one in street.body["documents"]}
    paid = datetime.fromisoformat(street.body["payments"][0]["at"])
    assert beat.sync_next_day() == []
    assert defects(bureau) == []
    synced = datetime.now(UTC)
    query = sa.select(*Deadline.__table__.columns).where(Deadline.case == street.case)
    clocks = {row.clock: row for row in bureau.change(lambda session: session.execute(query).all())}
    assert {"file_city", "pay", "hand_in"} <= clocks.keys()
    started = {"file_city": acted["D07"], "hand_in": paid}
    for clock, moment in started.items():
        assert abs(clocks[clock].started_at - moment) < timedelta(seconds=1), clock
    assert all(row.started_at < synced - timedelta(hours=23) for row in clocks.values())
    assert clocks["file_city"].state == clocks["pay"].state == "met"
    assert clocks["hand_in"].due_at >= end_of_day(paid.date())
    supervisor, chief = bureau.console("shenhe", "supervisor"), terminal(bureau, "guanli", "supervisor", "officer")
    decision = next(one["id"] for one in street.body["documents"] if one["type"] == "D07")
    paper = supervisor.client.get(f"/api/v1/cases/{street.case}/documents/{decision}")
    assert paper.status_code == 200, paper.text
    assert paper.data.startswith(b"%PDF")
    chief.pull()
    chief.done(chief.step(street.case, "archive"))
    assert body_of(bureau, street.case)["status"] == "archived"
    assert defects(bureau) == []
    audit = supervisor.client.get(f"/api/v1/cases/{street.case}/audit").json
    assert (audit["score"], audit["defects"]) == (100, [])


def test_a_refused_signature_is_noted_before_a_witness(bureau: Bureau, beat: Beat) -> None:
    """The refusal, its note and the witness stand on the paper's service; nothing is marked."""
    street, _ = beat.signed(Refusal("演示：当事人拒绝签名", "演示见证人"))
    assert street.serve() == []
    assert beat.sync_next_day() == []
    served = next(one["served"] for one in body_of(bureau, street.case)["documents"] if one["type"] == "D26")
    assert (served["mode"], served["witness"]) == ("refused_on_site", "演示见证人")
    assert served["note"] == "演示：当事人拒绝签名"
    assert defects(bureau) == []


def test_each_gate_blocks_and_writes_nothing(beat: Beat) -> None:
    """Too much money, no certificates shown, no lone officer, no signed waiver, nobody heard, no receipt."""
    with pytest.raises(LawRefusedError) as refused:
        beat.stop(officers=beat.officers[:1])
    assert rules_of(refused) == {"R01"}
    assert beat.terminal.records("case") == []
    street = beat.stop()
    refuses(street, "R02", lambda: street.notice("演示", "演示", 5000))
    street.show_ids()
    refuses(street, "R03", lambda: street.notice("演示", "演示", 20001))
    with pytest.raises(StreetError, match="comes from notified"):
        street.decide()
    street.order_correction("演示")
    street.notice("演示", "演示", 20000)
    refuses(street, "R06", street.decide)
    street.waive(None)
    refuses(street, "R08", street.decide)
    street.waive(b"strokes")
    refuses(street, "R03", lambda: street.decide(amount_fen=20001))
    street.decide(pay="on_spot")
    with pytest.raises(StreetError, match="not signed"):
        street.serve()
    street.sign(dict.fromkeys(beat.officers, b"o"), b"p")
    street.serve()
    refuses(street, "R13", lambda: street.pay("on_spot", receipt_no="演示0001", ground="within_limit"))
    refuses(street, "R15", lambda: street.pay("on_spot", ground="hard_later"))
    street.pay("on_spot", receipt_no="演示0001", ground="hard_later")


def refuses(street: Street, rule: str, step: Any) -> None:
    """The step is refused under a rule, with words and a remedy in both languages, and leaves no operation."""
    before = (len(street.terminal.queue()), street.terminal.numbers.left(KIND))
    with pytest.raises(LawRefusedError) as refused:
        step()
    assert rules_of(refused) == {rule}
    for finding in refused.value.findings:
        assert finding.article
        assert all(finding.words[tongue] and finding.remedy[tongue] for tongue in ("zh", "en"))
    assert (len(street.terminal.queue()), street.terminal.numbers.left(KIND)) == before


def test_a_statement_is_checked_again_before_the_decision(beat: Beat) -> None:
    """What the party says must be re-checked, and must not cost him more."""
    street = beat.told()
    street.hear("演示：情况有异")
    refuses(street, "R07", street.decide)
    street.recheck("演示：维持", accepted=False)
    refuses(street, "R07", lambda: street.decide(amount_fen=6000))
    number, _ = street.decide()
    assert number.endswith("第0001号")
    assert beat.sync_next_day() == []


def test_without_a_number_there_is_no_decision(beat: Beat) -> None:
    """When the leased block is used up the decision is refused, and the case waits."""
    street = beat.told()
    street.waive(b"strokes")
    while beat.terminal.numbers.left(KIND):
        beat.terminal.numbers.void(beat.terminal.numbers.next_number(KIND), "演示")
    refuses(street, "R10", street.decide)
    assert street.status == "notified"


def test_a_crash_between_any_two_steps_loses_nothing(bureau: Bureau, beat: Beat) -> None:
    """The store is opened anew after every step; the case is the same and the number is given once."""
    case = beat.stop().case

    def again() -> Street:
        return Street(beat.reopen(), case)

    again().show_ids()
    for step in ("permit_lookup", "history_lookup"):
        again().ladder(step)
    again().take_photo(beat.photo, "near")
    again().order_correction("演示")
    again().notice("演示", "演示", 5000)
    again().waive(b"strokes")
    number, _ = again().decide(pay="on_spot")
    again().sign(dict.fromkeys(beat.officers, b"o"), b"p")
    again().serve()
    again().pay("on_spot", receipt_no="演示0001", ground="within_limit")
    again().file()
    assert again().status == "filed"
    assert beat.sync_next_day() == []
    body = body_of(bureau, case)
    assert [one["number"] for one in body["documents"] if one["type"] == "D07"] == [number]


def test_a_crash_after_the_paper_does_not_take_a_second_number(beat: Beat) -> None:
    """The paper was written, the step was not: deciding again goes on with the number that stands on it."""
    street = beat.told()
    street.waive(b"strokes")

    def killed(*_args: Any, **_more: Any) -> str:
        raise KeyboardInterrupt

    beat.terminal.edits.transition = killed  # type: ignore[method-assign]  # the process ends at this call
    with pytest.raises(KeyboardInterrupt):
        street.decide()
    again = Street(beat.reopen(), street.case)
    left = beat.terminal.numbers.left(KIND)
    number, _ = again.decide()
    assert (again.status, beat.terminal.numbers.left(KIND)) == ("decided", left)
    assert [one["number"] for one in again.body["documents"]] == [number]


def test_the_ways_out(bureau: Bureau, beat: Beat) -> None:
    """Advice with a slip, no penalty with education, the general procedure, another authority: none is marked."""
    exits = []
    for leave in (
        lambda street: street.advise("演示：请勿占道"),
        lambda street: street.no_penalty("minor_corrected", "演示：已教育"),
        lambda street: street.convert("演示：案情复杂"),
        lambda street: street.transfer("演示机关", "演示：不属本局管辖"),
    ):
        street = beat.stop()
        street.show_ids()
        leave(street)
        exits.append(street.case)
    assert beat.sync_next_day() == []
    statuses = [body_of(bureau, case)["status"] for case in exits]
    assert statuses == ["advised", "no_penalty", "converted", "transferred"]
    assert {one.body["case"] for one in beat.terminal.records("proceeding")} == {exits[2]}


def test_the_police_fine_alone_and_give_the_papers_back(bureau: Bureau, beat: Beat) -> None:
    """One police officer is enough on the spot; the driver's papers are back with him; nothing is marked."""
    police = bureau.officer("liaison", "liaison")
    bureau.change(lambda session: staff.certify(
        session, bureau.home, police, "演示", date(2020, 1, 1), date(2099, 12, 31), now()))  # fmt: skip
    bureau.change(lambda session: reference.publish_violations(session, bureau.home, violations.national(), now()))
    beat.handset.line.faults.clear()
    beat.handset.sign_in("liaison")
    assert beat.terminal.numbers.keep("D07.traffic_police").verdict is Verdict.OK
    assert beat.terminal.sync().verdict is Verdict.OK
    beat.handset.line.plan("", "lost_request", 1000)
    street = beat.stop(subject="traffic_police", officers=[police], violations=["DJ-090-1"], category="0114")
    street.show_ids()
    street.order_correction("演示：清扫路面")
    assert street.notice("演示：货物遗洒", "演示", 10000) == []
    street.waive(b"strokes")
    assert street.decide()[1] == []
    street.return_papers()
    street.sign({police: b"o"}, b"p")
    assert street.serve() == street.file() == street.close() == []
    assert beat.sync_next_day() == []
    assert defects(bureau) == []
