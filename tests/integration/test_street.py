"""A summary case on the reference terminal with no network, and what the server makes of it a day later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.casework import reference, staff, violations
from field_api.casework.clock_tables import Deadline
from field_api.casework.defects import Defect
from field_api.casework.law.calendar import end_of_day
from reference.terminal import Terminal, Verdict
from reference.terminal.street import LawRefusedError, Refusal, Street, StreetError
from sync.store.tables import RecordRow
from tests.integration.people import Bureau, now
from tests.support.handset import Handset
from tests.unit.pictures import jpeg

KIND = "D07.city_bureau"
PARTY = {"kind": "citizen", "name": "演示当事人", "id_type": "id_card", "id_no": "11010519491231002X"}
AUTHORITY = '[city]\nname = "演示市城市管理行政执法局"\nreview = "演示市人民政府"\ncourt = "演示区人民法院"\n'


class DayClock:
    """A clock a day behind, which moves on a minute with every look: all on the street was yesterday."""

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
        self.bureau, self.clock = bureau, DayClock()
        self.officers = [bureau.officer("officer1"), bureau.officer("officer2")]
        self.handset = Handset(bureau, folder)
        self.terminal = self.reopen()
        bureau.change(self._publish)
        self.handset.sign_in("officer1")
        assert self.terminal.numbers.keep(KIND).verdict is Verdict.OK
        assert self.terminal.sync().verdict is Verdict.OK
        self.handset.line.plan("", *["lost_request"] * 100)

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
        street.take_photo(jpeg(), "near")
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
