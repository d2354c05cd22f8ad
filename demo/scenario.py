"""The scenario: a morning of two units, step by step, each on real parts and each checked as it goes.

One stall is persuaded, educated and guided; one that stays is fined on the spot; the truck's spill is cleared by order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from demo.cast import CARRIERS, SYNC_DEADLINE_S, Cutter, expect
from demo.handheld import Handheld
from demo.reviewer import Reviewer
from demo.stage import GRID
from demo.summary import Summary

STALL = {"lng": 103.8477, "lat": 30.0512, "coord_sys": "cgcs2000", "accuracy_m": 6}
ROAD = {"lng": 103.8391, "lat": 30.0627, "coord_sys": "cgcs2000", "accuracy_m": 8}


class Scenario(Summary):
    """The play; its steps are methods, in the order of `steps`."""

    @property
    def steps(self) -> list[tuple[str, str, Callable[[], None]]]:
        return [
            ("终端登记、登录、晨间拉取", "Terminals enrol, officers sign in, morning pull", self.morning),
            ("一件在办案件同步到各终端", "An open case reaches every terminal", self.open_case),
            ("断网", "The network goes", self.network_goes),
            ("占道摊点：查四定、说服教育引导", "A stall on the road: no permit; advised, clears", self.stall_case),
            ("另一摊点不撤：离线当场处罚、收款", "One stays: fined offline, numbered, cash taken", self.street_case),
            ("货车抛撒：城管立案、民警查车", "A truck spills: one incident, a case and a check", self.truck_case),
            ("两人改同一案件，一台时钟快三天", "Two change one case; one clock is days ahead", self.two_edits),
            ("网络恢复但很差：应答丢失、照片断两次", "A bad line: an answer lost, a photo cut twice", self.bad_line),
            ("其余终端同步", "The other terminals sync", self.others_sync),
            ("次日同步当场处罚（终端日历拨后一天）", "Next day (on its clock) the fine is synced", self.next_day),
            ("审核员处理冲突", "The reviewer settles the conflict", self.settle),
            ("审核员审核照片和案件", "The reviewer passes evidence and cases", self.review),
            ("中心两次出错、一次退回", "The centre fails twice, refuses one, takes the other", self.centre_answers),
            ("退回案件改正、复审、重新送达", "The refused case is corrected, passed, delivered anew", self.correct),
            ("各终端拉取任务号", "The officers see the task numbers", self.evening),
        ]

    def morning(self) -> None:
        self.stage.centre.clear_faults()
        self.stage.line.up()
        for username, ahead_s in CARRIERS.items():
            folder = self.stage.folder / "terminals" / username
            handheld = Handheld(username, folder, self.stage.line.url, self._progress, ahead_s=ahead_s)
            self.handhelds[username] = handheld
            if not handheld.call("enrolled"):
                self.granted(handheld, "enrol", code=self.stage.invite(), model="演示手持机")
            self.granted(handheld, "sign_in", username=username, password=self.stage.passwords[username])
            self.sync(username)
            self._left_before |= {one["id"] for one in handheld.call("queue")}
            for kind, least in (("category", 90), ("permit", 2), ("officer", len(CARRIERS)), ("grid", 1)):
                held = len(handheld.call("records", kind=kind))
                expect(held >= least, f"{username} holds {held} of type {kind}, fewer than {least}")
        self.prepare_street()

    def open_case(self) -> None:
        officer = self.handhelds["officer2"]
        self.facts.shared = officer.call(
            "create",
            kind="case",
            values={
                "category": "0136",
                "description": "演示数据：杂物堆放在人行道",
                "address": "演示路",
                "position": STALL,
                "grid": GRID,
                "source": "patrol",
                "occurred_at": _now(),
            },
        )
        officer.call("transition", record=self.facts.shared, event="register")
        self.sync("officer2")
        for username in ("officer1", "officer3"):
            self.sync(username)
            held = self.handhelds[username].call("record", record=self.facts.shared)
            expect(held and held["body"]["case_no"], f"{username} has the open case with its number")

    def network_goes(self) -> None:
        self.stage.line.down()
        answer = self.handhelds["officer1"].call("sync_once")
        expect(answer["verdict"] == "later", "without a network the terminal waits and keeps its work")

    def stall_case(self) -> None:
        officer = self.handhelds["officer1"]
        address = "演示路 15 号门前"
        fitting = [one for one in officer.call("records", kind="permit") if one["body"]["address"] == address]
        expect(not fitting, "the register holds a permit for this place; choose another")
        case = officer.call(
            "create",
            kind="case",
            values={
                "category": "0406",
                "description": "演示数据：一处早餐摊占用人行道经营，无四定许可",
                "address": address,
                "position": STALL,
                "grid": GRID,
                "source": "patrol",
                "occurred_at": officer.call("now"),
            },
        )
        self.facts.stall = case
        officer.call("transition", record=case, event="register")
        officer.call("transition", record=case, event="investigate")
        self.take(officer, case, "far", STALL)
        self.take(officer, case, "near", STALL)
        notes = {
            "ids_shown": "两名队员出示执法证件",
            "permit_lookup": "查询四定许可：此处无登记",
            "persuade": "说服：占道影响通行",
            "educate": "教育：讲明市容规定",
            "guide": "引导：可到演示早市设摊",
            "cleared": "摊主自行撤离，路面清洁",
        }
        for step, note in notes.items():
            officer.call("append", record=case, name="timeline", element={"step": step, "note": f"演示数据：{note}"})
        self.take(officer, case, "handle_after", STALL)
        slip = {"type": "D05", "facts": "演示数据：温馨提示，请勿占道经营"}
        officer.call("append", record=case, name="documents", element=slip)
        officer.call("transition", record=case, event="advise")
        officer.call("transition", record=case, event="close")

    def truck_case(self) -> None:
        city, liaison = self.handhelds["officer2"], self.handhelds["liaison"]
        self.facts.incident = city.call(
            "create",
            kind="incident",
            values={
                "category": "0114",
                "description": "演示数据：货车沿途抛撒渣土",
                "address": "演示大道",
                "position": ROAD,
                "occurred_at": city.call("now"),
            },
        )
        case = city.call(
            "create",
            kind="case",
            values={
                "category": "0114",
                "description": "演示数据：货车抛撒渣土约二十米",
                "address": "演示大道",
                "position": ROAD,
                "incident": self.facts.incident,
                "plates": ["川Z00000", "川Z0000挂"],
                "source": "joint",
                "occurred_at": city.call("now"),
            },
        )
        self.facts.truck = case
        city.call("transition", record=case, event="register")
        city.call("transition", record=case, event="investigate")
        self.take(city, case, "spill", ROAD)
        for step in ("ids_shown", "educate", "correction_ordered", "cleared"):
            city.call("append", record=case, name="timeline", element={"step": step, "note": "演示数据"})
        self.take(city, case, "handle_after", ROAD)
        city.call("transition", record=case, event="advise")
        city.call("transition", record=case, event="close")
        self.facts.check = liaison.call(
            "create",
            kind="vehicle_check",
            values={
                "incident": self.facts.incident,
                "checked_at": liaison.call("now"),
                "plate": "川Z00000",
                "plate_kind": "01",
                "plate_colour": "黄",
                "plate_state": "normal",
                "trailer_plate": "川Z0000挂",
                "vehicle_type": "重型半挂牵引车",
                "cargo": "渣土",
                "sealed": False,
                "spill_length_m": 20,
                "address": "演示大道",
                "position": ROAD,
                "result": "cleaned",
                "papers_returned": True,
            },
        )

    def two_edits(self) -> None:
        shared = self.facts.shared
        first, third = self.handhelds["officer1"], self.handhelds["officer3"]
        first.call("patch", record=shared, values={"description": "演示数据：杂物已部分清走"})
        third.call("patch", record=shared, values={"description": "演示数据：杂物仍占半幅人行道"})
        third.call("patch", record=shared, values={"address": "演示路 21 号旁"})

    def bad_line(self) -> None:
        line = self.stage.line
        line.up()
        lost = line.lose_next_answer("/api/v1/sync/push")
        officer = self.handhelds["officer1"]
        until = time.monotonic() + SYNC_DEADLINE_S
        while not lost.is_set() and time.monotonic() < until:
            officer.call("sync_once")
        expect(lost.is_set(), "an answer to a push was lost on the way")
        cutter = Cutter(self.stage)
        cutter.start()
        try:
            self.sync("officer1")
        finally:
            cutter.end()
        expect(cutter.cuts == 2, f"an upload was cut twice, not {cutter.cuts} times")

    def others_sync(self) -> None:
        # The incident must be there before the police's check of it: what waits for its parent is not parked yet.
        for username in ("officer2", "liaison", "officer3"):
            self.sync(username)
        for username in CARRIERS:
            self.sync(username)
            left = self.unsent(username)
            expect(not left, f"{username} has nothing left to send, but {[one['result'] for one in left][:3]}")
        seen_by_police = self.handhelds["liaison"].call("record", record=self.facts.truck)
        seen_by_city = self.handhelds["officer2"].call("record", record=self.facts.check)
        expect(seen_by_police and seen_by_city, "each side of the incident sees the other's record")
        lost = [one for one in self.handhelds["officer3"].call("losses") if one["record"] == self.facts.shared]
        expect(len(lost) == 1 and lost[0]["field"] == "description", "the later officer is told what did not stand")

    def settle(self) -> None:
        self.reviewer = Reviewer(self.stage.installation.url, "reviewer", self.stage.passwords["reviewer"])
        found = self.reviewer.conflicts(self.facts.shared)
        expect(len(found) == 1, f"exactly one conflict, not {len(found)}")
        conflict = found[0]
        expect(conflict["field"] == "description", "the conflict is about the description")
        values = {conflict["base"], conflict["mine"], conflict["theirs"]}
        expect(len(values) == 3, "base, mine and theirs are all there")
        page = self.reviewer.page(f"/console/conflicts/{conflict['id']}")
        expect(conflict["mine"] in page or "半幅人行道" in page, "the console shows both values")
        self.reviewer.settle(conflict["id"], "mine", "演示数据：以现场复核为准")

    def review(self) -> None:
        # The centre is told beforehand how to fail: two errors, then a refusal of the truck's case.
        self.stage.centre.fault(path="cases", status=500, times=2)
        refusal = {"code": "place_unclear", "message": "演示数据：地址不明确，请写明路段"}
        self.stage.centre.fault(path="cases", case=self.facts.truck, refuse=refusal, times=1)
        reviewer = self.at_console()
        for evidence in self.facts.photos:
            self.wait(partial(self.is_verified, evidence), f"{evidence} verified")
            reviewer.review("evidence", evidence, "passed")
        for case in (self.facts.stall, self.facts.truck):
            reviewer.page(f"/console/cases/{case}")
            reviewer.review("cases", case, "passed")

    def centre_answers(self) -> None:
        truck, stall = self.facts.truck, self.facts.stall
        self.wait(lambda: self.case_row(stall).delivery == "delivered", "the stall's case is delivered")
        self.wait(lambda: self.case_row(truck).delivery == "refused", "the truck's case is refused")
        self.sync("officer2")
        held = self.handhelds["officer2"].call("record", record=truck)["body"]
        expect(held["review"] == "returned", "the refused case is back with its unit")
        expect("地址不明确" in (held["centre_message"] or ""), "with the centre's words")

    def correct(self) -> None:
        truck = self.facts.truck
        officer = self.handhelds["officer2"]
        officer.call("patch", record=truck, values={"address": "演示大道东段 100 号至 120 号"})
        self.sync("officer2")
        expect(self.case_row(truck).review == "under_review", "the corrected case is back under review")
        self.at_console().review("cases", truck, "passed")
        self.wait(lambda: self.case_row(truck).delivery == "delivered", "the corrected case is delivered")

    def evening(self) -> None:
        for username in CARRIERS:
            self.sync(username)
        for case, username in ((self.facts.stall, "officer1"), (self.facts.truck, "officer2")):
            body = self.handhelds[username].call("record", record=case)["body"]
            expect(body["task_no"] and body["delivery"] == "delivered", f"{username} sees the task number")
            self.facts.task_numbers[case] = body["task_no"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
