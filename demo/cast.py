"""What every step of the scenario leans on: the handhelds, the reviewer, pictures, and waiting for what must come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from demo.handheld import Handheld, Progress
from demo.pictures import make_photo
from demo.reviewer import Reviewer
from demo.stage import Stage
from field_api.casework.models import Case, Evidence

DAY_S = 86_400
SYNC_DEADLINE_S = 90.0
DELIVERY_DEADLINE_S = 120.0
CARRIERS = {"officer1": 0.0, "officer2": 0.0, "officer3": 3.0 * DAY_S, "liaison": 0.0}
_JPEG = frozenset({".jpg", ".jpeg"})


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
    street: str = ""
    number: str = ""
    shared: str = ""
    photos: list[str] = field(default_factory=list)
    task_numbers: dict[str, str] = field(default_factory=dict)
    versions_taken: dict[str, int] = field(default_factory=dict)


class Cast:
    """A running stage with its people; `facts` is what the run made."""

    def __init__(self, stage: Stage, progress: Progress, photos: Path | None) -> None:
        self.stage = stage
        self.facts = Facts()
        self._progress = progress
        self._pictures = sorted(path for path in photos.iterdir() if path.suffix.lower() in _JPEG) if photos else []
        self._drawn = 0
        self._left_before: set[str] = set()
        self.handhelds: dict[str, Handheld] = {}
        self.reviewer: Reviewer | None = None

    def close(self) -> None:
        for handheld in self.handhelds.values():
            handheld.close()
        if self.reviewer is not None:
            self.reviewer.close()

    def granted(self, handheld: Handheld, call: str, **arguments: Any) -> None:
        """Ask until it is granted; a server that is away for a moment is asked again."""
        until = time.monotonic() + SYNC_DEADLINE_S
        while True:
            answer = handheld.call(call, **arguments)
            if answer["verdict"] == "ok":
                return
            expect(answer["verdict"] == "later" and time.monotonic() < until, f"{handheld.name}: {call}: {answer}")
            time.sleep(min(max(answer["wait_s"], 0.2), 2.0))

    def unsent(self, username: str) -> list[dict[str, Any]]:
        """What this run has left in a terminal's queue; an earlier run that was stopped is not its matter."""
        queue: list[dict[str, Any]] = self.handhelds[username].call("queue")
        return [one for one in queue if one["id"] not in self._left_before]

    def take(self, officer: Handheld, case: str, role: str, position: dict[str, Any]) -> None:
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

    def sync(self, username: str) -> None:
        report = self.handhelds[username].call("sync", deadline_s=SYNC_DEADLINE_S)
        expect(report["verdict"] == "ok", f"{username} syncs: {report}")
        expect(report["matches"], f"{username} holds what the server says it should")

    def at_console(self) -> Reviewer:
        if self.reviewer is None:
            raise StepFailed("the reviewer has not signed in")
        return self.reviewer

    def case_row(self, case: str) -> Any:
        return self.stage.read(
            lambda session: session.execute(sa.select(*Case.__table__.columns).where(Case.id == case)).one()
        )

    def is_verified(self, evidence: str) -> bool:
        query = sa.select(Evidence.bytes).where(Evidence.id == evidence)
        return self.stage.read(lambda session: session.scalar(query)) == "verified"

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + DELIVERY_DEADLINE_S
        while not condition():
            expect(time.monotonic() < until and not self.stage.supervisor.stopping.is_set(), f"in time: {what}")
            time.sleep(0.2)


class Cutter(threading.Thread):
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
