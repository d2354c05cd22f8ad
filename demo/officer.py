"""One officer's handheld as a process of its own: it does what it is told on stdin, one JSON line at a time.

It uses the reference client library and nothing of the server: what it knows it knows from its own store.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reference.terminal.clock import SystemClock
from reference.terminal.street import LawRefusedError, Street
from reference.terminal.terminal import Terminal


class ShiftedClock(SystemClock):
    """A clock that somebody set wrong; the steady one underneath cannot be."""

    def __init__(self, ahead_s: float) -> None:
        super().__init__()
        self._ahead = timedelta(seconds=ahead_s)
        if ahead_s < 0:
            # A virtual day of its own: its steady clock is none that goes on into the real one.
            self.boot = f"{self.boot}-before"

    def wall(self) -> datetime:
        return super().wall() + self._ahead


class Officer:
    """The calls that the director may make."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def enrolled(self) -> bool:
        return self.terminal.store.get("terminal_id") is not None

    def enrol(self, code: str, model: str) -> dict[str, Any]:
        return _reply(self.terminal.enrol(code, model))

    def sign_in(self, username: str, password: str) -> dict[str, Any]:
        return _reply(self.terminal.sign_in(username, password))

    def now(self) -> str:
        return self.terminal.clock.wall().isoformat(timespec="milliseconds")

    def create(self, kind: str, values: dict[str, Any]) -> str:
        return self.terminal.create(kind, values)

    def patch(self, record: str, values: dict[str, Any]) -> str:
        return self.terminal.patch(record, values)

    def append(self, record: str, name: str, element: dict[str, Any]) -> str:
        return self.terminal.append(record, name, {"at": self.now(), **element})

    def transition(self, record: str, event: str) -> str:
        return self.terminal.transition(record, event)

    def take_photo(self, case: str, role: str, photo: str, position: dict[str, Any]) -> str:
        content = Path(photo).read_bytes()
        return self.terminal.take_photo(case, content, role, position=position)

    def resume(self) -> dict[str, Any]:
        return _reply(self.terminal.resume())

    def keep_numbers(self, kind: str) -> dict[str, Any]:
        return _reply(self.terminal.numbers.keep(kind))

    def numbers_left(self, kind: str) -> int:
        return self.terminal.numbers.left(kind)

    def stop(self, **fields: Any) -> str:
        """Begin a summary case."""
        return Street.open(self.terminal, **fields).case

    def street(self, case: str, step: str, arguments: dict[str, Any]) -> Any:
        """One step of a summary case; signatures come as text."""
        given = {name: _drawn(name, one) for name, one in arguments.items()}
        answer = getattr(Street(self.terminal, case), step)(**given)
        return [_shown(one) for one in answer] if isinstance(answer, list | tuple) else answer

    def refused(self, case: str, step: str, arguments: dict[str, Any]) -> str:
        """A step that law must forbid: why it did; empty where it did not."""
        try:
            self.street(case, step, arguments)
        except LawRefusedError as refusal:
            return str(refusal)
        return ""

    def sync_once(self) -> dict[str, Any]:
        """One sync without waiting: what a bad line makes of it is the answer."""
        report = self.terminal.sync(progress=_progress)
        return {"verdict": str(report.verdict), "code": report.code, "wait_s": report.wait_s}

    def sync(self, deadline_s: float) -> dict[str, Any]:
        """Sync until everything went through, or the deadline."""
        until = time.monotonic() + deadline_s
        while True:
            report = self.terminal.sync(progress=_progress)
            if report.verdict == "login":
                self.terminal.resume()
            elif report.verdict == "ok" and (report.photos is None or not report.photos.waiting):
                break
            if time.monotonic() > until:
                break
            time.sleep(min(max(report.wait_s, 0.2), 2.0))
        matches = report.pull.matches if report.pull else None
        return {"verdict": str(report.verdict), "code": report.code, "matches": matches}

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [asdict(record) for record in self.terminal.records(kind)]

    def record(self, record: str) -> dict[str, Any] | None:
        found = self.terminal.record(record)
        return asdict(found) if found else None

    def queue(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.terminal.queue()]

    def losses(self) -> list[dict[str, Any]]:
        return self.terminal.losses()

    def photos(self) -> dict[str, int]:
        """How many photos are in which state; an original goes only once a backup holds it too."""
        rows = self.terminal.store.all("SELECT state, count(*) AS number FROM photo GROUP BY state")
        return {row["state"]: row["number"] for row in rows}

    def confirmed(self) -> dict[str, list[Any]]:
        return {record: list(one) for record, one in self.terminal.confirmed().items()}


def _reply(reply: Any) -> dict[str, Any]:
    return {"verdict": str(reply.verdict), "code": reply.code, "wait_s": reply.wait_s}


def _drawn(name: str, value: Any) -> Any:
    """What was drawn with a finger: a text here stands for the strokes."""
    if name in ("strokes", "party"):
        return value.encode()
    if name == "officers" and isinstance(value, dict):
        return {who: one.encode() for who, one in value.items()}
    return value


def _shown(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _progress(*figures: Any) -> None:
    _say({"progress": [str(figure) for figure in figures]})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


CALLS: tuple[Callable[..., Any], ...] = (
    Officer.enrolled,
    Officer.enrol,
    Officer.sign_in,
    Officer.now,
    Officer.create,
    Officer.patch,
    Officer.append,
    Officer.transition,
    Officer.take_photo,
    Officer.resume,
    Officer.keep_numbers,
    Officer.numbers_left,
    Officer.stop,
    Officer.street,
    Officer.refused,
    Officer.sync_once,
    Officer.sync,
    Officer.records,
    Officer.record,
    Officer.queue,
    Officer.losses,
    Officer.photos,
    Officer.confirmed,
)


def main() -> int:
    """Serve calls until stdin ends: with its director a handheld ends too."""
    parser = argparse.ArgumentParser(prog="python -m demo.officer", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ahead-s", type=float, default=0.0)
    options = parser.parse_args()
    calls = {call.__name__: call for call in CALLS}
    with Terminal(options.folder, options.url, clock=ShiftedClock(options.ahead_s)) as terminal:
        officer = Officer(terminal)
        for line in sys.stdin:
            request = json.loads(line)
            try:
                _say({"result": calls[request["call"]](officer, **request["arguments"])})
            except Exception as error:  # noqa: BLE001 - the director decides what a failure means
                _say({"error": f"{type(error).__name__}: {error}"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
