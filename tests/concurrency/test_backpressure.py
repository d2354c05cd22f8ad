"""A writer that holds everybody up: those who come are told when to try again, and who only asks is answered."""

from __future__ import annotations

import threading
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from field_api.config import Config
from field_api.pressure import PATIENT_S, WRITERS
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau, running
from tests.support.waiting import wait_until

MOMENT = "2026-11-22T10:00:00+08:00"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    """An installation whose processes let one thread wait to write."""
    config = Config(tmp_path / "data", f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}", web_threads=2)
    with running(config) as flask_app:
        yield flask_app


def hello(own: Terminal) -> Any:
    answer = own.handheld.client.get("/api/v1/sync/hello", headers=own.handheld.bearer)
    assert answer.status_code == 200
    return answer.json


def test_a_process_whose_writers_wait_refuses_more_and_answers_who_asks(app: Flask, tmp_path: Path) -> None:
    """503 with Retry-After for a push beyond the bound; hello asks for a pause; what waited is written after all."""
    bureau = Bureau(app)
    waiting, refused = terminal(bureau, "officer1"), terminal(bureau, "officer2")
    batches = [one.create("incident", occurred_at=MOMENT) for one in (waiting, refused)]
    answers: list[Any] = []
    pushing = threading.Thread(target=lambda: answers.append(waiting.post([batches[0]])))
    with (tmp_path / "fieldpost.sqlite3-writers").open("ab") as turn:
        flock(turn, LOCK_EX)
        pushing.start()
        wait_until(lambda: WRITERS.expected_s() > PATIENT_S, "the first push waits", 60)
        answer = refused.post([batches[1]])
        assert (answer.status_code, answer.json["code"], answer.json["retry"]) == (503, "unavailable", "later")
        assert 5 <= int(answer.headers["Retry-After"]) <= 30
        assert hello(refused)["backoff_ms"] >= 5_000
    pushing.join()
    assert [one["outcome"] for one in answers[0].json["results"]] == ["applied"]
    wait_until(lambda: refused.post([batches[1]]).status_code == 200, "the second is let in", 60)
