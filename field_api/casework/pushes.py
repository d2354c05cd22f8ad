"""The way of a batch into the database, however it came: over the line, or in somebody's hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from field_api import alerts
from field_api.config import Config
from field_api.problems import Problem
from field_api.transactions import write
from sync.service.push import Prepared
from sync.store import stores

_FOREIGN = {"pointer": "/store", "code": "foreign", "message": "此库属于另一终端 · another terminal's store"}


def in_turn(session: Session, config: Config, terminal: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Commit `work`, one batch of a terminal at a time.

    Raises:
        Problem: push_in_flight, envelope_invalid, unavailable.
    """
    try:
        with stores.one_at_a_time(config.data / "locks", terminal):
            return write(session, work, at_most=config.writers_limit)
    except stores.InFlight:
        raise Problem("push_in_flight", retry_after_s=1) from None
    except stores.StoreForeign:
        raise Problem("envelope_invalid", errors=[_FOREIGN]) from None


def tell_of_clone(session: Session, prepared: Prepared, results: Sequence[dict[str, Any]], now: datetime) -> None:
    """Alert the author's supervisors to numbers that were used twice. Writes: alert."""
    reused = [one["id"] for one in results if "number_reused" in one.get("flags", ()) and not one.get("duplicate")]
    if reused:
        pusher, store = prepared.pusher, prepared.batch.store
        detail = {"terminal": pusher.terminal, "store": store, "officer": pusher.officer}
        alerts.happened(session, alerts.Finding("number_reused", store, pusher.unit, detail=detail), reused, now)
