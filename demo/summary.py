"""The summary case of the demo: two officers, no network, a numbered decision, cash against a receipt; synced next day.

The day is virtual: the handheld is started with its clock a day back, and started anew with today's before it syncs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from demo.cast import DAY_S, Cast, expect
from demo.handheld import Handheld
from field_api.casework.clock_tables import Deadline
from field_api.casework.defects import Defect
from field_api.casework.ledger_tables import CashReceipt
from sync.store.tables import OperationRow, RecordRow

CARRIER = "officer4"
KIND = "D07.city_bureau"
FINE_FEN = 5000
PLACE = {"lng": 103.8481, "lat": 30.0517, "coord_sys": "cgcs2000", "accuracy_m": 6}
PARTY = {"kind": "citizen", "name": "演示当事人", "id_type": "id_card", "id_no": "11010519491231002X"}


class Summary(Cast):
    """The steps of the summary case."""

    def prepare_street(self) -> None:
        """Yesterday morning: rules, catalogue and numbers come aboard while there is a network."""
        officer = self._start(-DAY_S)
        if not officer.call("enrolled"):
            self.granted(officer, "enrol", code=self.stage.invite(), model="演示手持机")
        self.granted(officer, "sign_in", username=CARRIER, password=self.stage.passwords[CARRIER])
        self.sync(CARRIER)
        self._left_before |= {one["id"] for one in officer.call("queue")}
        self.granted(officer, "keep_numbers", kind=KIND)
        expect(officer.call("numbers_left", kind=KIND) >= 10, "a block of numbers is leased")

    def street_case(self) -> None:
        """Beside the advised stall: this one stays, and is fined on the spot."""
        officer = self.handhelds[CARRIER]
        pair = [self.officer_id(officer, CARRIER), self.officer_id(officer, "officer2")]
        case = self.facts.street = officer.call(
            "stop", category="0406", officers=pair, party=PARTY, violations=["DEMO-0406"],
            address="演示路 17 号门前", position=PLACE, description="演示数据：经劝导仍占道经营",
        )  # fmt: skip

        def step(name: str, **arguments: Any) -> Any:
            return officer.call("street", case=case, step=name, arguments=arguments)

        step("show_ids")
        for rung in ("persuade", "educate", "warn"):
            step("ladder", step=rung, note="演示数据")
        expect(step("look_up_permit") == [], "no permit is held for this place")
        step("look_up_history")
        officer.call("take_photo", case=case, role="near", photo=str(self._picture("near", PLACE)), position=PLACE)
        step("order_correction", what="演示数据：立即撤离")
        refused = officer.call("refused", case=case, step="notice", arguments=_notice(20_001))
        expect("R03" in refused, "more than the limit is refused on the spot, with its rule")
        expect(step("notice", **_notice(FINE_FEN)) == [], "the notice is lawful")
        step("waive", strokes="演示签名")
        number, shown = step("decide", pay="on_spot")
        self.facts.number = number
        expect(shown == [] and number.startswith("演示罚字〔"), f"the decision has a number of its block: {number}")
        step("sign", officers=dict.fromkeys(pair, "演示签名"), party="演示签名")
        expect(step("serve") == [], "service is lawful")
        paid = step("pay", mode="on_spot", receipt_no="演示票据0001", ground="within_limit")
        expect(paid == step("file") == step("close") == [], "payment, filing and close are lawful")

    def next_day(self) -> None:
        """The handheld's clock goes on to today, and the whole case is sent."""
        self.handhelds[CARRIER].close()
        officer = self._start(0.0)
        self.granted(officer, "resume")
        self.sync(CARRIER)
        left = self.unsent(CARRIER)
        expect(not left, f"the summary case went through, but {[one['result'] for one in left][:3]}")

    def _start(self, ahead_s: float) -> Handheld:
        folder = self.stage.folder / "terminals" / CARRIER
        officer = Handheld(CARRIER, folder, self.stage.line.url, self._progress, ahead_s=ahead_s)
        self.handhelds[CARRIER] = officer
        return officer

    def officer_id(self, handheld: Handheld, username: str) -> str:
        """The officer's id, known by the name on his certificate."""
        name = self.stage.name_of(username)
        return str(next(one["id"] for one in handheld.call("records", kind="officer") if one["body"]["name"] == name))


def check(cast: Summary) -> None:
    """What the server holds of the summary case. Raises: StepFailed."""
    case = cast.facts.street
    cast.stage.read(lambda session: _look(session, cast, case))
    found = next(one for one in _body(cast, case)["documents"] if one["type"] == "D07")
    paper = cast.at_console().document(case, found["id"])
    expect(paper.startswith(b"%PDF"), "the decision is printed by the server")


def _look(session: Session, cast: Summary, case: str) -> None:
    row = session.execute(sa.select(RecordRow.body).where(RecordRow.id == case)).one()
    body = orjson.loads(row.body)
    expect(body["status"] == "closed" and body["case_no"], "the summary case is closed and numbered")
    decision = next(one for one in body["documents"] if one["type"] == "D07")
    expect(decision["number"] == cast.facts.number, "the decision keeps the number it was given offline")
    expect(not session.scalars(sa.select(Defect.rule).where(Defect.record == case)).all(), "no defect of procedure")
    results = session.scalars(sa.select(OperationRow.result).where(OperationRow.record == case)).all()
    flagged = [one for one in results if one and b"procedure_defect" in _raw(one)]
    expect(not flagged, "no step bears a flag of procedure")
    clocks = session.execute(sa.select(Deadline.clock, Deadline.started_at).where(Deadline.case == case)).all()
    acted = datetime.fromisoformat(decision["at"])
    expect({"file_city", "pay", "hand_in"} <= {one.clock for one in clocks}, "its deadlines run")
    early = all(timedelta(0) <= one.started_at - acted < timedelta(minutes=10) for one in clocks)
    expect(early and acted < datetime.now(UTC) - timedelta(hours=23), "each deadline counts from the act, a day before")
    cash = session.scalars(sa.select(CashReceipt.amount_fen).where(CashReceipt.record == case)).all()
    expect(list(cash) == [FINE_FEN], "the ledger holds the cash")


def _raw(result: Any) -> bytes:
    return result.encode() if isinstance(result, str) else bytes(result)


def _body(cast: Summary, case: str) -> dict[str, Any]:
    query = sa.select(RecordRow.body).where(RecordRow.id == case)
    body: dict[str, Any] = orjson.loads(cast.stage.read(lambda session: session.scalars(query).one()))
    return body


def _notice(amount_fen: int) -> dict[str, Any]:
    return {"facts": "演示数据：占道经营", "reason": "演示数据：影响通行", "amount_fen": amount_fen}
