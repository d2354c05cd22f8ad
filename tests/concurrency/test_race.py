"""Sixteen sends of one operation at once, by the real server: sixteen answers that are one, and one effect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from field_api.config import Config
from field_api.extensions import db
from sync.store.tables import OperationRow
from tests.integration.field import Terminal
from tests.integration.people import Bureau, Handheld, running
from tests.support.http_client import HttpClient
from tests.support.lives import Lives

SENDS = 16


@pytest.fixture
def crew(config: Config, tmp_path: Path) -> Iterator[list[Terminal]]:
    """Sixteen terminals, each on a line of its own to one real server."""
    with running(config) as app:
        bureau = Bureau(app)
        officers = [bureau.officer(f"crew{index}") for index in range(SENDS)]
        codes = [bureau.code() for _ in range(SENDS)]
    with Lives(config, tmp_path) as lives, ExitStack() as lines:
        lives.start()
        made = []
        for index, officer in enumerate(officers):
            handheld = Handheld(lines.enter_context(closing(HttpClient(lives.url))))
            assert handheld.enrol(codes[index]).status_code == 201
            handheld.sign_in(f"crew{index}")
            made.append(Terminal(handheld, officer))
        yield made


def _at_once(crew: list[Terminal], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Send one operation from every terminal, all of them ready before the first goes."""
    barrier = threading.Barrier(len(crew))

    def send(own: Terminal) -> dict[str, Any]:
        barrier.wait(30)
        [result] = own.send(operation)
        return result

    with ThreadPoolExecutor(len(crew)) as pool:
        return list(pool.map(send, crew))


def test_sixteen_sends_give_one_answer_and_one_effect(crew: list[Terminal], config: Config) -> None:
    """Equal but for `duplicate`; one send is told that it was the first; the record counts it once."""
    first = crew[0]
    case = first.create("case")
    note = first.append("case", case["record"], "notes", text="once")
    patch = first.patch("case", case["record"], {"operation": note["id"]}, description="once")
    for version, operation in enumerate((case, note, patch), 1):
        answers = _at_once(crew, operation)
        bare = [{key: value for key, value in one.items() if key != "duplicate"} for one in answers]
        assert bare == [{"id": operation["id"], "outcome": "applied", "version": version}] * SENDS
        assert sum("duplicate" not in one for one in answers) == 1
    first.pull()
    assert first.version(case["record"]) == 3
    assert len(first.body(case["record"])["notes"]) == 1
    with running(config, create=False) as app, app.app_context():
        for operation in (case, note, patch):
            assert db.session.scalar(sa.select(sa.func.count()).where(OperationRow.id == operation["id"])) == 1
