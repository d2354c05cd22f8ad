"""A whole terminal behind one door: enrol, sign in, work offline, sync.

Everything is in its folder: `store.sqlite3`, `terminal.key`, `originals/`. Open the folder again after a
crash and go on.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reference.terminal.clock import Clock, SystemClock
from reference.terminal.control import Control
from reference.terminal.edits import Edits, author_of
from reference.terminal.errors import TerminalError
from reference.terminal.export import Export, ExportReport
from reference.terminal.hello import Hello
from reference.terminal.http import SYSTEM_CHANCE, Line, Reply, Verdict
from reference.terminal.keys import TerminalKey
from reference.terminal.numbers import Numbers
from reference.terminal.outcomes import Outcomes
from reference.terminal.photos import Photos, Progress, UploadReport
from reference.terminal.pull import Pull, PullReport
from reference.terminal.push import APP, Push, PushReport, seconds
from reference.terminal.session import Session
from reference.terminal.sets import Sets
from reference.terminal.store import Connect, Store
from reference.terminal.view import Record, View

SYNC_ATTEMPTS = 8
SYNC_ROUNDS = 1000


@dataclass(frozen=True)
class SyncReport:
    """What a sync came to. verdict: of the step that ended it, or `ok`."""

    verdict: Verdict
    code: str | None = None
    wait_s: float = 0.0
    push: PushReport | None = None
    pull: PullReport | None = None
    photos: UploadReport | None = None


@dataclass(frozen=True)
class Queued:
    """An operation without a receipt for a final outcome."""

    id: str
    number: int
    type: str
    record: str
    action: str
    at: str
    state: str
    officer: str
    result: dict[str, Any]


class Terminal:
    """One handheld. Not for use by two threads or processes at once."""

    def __init__(
        self,
        folder: Path | str,
        base_url: str,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
        new_id: Callable[[], str] | None = None,
        chance: Callable[[], float] | None = None,
        connect: Connect = sqlite3.connect,
        ledger: Path | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock or SystemClock()
        self.key = TerminalKey.load(self.folder / "terminal.key")
        self.store = Store(self.folder / "store.sqlite3", connect)
        self.line = Line(base_url, transport, chance=chance or SYSTEM_CHANCE, now=self.clock.wall)
        self.session = Session(self.store, self.line, self.key)
        self.view = View(self.store)
        self.edits = Edits(self.store, self.clock, new_id)
        self.sets = Sets(self.folder, self.session, self.clock)
        # Beside the folder: whoever copies or puts back the folder leaves the numbers where they are.
        ledger = ledger or self.folder.with_name(f"{self.folder.name}.numbers")
        self.numbers = Numbers(ledger, self.store, self.session, self.clock, self.edits.new_id, connect)
        self.numbers.open()
        self._control = Control(self.store)
        self._hello = Hello(self.store, self.session, self.clock)
        outcomes = Outcomes(self.store, self.clock, new_id)
        self._push = Push(self.store, self.line, self.session, self.clock, self.folder, outcomes)
        self._pull = Pull(self.store, self.line, self.session, outcomes)
        self._export = Export(self.store, self.session, self.key, self.clock, self._push, outcomes)
        self._photos = Photos(
            self.store, self.line, self.session, self.key, self.edits, self.clock, self.folder
        )

    def close(self) -> None:
        self.line.close()
        self.numbers.close()
        self.store.close()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enrol(self, code: str, model: str) -> Reply:
        return self.session.enrol(code, model, APP)

    def sign_in(self, username: str, password: str) -> Reply:
        return self.session.sign_in(username, password)

    def resume(self) -> Reply:
        """Renew the session from the refresh token."""
        return self.session.refresh()

    def sign_out(self) -> Reply:
        return self.session.sign_out()

    def hello(self) -> Reply:
        return self._hello.greet()

    def schema(self) -> Reply:
        return self._hello.schema()

    def create(self, type_: str, fields: dict[str, Any], record: str | None = None, **more: Any) -> str:
        """Make a record; give its id."""
        return self.edits.create(type_, fields, record, **more)

    def patch(self, record: str, fields: dict[str, Any], **more: Any) -> str:
        """Change fields; give the operation's id."""
        return self.edits.patch(record, fields, **more)

    def append(self, record: str, list_: str, element: dict[str, Any], **more: Any) -> str:
        """Add to a list; give the operation's id."""
        return self.edits.append(record, list_, element, **more)

    def append_numbered(self, record: str, kind: str, element: dict[str, Any], **more: Any) -> tuple[str, str]:
        """Add a document that bears the next number of a kind; give the operation's id and the number.

        Raises: NumbersExhaustedError, NumbersExpiredError, and what an append does; then its number is void.
        """
        number = self.numbers.next_number(kind)
        try:
            operation = self.edits.append(record, "documents", {**element, "number": number.text}, **more)
        except TerminalError:
            self.numbers.void(number, "not written")
            raise
        self.numbers.used(number)
        return operation, number.text

    def transition(self, record: str, event: str, fields: dict[str, Any] | None = None, **more: Any) -> str:
        """Let an event happen; give the operation's id."""
        return self.edits.transition(record, event, fields, **more)

    def void(self, record: str, reason: str, list_: str | None = None, element: str | None = None) -> str:
        """Void a record or a list's element; give the operation's id."""
        return self.edits.void(record, reason, list_, element)

    def discard(self, record: str) -> str:
        """Drop one's own draft; give the operation's id."""
        return self.edits.discard(record)

    def group(self) -> AbstractContextManager[str]:
        """Let the server apply the edits of a block together or not at all."""
        return self.edits.group()

    def take_photo(self, case: str, photo: Path | bytes, role: str, **more: Any) -> str:
        """Keep a photograph; give the evidence record's id. more: as `Photos.take` has it."""
        return self._photos.take(case, photo, role, **more)

    def push(self) -> PushReport:
        return self._push.run()

    def export(self, path: Path | str) -> ExportReport:
        """Write what is unsent as files that this terminal signs, for a supervisor to import."""
        return self._export.write(Path(path))

    def take_import_answer(self, document: Any) -> dict[str, str]:
        """Take in the answer to an import; give the outcomes by operation."""
        return self._export.take_answer(document)

    def pull(self) -> PullReport:
        """Pull, and repair where the checkpoint is not met."""
        report = self._pull.run()
        return self._pull.repair() if report.matches is False else report

    def upload_photos(self, progress: Progress | None = None) -> UploadReport:
        return self._photos.upload(progress)

    def purge(self) -> int:
        """Delete originals that the server holds safely; give how many."""
        return self._photos.purge()

    def sync(
        self, progress: Progress | None = None, sleep: Callable[[float], None] | None = None
    ) -> SyncReport:
        """Greet, push, pull, upload, push again; with `sleep`, wait out what passes and go on."""
        report = self._sync_once(progress)
        left = SYNC_ATTEMPTS
        for _ in range(SYNC_ROUNDS if sleep is not None else 0):
            if report.verdict is not Verdict.LATER or sleep is None or not left:
                break
            sleep(report.wait_s)
            report = self._sync_once(progress)
            # Every batch that passes is progress; only a line that brings nothing through is given up.
            left = SYNC_ATTEMPTS if report.push is not None and report.push.batches else left - 1
        return report

    def _sync_once(self, progress: Progress | None) -> SyncReport:
        hello = self.hello()
        if self._control.unconfirmed():
            return self._confirm_wipe()
        if hello.verdict is not Verdict.OK:
            # A revoked terminal's push is still received: its officer's work goes to the quarantine, and is not lost.
            push = self.push() if hello.code == "terminal_revoked" else None
            return self._ended(SyncReport(hello.verdict, hello.code, hello.wait_s, push))
        self.schema()
        if self.numbers.is_begun:
            # Before the push: a restored server is to know whose the numbers are that documents bring.
            self.numbers.tend()
        push = self.push()
        if push.verdict not in (Verdict.OK, Verdict.RESYNC):
            return self._ended(SyncReport(push.verdict, push.code, push.wait_s, push))
        pull = self.pull()
        if pull.verdict is not Verdict.OK:
            return self._ended(SyncReport(pull.verdict, pull.code, pull.wait_s, push, pull))
        photos = self.upload_photos(progress)
        last = self.push()
        last.outcomes = {**push.outcomes, **last.outcomes}
        last.batches += push.batches
        self.purge()
        worst: PushReport | UploadReport = last if last.verdict is not Verdict.OK else photos
        wait_s = max(worst.wait_s, seconds(hello.document.get("backoff_ms")))
        return self._ended(SyncReport(worst.verdict, worst.code, wait_s, last, pull, photos))

    def _ended(self, report: SyncReport) -> SyncReport:
        """Obey a wipe order that is due, and say at once that it was done."""
        unsent = self.store.count(
            "SELECT count(*) FROM operation WHERE state IN ('pending', 'retry', 'settled', 'set_aside')"
        ) + self.store.count("SELECT count(*) FROM photo WHERE state IN ('waiting', 'sent')")
        if self._control.due(everything_sent=not unsent):
            if self.numbers.is_begun:
                self.numbers.give_back()
            self._wipe()
            self._confirm_wipe()
        return report

    def _confirm_wipe(self) -> SyncReport:
        """Say that the terminal is empty; once that is heard nobody is signed in on it any more."""
        report = self.push()
        if not self._control.unconfirmed():
            self.session.forget()
        return SyncReport(report.verdict, report.code, report.wait_s, report)

    def _wipe(self) -> None:
        """Empty the terminal; files first, so that a crash in between leaves the order standing."""
        for original in (self.folder / "originals").iterdir():
            original.unlink()
        self.sets.forget()
        with self.store.transaction():
            for table in ("operation", "batch", "receipt", "record", "loss", "notice", "photo"):
                self.store.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names
            self.store.set("cursor", None)
            self._control.done()

    def record(self, record: str) -> Record | None:
        return self.view.record(record)

    def records(self, type_: str) -> list[Record]:
        return self.view.records(type_)

    def confirmed(self) -> dict[str, tuple[str, int]]:
        """Give type and version of each record that server and terminal both have."""
        return self.view.confirmed()

    def queue(self, everybody: bool = False) -> list[Queued]:
        """List what has no final outcome under a receipt yet, oldest first.

        Of who is signed in, or was last; `everybody`: of those too who handed the terminal over before.
        """
        rows = self.store.all("SELECT * FROM operation WHERE state <> 'final' ORDER BY seq")
        names = ("id", "number", "type", "record", "action", "at", "state")
        queued = [
            Queued(
                **{name: row[name] for name in names},
                officer=author_of(row),
                result=json.loads(row["result"] or "{}"),
            )
            for row in rows
        ]
        return [one for one in queued if everybody or self._is_own(one.officer)]

    def _is_own(self, officer: str) -> bool:
        signed_in = self.store.get("officer")
        return signed_in is None or officer == signed_in["id"]

    def requeue(self, operation: str) -> bool:
        """Let an operation that was set aside be sent again."""
        return bool(
            self.store.execute(
                "UPDATE operation SET state = 'pending' WHERE id = ? AND state = 'set_aside'", operation
            )
        )

    def losses(self) -> list[dict[str, Any]]:
        """List values of the officer's that did not stand, with those that do."""
        return [
            {**dict(row), "mine": json.loads(row["mine"]), "standing": json.loads(row["standing"])}
            for row in self.store.all("SELECT * FROM loss ORDER BY seq")
            if self._wrote(row["operation"])
        ]

    def _wrote(self, operation: str) -> bool:
        row = self.store.one("SELECT payload FROM operation WHERE id = ?", operation)
        return row is None or self._is_own(author_of(row))

    def notices(self) -> list[dict[str, Any]]:
        """List what the officer should be told."""
        return [
            {**dict(row), "detail": json.loads(row["detail"])}
            for row in self.store.all("SELECT * FROM notice ORDER BY seq")
        ]
