"""A bureau with something to look at: cases, photos with real bytes and signatures, conflicts, deliveries.

Everything goes through the doors that the server has; all people and places are 演示数据.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from demo.pictures import make_photo
from field_api import alerts
from field_api.alerts import Finding
from field_api.auth import officers
from field_api.auth.identity import Identity
from field_api.casework import delivery, evidence, review, server
from field_api.casework.enums import label
from field_api.casework.founding import found
from field_api.casework.review import Verdict
from field_api.console.show import CHINA
from field_api.extensions import services
from media import image
from media.blobs import FileBlobs
from media.tables import Blob
from sync.engine.values import Author, Operation
from sync.service.received import Received, own_operation
from sync.service.workspace import Workspace
from sync.store import outbox, stores
from sync.store.ids import new_id
from sync.store.operations import canonical
from sync.store.outbox import OutboxRow
from tests.integration.people import UNIT, Bureau, Handheld, now
from worker import watch

FIRST = datetime(2026, 11, 22, 9, 30, tzinfo=CHINA)
TO_CLOSED = ("register", "investigate", "advise", "close")
DESCRIPTION = "演示数据：人行道上摆放水果摊位，占用盲道约三米，当事人在场"


class World:
    """What tests and pictures need of an installation; `officer` works in unit u1, `other` beside him."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.at = FIRST
        bureau.change(lambda session: found(session, services().home, now()))
        bureau.change(lambda session: officers.add_unit(session, "u2", "演示二中队"))
        bureau.change(lambda session: officers.add_unit(session, "traffic", "演示交警中队"))
        self.handheld: Handheld = bureau.handheld()
        self.officer = self.author("officer1", "officer")
        self.other = self.author("officer2", "officer")

    def author(self, username: str, *roles: str, unit: str = "u1", **options: Any) -> Author:
        """A new officer, as the author of operations."""
        person = self.bureau.officer(username, *roles, unit=unit, **options)
        return Author(person, frozenset(roles), unit, f"store-{username}", self.handheld.id)

    def as_officer(self, person: str) -> Author:
        """Somebody who is known already, at work in the field."""
        return Author(person, frozenset({"officer"}), "u1", f"store-{person}", self.handheld.id)

    def tick(self, **step: float) -> datetime:
        """The next moment of the story."""
        self.at += timedelta(**(step or {"minutes": 3}))
        return self.at

    def apply(self, *operations: Operation, scope: frozenset[str] | None = None) -> list[dict[str, Any]]:
        def work(session: Session) -> list[dict[str, Any]]:
            received = [self._received(one, scope) for one in operations]
            return Workspace(session, services().home, now()).apply(received)

        return self.bureau.change(work)

    def _received(self, operation: Operation, scope: frozenset[str] | None) -> Received:
        return replace(own_operation(operation), scope=scope)

    def operation(self, author: Author, action: str, kind: str, record: str, **parts: Any) -> Operation:
        parts.setdefault("at", server.moment(self.tick()))
        return Operation(new_id(), action, kind, record, author, **parts)

    def create(self, kind: str, values: Mapping[str, Any], author: Author | None = None) -> str:
        """A new record; returns its id."""
        record = new_id()
        [result] = self.apply(self.operation(author or self.officer, "create", kind, record, set=dict(values)))
        assert result["outcome"] == "applied", result
        return record

    def case(self, author: Author | None = None, **values: Any) -> str:
        given = {
            "category": "0406",
            "description": DESCRIPTION,
            "address": "演示数据：示范路 18 号门前",
            "occurred_at": server.moment(self.at),
            "source": "patrol",
            "position": {"lng": 103.84851, "lat": 30.0756, "coord_sys": "gcj02", "accuracy_m": 8},
        }
        return self.create("case", given | values, author)

    def step(self, case: str, *events: str, author: Author | None = None) -> None:
        """Move a case on."""
        for event in events:
            base = self.version(case)
            one = self.operation(author or self.officer, "transition", "case", case, event=event, base=base)
            [result] = self.apply(one)
            assert result["outcome"] == "applied", result

    def append(self, case: str, name: str, author: Author | None = None, kind: str = "case", **parts: Any) -> None:
        item = {"id": new_id(), "at": server.moment(self.tick()), **parts}
        [result] = self.apply(self.operation(author or self.officer, "append", kind, case, list=name, item=item))
        assert result["outcome"] == "applied", result

    def void(self, record: str, author: Author, kind: str = "case", reason: str = "演示", **parts: Any) -> None:
        """Void a record, or one element of its lists."""
        base = self.version(record)
        [result] = self.apply(self.operation(author, "void", kind, record, base=base, reason=reason, **parts))
        assert result["outcome"] == "applied", result

    def version(self, record: str) -> int:
        return self.bureau.change(
            lambda session: Workspace(session, services().home, now()).look_at(record).version
        )

    def photo(
        self,
        case: str,
        role: str = "far",
        *,
        seed: int = 1,
        arrives: bool = True,
        derived: bool = True,
        authentic: bool = True,
        size: tuple[int, int] = (800, 600),
        author: Author | None = None,
    ) -> str:
        """A photo with its record; `arrives`: its bytes too; `derived`: its copies are made."""
        author, taken = author or self.officer, self.tick(seconds=40)
        place = {"lng": 103.8485, "lat": 30.0756}
        word = label("evidence_role", role, "zh")
        content = make_photo(None, label=word, taken_at=taken, **place, seed=seed, size=size)
        values = {
            "case": case,
            "role": role,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "media_type": "image/jpeg",
            "captured_at": server.moment(taken),
            "position": {"lng": 103.84851, "lat": 30.0756, "coord_sys": "wgs84", "accuracy_m": 6},
            "terminal": self.handheld.id,
            "officer": author.officer,
        }
        message = canonical(values) if authentic else b"something else"
        record = self.create("evidence", values | {"signature": self.handheld.sign("evidence", message)}, author)
        if arrives:
            self._store(content, values["sha256"], derived=derived)
        return record

    def _store(self, content: bytes, sha256: str, *, derived: bool) -> None:
        with self.bureau.app.app_context():
            data = services().config.data
        blobs = FileBlobs(data / "blobs")
        with tempfile.NamedTemporaryFile(dir=data, delete=False) as file:
            file.write(content)
        blobs.put(Path(file.name), sha256, len(content))
        path = blobs.path(sha256)
        if derived:
            blobs.put_derived(sha256, "thumbnail.jpg", image.thumbnail(path))
            blobs.put_derived(sha256, "review.jpg", image.review_copy(path, ["演示数据", sha256[:16]]))
        facts = image.inspect(path).as_dict()

        def work(session: Session) -> None:
            held = Blob(sha256=sha256, size=len(content), media_type="image/jpeg", stored_at=now(), facts=facts)
            session.merge(held)
            session.flush()
            evidence.arrived(session, services().home, sha256, len(content), now())

        self.bureau.change(work)

    def closed_case(self, photos: int = 3, **values: Any) -> tuple[str, list[str]]:
        """A case under review, with its photos."""
        case = self.case(**values)
        roles = ("far", "near", "reference", "handle_before", "handle_after", "document")
        taken = [self.photo(case, roles[place % len(roles)], seed=self.at.minute + place) for place in range(photos)]
        self.append(case, "timeline", step="ids_shown", note="演示数据：出示执法证")
        self.append(case, "timeline", step="persuade")
        self.step(case, *TO_CLOSED)
        return case, taken

    def conflict(self, case: str, field: str = "description", first: Any = None, second: Any = None) -> str:
        """Two officers change one field from the same version; returns the conflict's id."""
        base = self.version(case)
        first = first or DESCRIPTION.replace("三米", "五米").replace("水果", "蔬菜")
        second = second or DESCRIPTION.replace("盲道", "人行道")
        one = self.operation(self.officer, "patch", "case", case, base=base, set={field: first})
        two = self.operation(self.other, "patch", "case", case, base=base, set={field: second})
        self.apply(one)
        [result] = self.apply(two)
        return str(result["conflicts"][0]["id"])

    def judge(self, case: str, photos: list[str], supervisor: Author) -> None:
        """Pass the photos and the case, which makes it ready for the centre."""
        units = frozenset({supervisor.unit})
        identity = Identity(supervisor.officer, "", "", supervisor.roles, supervisor.unit, units, frozenset())

        def work(session: Session) -> None:
            home = services().home
            for photo in photos:
                review.review_evidence(session, home, photo, Verdict(new_id(), "passed", ""), identity, now())
            review.review_case(session, home, case, Verdict(new_id(), "passed", ""), identity, now())

        self.bureau.change(work)

    def deliver(self, case: str, end: str, words: str = "") -> str:
        """Bring a passed case's delivery to an end: held, refused, or delivered with a task number."""

        def work(session: Session) -> str:
            query = sa.select(OutboxRow.id).where(OutboxRow.subject == case, OutboxRow.kind == delivery.KIND)
            row_id = session.scalars(query.order_by(OutboxRow.version.desc())).first()
            row = outbox.claim(session, row_id, now(), 60)
            assert row is not None
            home = services().home
            if end == "held":
                delivery.failed(session, home, row, words, now(), pause_s=1, attempts=1)
            elif end == "refused":
                delivery.refused(session, home, row, words, now())
            else:
                delivery.delivered(session, home, row, words, now())
            return str(row_id)

        return self.bureau.change(work)

    def quarantined(self) -> str:
        """An operation that could not be applied."""
        case = self.case()
        broken = self.operation(self.officer, "patch", "case", case, base=1, set={"priority_hint": -5})
        [result] = self.apply(broken)
        assert result["outcome"] == "quarantined", result
        return broken.id

    def parked(self, behind: str) -> None:
        """An edit of a case that has not come for more than a day, and one that comes after `behind`."""
        lone = self.operation(self.officer, "patch", "case", new_id(), base=1, set={"description": DESCRIPTION})
        case = self.case()
        after = self.operation(self.other, "patch", "case", case, base=1, set={"description": DESCRIPTION})
        long_ago = now() - timedelta(hours=30)

        def work(session: Session) -> None:
            home = services().home
            Workspace(session, home, long_ago).apply([self._received(lone, None)])
            Workspace(session, home, now()).apply([replace(self._received(after, None), after=(behind,))])

        self.bureau.change(work)

    def alerted(self) -> None:
        """What the relay finds in all of this, and a number that came twice."""

        def work(session: Session) -> None:
            watch.look(session, 86_400.0, now())
            finding = Finding("number_reused", new_id(), UNIT, detail={"officer": self.officer.officer})
            alerts.happened(session, finding, [new_id()], now())

        self.bureau.change(work)

    def reported(self, username: str, *, hours: float, clock_offset_ms: int = 0, **health: Any) -> None:
        """A terminal that somebody signed in on, as it told of itself at a push some hours ago."""
        handheld = self.bureau.handheld()
        handheld.sign_in(username)

        def work(session: Session) -> None:
            row = stores.load(session, new_id(), handheld.id, now() - timedelta(hours=hours))
            stores.save(session, row | {"numbers": [[1, 4], [7, 9]], "health": health,
                                        "clock_offset_ms": clock_offset_ms})

        self.bureau.change(work)
