"""The relay raises what it finds, and several of them raise it once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.alerts import Alert
from field_api.auth.tables import Terminal as TerminalRow
from sync.store import stores
from sync.store.ids import new_id
from tests.integration.people import now
from tests.support.station import PATIENCE_S, Station, station
from tests.support.waiting import wait_until
from worker import watch


@pytest.fixture
def lone(founded_url: str, tmp_path: Path, valkey_url: str) -> Iterator[Station]:
    """An installation without a centre."""
    with station(founded_url, tmp_path / "data", valkey_url, None) as made:
        yield made


def silent_terminal(session: Session) -> str:
    """A terminal that told of unsent work two days ago."""
    row = TerminalRow(id=new_id(), number=9, terminal_no="t9", public_key="A" * 43, model="演示机", app_version="1")
    session.add(row)
    session.flush()
    store = stores.load(session, new_id(), row.id, now() - timedelta(days=2))
    stores.save(session, store | {"health": {"pending": 3}})
    return row.id


def alerts(lone: Station) -> list[Any]:
    query = sa.select(Alert.kind, Alert.subject, Alert.count, Alert.cleared_at)
    return list(lone.change(lambda session: session.execute(query).all()))


def test_the_relay_raises_what_stands_and_logs_it(lone: Station) -> None:
    """Nobody has asked: the relay looks by itself, and warns in its log under the alert's kind and subject."""
    terminal = lone.change(silent_terminal)
    lone.start("relay")
    wait_until(lambda: bool(alerts(lone)), "an alert", PATIENCE_S)
    assert alerts(lone) == [("terminal_silent", terminal, 3, None)]

    def told() -> list[Any]:
        return [one for one in lone.log("relay") if one["event"] == "an alert was raised"]

    wait_until(lambda: bool(told()), "a warning", PATIENCE_S)
    assert [(one["level"], one["kind"], one["subject"]) for one in told()] == [
        ("warning", "terminal_silent", terminal)
    ]


def test_those_who_look_at_once_raise_it_once(lone: Station) -> None:
    """Several relays beside each other take turns: one alert, none of them fails."""
    terminal = lone.change(silent_terminal)
    start = threading.Barrier(4)

    def look() -> None:
        start.wait()
        lone.change(lambda session: watch.look(session, 86_400.0, now()))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(look) for _ in range(4)]:
            one.result()
    assert alerts(lone) == [("terminal_silent", terminal, 3, None)]
