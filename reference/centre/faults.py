"""Fail as told: what a centre does on its bad days, one request at a time."""

import math
import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

from reference.centre.refusals import Refusal

PATHS = ("cases", "evidence")
MAX_FAULTS = 100
MAX_DELAY_S = 300.0


@dataclass
class Fault:
    """Describe one kind of failure and how often it is still to happen (times None: until cleared)."""

    path: str = "cases"
    method: str | None = None
    case: str | None = None
    times: int | None = 1
    status: int | None = None
    retry_after: str | None = None
    html: bool = False
    delay_s: float = 0.0
    lose_answer: bool = False
    refuse: dict[str, str] | None = None

    def matches(self, path: str, method: str, case: str | None) -> bool:
        """Tell whether a request is one of those meant."""
        return self.path == path and self.method in (None, method) and self.case in (None, case)


class Faults:
    """Hold the failures ordered, first told first; safe between threads; gone with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, told: dict[str, Any]) -> None:
        """Take a failure to come.

        Raises: Refusal (422) when it can't be understood.
        """
        fault = _read(told)
        with self._lock:
            if len(self._faults) >= MAX_FAULTS:
                raise Refusal(422, "fault_invalid", f"at most {MAX_FAULTS} faults wait at a time")
            self._faults.append(fault)

    def take(self, path: str, method: str, case: str | None = None) -> Fault:
        """Give the failure for this request and count it off; a fault without effect when there is none."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(path, method, case):
                    self._count(fault)
                    return fault
        return Fault()

    def clear(self) -> None:
        """Fail no more."""
        with self._lock:
            self._faults.clear()

    def waiting(self) -> list[dict[str, Any]]:
        """List the failures still to come."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def _count(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times == 0:
            self._faults.remove(fault)


def _read(told: dict[str, Any]) -> Fault:
    unknown = sorted(set(told) - {field.name for field in fields(Fault)})
    if unknown:
        raise Refusal(422, "fault_invalid", f"unknown fields: {', '.join(unknown)[:200]}")
    fault = Fault(**told)
    checks = {
        "path": fault.path in PATHS,
        "method": fault.method in (None, "POST", "PUT", "HEAD"),
        "case": fault.case is None or isinstance(fault.case, str),
        "times": fault.times is None or _is_whole(fault.times, 1, 10_000),
        "status": fault.status is None or _is_whole(fault.status, 200, 599),
        "retry_after": fault.retry_after is None or _is_header(fault.retry_after),
        "html": isinstance(fault.html, bool),
        "delay_s": _is_delay(fault.delay_s),
        "lose_answer": isinstance(fault.lose_answer, bool),
        "refuse": fault.refuse is None or _is_refusal(fault.refuse),
    }
    wrong = [field for field, is_good in checks.items() if not is_good]
    if wrong:
        raise Refusal(422, "fault_invalid", f"not understood: {', '.join(wrong)}")
    return fault


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_delay(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= MAX_DELAY_S


def _is_header(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 100 and value.isascii() and value.isprintable()


def _is_refusal(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"code", "message"}:
        return False
    return all(isinstance(text, str) for text in value.values())
