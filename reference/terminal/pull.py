"""Read what changed on the server, page by page, each page and its cursor in one transaction."""

from dataclasses import dataclass
from typing import Any

from reference.terminal.held import Held, drop_cursor
from reference.terminal.http import BASE, Line, Reply, Verdict
from reference.terminal.outcomes import Outcomes, is_version
from reference.terminal.session import Session
from reference.terminal.store import Store
from reference.terminal.view import View, bucket, checkpoint

LANES = ["reference", "records"]
PAGE = 1000


@dataclass
class PullReport:
    """What a pull came to. matches: whether the checkpoint was met; None where none was reached."""

    verdict: Verdict = Verdict.OK
    code: str | None = None
    wait_s: float = 0.0
    pages: int = 0
    changed: int = 0
    matches: bool | None = None


class Pull:
    """The way in."""

    def __init__(self, store: Store, line: Line, session: Session, outcomes: Outcomes) -> None:
        self._store = store
        self._line = line
        self._session = session
        self._outcomes = outcomes
        self._held = Held(store)

    def run(self) -> PullReport:
        """Pull until there is no more; a cursor that the server won't take is dropped once."""
        report = PullReport()
        limit, dropped = PAGE, False
        while True:
            asked = self._store.get("cursor")
            body = {"cursor": asked, "limit": limit, "lanes": LANES}
            reply = self._page(self._session.send_json("POST", f"{BASE}/sync/pull", body), asked, report)
            if reply.verdict is Verdict.SPLIT and limit > 1:
                limit //= 2
                continue
            if reply.verdict is Verdict.RESYNC and not dropped:
                drop_cursor(self._store)
                dropped = True
                continue
            report.verdict, report.code, report.wait_s = reply.verdict, reply.code, reply.wait_s
            if reply.verdict is not Verdict.OK:
                return report
            if not reply.document["more"]:
                report.matches = self._meets(reply.document.get("checkpoint"))
                return report

    def repair(self) -> PullReport:
        """Compare sums by bucket, and take the buckets that differ afresh.

        Each page is kept with its cursor: where a repair breaks off, the next pull goes on with it.
        """
        report = PullReport()
        sums = self._sums()
        while True:
            asked = self._store.get("cursor")
            body = {"cursor": asked, "buckets": sums}
            reply = self._session.send_json("POST", f"{BASE}/sync/repair", body)
            if reply.verdict is Verdict.OK and not _is_page(reply.document):
                reply = self._line.later(reply.status, code="answer_invalid")
            if reply.verdict is Verdict.RESYNC:
                drop_cursor(self._store)
            report.verdict, report.code, report.wait_s = reply.verdict, reply.code, reply.wait_s
            if reply.verdict is not Verdict.OK:
                return report
            page = reply.document
            report.changed += self._commit(page)
            report.pages += 1
            if not page["more"]:
                report.matches = self._meets(page.get("checkpoint"))
                return report
            if page["cursor"] == asked:
                report.verdict, report.code = Verdict.LATER, "answer_invalid"
                return report

    def apply_page(self, asked: str | None, page: dict[str, Any]) -> int:
        """Commit one page with its cursor; give the number of records changed.

        asked: the cursor that it answers. A page that answers any but the present cursor, repeated or
        late, changes nothing. Raises: ValueError, when it is no page.
        """
        if not _is_page(page):
            raise ValueError("no page")
        with self._store.transaction():
            return self._commit(page) if self._store.get("cursor") == asked else 0

    def _commit(self, page: dict[str, Any]) -> int:
        """Keep a page with its cursor, all or nothing."""
        with self._store.transaction():
            self._held.mark(page.get("replaced"))
            changed = self._take(page)
            self._outcomes.settled(page.get("settled"))
            self._store.set("cursor", page["cursor"])
            if not page["more"]:
                self._held.sweep()
        return changed

    def _page(self, reply: Reply, asked: str | None, report: PullReport) -> Reply:
        if reply.verdict is not Verdict.OK:
            return reply
        try:
            report.changed += self.apply_page(asked, reply.document)
        except ValueError:
            return self._line.later(reply.status, code="answer_invalid")
        report.pages += 1
        if reply.document["more"] and reply.document["cursor"] == asked:
            return self._line.later(reply.status, code="answer_invalid")
        return reply

    def _take(self, page: dict[str, Any]) -> int:
        return sum(self._held.change(change) for change in page["changes"])

    def _sums(self) -> list[str]:
        known = View(self._store).confirmed()
        parts: list[dict[str, tuple[str, int]]] = [{} for _ in range(256)]
        for record, named in known.items():
            parts[bucket(record)][record] = named
        return [checkpoint(part.items())[1] for part in parts]

    def _meets(self, promised: Any) -> bool | None:
        """Compare what is held with the server's checkpoint."""
        if not isinstance(promised, dict):
            return None
        count, total = checkpoint(View(self._store).confirmed().items())
        return bool((promised.get("count"), promised.get("sum")) == (count, total))


def _is_page(page: dict[str, Any]) -> bool:
    changes = page.get("changes")
    return (
        isinstance(changes, list)
        and isinstance(page.get("cursor"), str)
        and isinstance(page.get("more"), bool)
        and all(_is_change(change) for change in changes)
    )


def _is_change(change: Any) -> bool:
    if not isinstance(change, dict) or not isinstance(change.get("record"), str):
        return False
    if change.get("action") not in ("put", "void"):
        # An eviction needs no more; what a newer server means by another action is passed over.
        return isinstance(change.get("action"), str)
    versioned = isinstance(change.get("type"), str) and is_version(change.get("version"))
    return versioned and (change["action"] == "void" or isinstance(change.get("body"), dict))
