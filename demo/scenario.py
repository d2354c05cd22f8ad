"""The scenario: a morning of two units, step by step, each on real parts and each checked as it goes.

No fine is given: the stall is persuaded, educated and guided; the truck's spill is cleared by order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from demo.handheld import Handheld, Progress
from demo.pictures import make_photo
from demo.reviewer import Reviewer
from demo.stage import GRID, Stage
from field_api.casework.models import Case, Evidence

DAY_S = 86_400
SYNC_DEADLINE_S = 90.0
DELIVERY_DEADLINE_S = 120.0
STALL = {"lng": 103.8477, "lat": 30.0512, "coord_sys": "cgcs2000", "accuracy_m": 6}
ROAD = {"lng": 103.8391, "lat": 30.0627, "coord_sys": "cgcs2000", "accuracy_m": 8}
CARRIERS = {"officer1": 0.0, "officer2": 0.0, "officer3": 3.0 * DAY_S, "liaison": 0.0}


class StepFailed(AssertionError):
    """What should have held did not."""


def expect(holds: object, what: str) -> None:
    """Raises: StepFailed unless it holds."""
    if not holds:
        raise StepFailed(what)


@dataclass
class Facts:
    """What one run made, for the checks at its end."""

    stall: str = ""
    truck: str = ""
    incident: str = ""
    check: str = ""
    shared: str = ""
    photos: list[str] = field(default_factory=list)
    task_numbers: dict[str, str] = field(default_factory=dict)
    versions_taken: dict[str, int] = field(default_factory=dict)


class Scenario:
    """The play; its steps are methods, in the order of `steps`."""

    def __init__(self, stage: Stage, progress: Progress, photos: Path | None) -> None:
        self.stage = stage
        self.facts = Facts()
        self._progress = progress
        self._pictures = sorted(path for path in photos.iterdir() if path.suffix.lower() in _JPEG) if photos else []
        self._drawn = 0
        self._left_before: set[str] = set()
        self.handhelds: dict[str, Handheld] = {}
        self.reviewer: Reviewer | None = None

    @property
    def steps(self) -> list[tuple[str, str, Callable[[], None]]]:
        return [
            ("终端登记、登录、晨间拉取", "Terminals enrol, officers sign in, morning pull", self.morning),
            ("一件在办案件同步到各终端", "An open case reaches every terminal", self.open_case),
            ("断网", "The network goes", self.network_goes),
            ("占道摊点：查四定、说服教育引导", "A stall on the road: no permit; advised, clears", self.stall_case),
            ("货车抛撒：城管立案、民警查车", "A truck spills: one incident, a case and a check", self.truck_case),
            ("两人改同一案件，一台时钟快三天", "Two change one case; one clock is days ahead", self.two_edits),
            ("网络恢复但很差：应答丢失、照片断两次", "A bad line: an answer lost, a photo cut twice", self.bad_line),
            ("其余终端同步", "The other terminals sync", self.others_sync),
            ("审核员处理冲突", "The reviewer settles the conflict", self.settle),
            ("审核员审核照片和案件", "The reviewer passes evidence and cases", self.review),
            ("中心两次出错、一次退回", "The centre fails twice, refuses one, takes the other", self.centre_answers),
            ("退回案件改正、复审、重新送达", "The refused case is corrected, passed, delivered anew", self.correct),
            ("各终端拉取任务号", "The officers see the task numbers", self.evening),
        ]

    def close(self) -> None:
        for handheld in self.handhelds.values():
            handheld.close()
        if self.reviewer is not None:
            self.reviewer.close()

    def morning(self) -> None:
        self.stage.centre.clear_faults()
        self.stage.line.up()
        for username, ahead_s in CARRIERS.items():
            folder = self.stage.folder / "terminals" / username
            handheld = Handheld(username, folder, self.stage.line.url, self._progress, ahead_s=ahead_s)
            self.handhelds[username] = handheld
            if not handheld.call("enrolled"):
                self._granted(handheld, "enrol", code=self.stage.invite(), model="演示手持机")
            self._granted(handheld, "sign_in", username=username, password=self.stage.passwords[username])
            self._sync(username)
            self._left_before |= {one["id"] for one in handheld.call("queue")}
            for kind, least in (("category", 90), ("permit", 2), ("officer", len(CARRIERS)), ("grid", 1)):
                held = len(handheld.call("records", kind=kind))
                expect(held >= least, f"{username} holds {held} of type {kind}, fewer than {least}")

    def _granted(self, handheld: Handheld, call: str, **arguments: Any) -> None:
        """Ask until it is granted; a server that is away for a moment is asked again."""
        until = time.monotonic() + SYNC_DEADLINE_S
        while True:
            answer = handheld.call(call, **arguments)
            if answer["verdict"] == "ok":
                return
            expect(answer["verdict"] == "later" and time.monotonic() < until, f"{handheld.name}: {call}: {answer}")
            time.sleep(min(max(answer["wait_s"], 0.2), 2.0))

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
        self._sync("officer2")
        for username in ("officer1", "officer3"):
            self._sync(username)
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
        self._take(officer, case, "far", STALL)
        self._take(officer, case, "near", STALL)
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
        self._take(officer, case, "handle_after", STALL)
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
                "plates": ["川Z0演示1", "川Z演01挂"],
                "source": "joint",
                "occurred_at": city.call("now"),
            },
        )
        self.facts.truck = case
        city.call("transition", record=case, event="register")
        city.call("transition", record=case, event="investigate")
        self._take(city, case, "spill", ROAD)
        for step in ("ids_shown", "educate", "correction_ordered", "cleared"):
            city.call("append", record=case, name="timeline", element={"step": step, "note": "演示数据"})
        self._take(city, case, "handle_after", ROAD)
        city.call("transition", record=case, event="advise")
        city.call("transition", record=case, event="close")
        self.facts.check = liaison.call(
            "create",
            kind="vehicle_check",
            values={
                "incident": self.facts.incident,
                "checked_at": liaison.call("now"),
                "plate": "川Z0演示1",
                "plate_kind": "01",
                "plate_colour": "黄",
                "plate_state": "normal",
                "trailer_plate": "川Z演01挂",
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
        cutter = _Cutter(self.stage)
        cutter.start()
        try:
            self._sync("officer1")
        finally:
            cutter.end()
        expect(cutter.cuts == 2, f"an upload was cut twice, not {cutter.cuts} times")

    def others_sync(self) -> None:
        # The incident must be there before the police's check of it: what waits for its parent is not parked yet.
        for username in ("officer2", "liaison", "officer3"):
            self._sync(username)
        for username in CARRIERS:
            self._sync(username)
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
        reviewer = self._reviewer()
        for evidence in self.facts.photos:
            self._wait(partial(self._is_verified, evidence), f"{evidence} verified")
            reviewer.review("evidence", evidence, "passed")
        for case in (self.facts.stall, self.facts.truck):
            reviewer.page(f"/console/cases/{case}")
            reviewer.review("cases", case, "passed")

    def centre_answers(self) -> None:
        truck, stall = self.facts.truck, self.facts.stall
        self._wait(lambda: self._case(stall).delivery == "delivered", "the stall's case is delivered")
        self._wait(lambda: self._case(truck).delivery == "refused", "the truck's case is refused")
        self._sync("officer2")
        held = self.handhelds["officer2"].call("record", record=truck)["body"]
        expect(held["review"] == "returned", "the refused case is back with its unit")
        expect("地址不明确" in (held["centre_message"] or ""), "with the centre's words")

    def correct(self) -> None:
        truck = self.facts.truck
        officer = self.handhelds["officer2"]
        officer.call("patch", record=truck, values={"address": "演示大道东段 100 号至 120 号"})
        self._sync("officer2")
        expect(self._case(truck).review == "under_review", "the corrected case is back under review")
        self._reviewer().review("cases", truck, "passed")
        self._wait(lambda: self._case(truck).delivery == "delivered", "the corrected case is delivered")

    def evening(self) -> None:
        for username in CARRIERS:
            self._sync(username)
        for case, username in ((self.facts.stall, "officer1"), (self.facts.truck, "officer2")):
            body = self.handhelds[username].call("record", record=case)["body"]
            expect(body["task_no"] and body["delivery"] == "delivered", f"{username} sees the task number")
            self.facts.task_numbers[case] = body["task_no"]

    def unsent(self, username: str) -> list[dict[str, Any]]:
        """What this run has left in a terminal's queue; an earlier run that was stopped is not its matter."""
        queue: list[dict[str, Any]] = self.handhelds[username].call("queue")
        return [one for one in queue if one["id"] not in self._left_before]

    def _take(self, officer: Handheld, case: str, role: str, position: dict[str, Any]) -> None:
        path = self._picture(role, position)
        photo = officer.call("take_photo", case=case, role=role, photo=str(path), position=position)
        self.facts.photos.append(photo)

    def _picture(self, role: str, position: dict[str, Any]) -> Path:
        """The user's own next photo, or one drawn for the purpose."""
        self._drawn += 1
        if self._pictures:
            return self._pictures[(self._drawn - 1) % len(self._pictures)]
        folder = self.stage.folder / "pictures"
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.facts.stall or 'run'}-{self._drawn}.jpg"
        seed = time.time_ns() % 2**31
        make_photo(
            path, label=role, taken_at=datetime.now(UTC), lng=position["lng"], lat=position["lat"], seed=seed,
        )
        return path

    def _sync(self, username: str) -> None:
        report = self.handhelds[username].call("sync", deadline_s=SYNC_DEADLINE_S)
        expect(report["verdict"] == "ok", f"{username} syncs: {report}")
        expect(report["matches"], f"{username} holds what the server says it should")

    def _reviewer(self) -> Reviewer:
        if self.reviewer is None:
            raise StepFailed("the reviewer has not signed in")
        return self.reviewer

    def _case(self, case: str) -> Any:
        return self.stage.read(
            lambda session: session.execute(sa.select(*Case.__table__.columns).where(Case.id == case)).one()
        )

    def _is_verified(self, evidence: str) -> bool:
        query = sa.select(Evidence.bytes).where(Evidence.id == evidence)
        return self.stage.read(lambda session: session.scalar(query)) == "verified"

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + DELIVERY_DEADLINE_S
        while not condition():
            expect(time.monotonic() < until and not self.stage.supervisor.stopping.is_set(), f"in time: {what}")
            time.sleep(0.2)


class _Cutter(threading.Thread):
    """Cuts the line twice while photos travel; a photo has more bytes than anything else that does."""

    CUT_AFTER = 150_000

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self._stage = stage
        self._ended = threading.Event()
        self.cuts = 0

    def run(self) -> None:
        while self.cuts < 2 and not self._ended.is_set():
            cut = self._stage.line.cut_after(self.CUT_AFTER)
            while not cut.is_set() and not self._ended.is_set():
                cut.wait(0.05)
            self.cuts += cut.is_set()

    def end(self) -> None:
        self._ended.set()
        self.join()


_JPEG = frozenset({".jpg", ".jpeg"})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
