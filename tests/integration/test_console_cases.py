"""The console's list of cases and its page of one case, on both databases."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.browser.world import World
from tests.integration.people import PASSWORD, Bureau, Console


@pytest.fixture
def world(bureau: Bureau) -> World:
    return World(bureau)


@pytest.fixture
def supervisor(bureau: Bureau) -> Console:
    return bureau.console("shenhe", "supervisor")


def get(client: FlaskClient, path: str, language: str = "zh-CN") -> str:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/html"
    return answer.text


def test_a_supervisor_signs_in_reads_and_signs_out(bureau: Bureau, world: World) -> None:
    """The form's cookie opens the pages, and signing out closes them."""
    bureau.officer("shenhe", "supervisor")
    client = bureau.app.test_client()
    answer = client.get("/console/cases/0192f5a4-0000-7000-8000-000000000000")
    assert answer.status_code == 303
    assert answer.location.startswith("/console/login?next=/console/cases/")
    answer = client.post("/console/login", data={"username": "shenhe", "password": PASSWORD, "next": "/console/delivery"})
    assert (answer.status_code, answer.location) == (303, "/console/delivery")
    token = re.search(r'name="csrf_token" value="([^"]+)"', get(client, "/console/"))
    answer = client.post("/console/logout", data={"csrf_token": token[1]})
    assert answer.status_code == 303
    assert client.get("/console/").status_code == 303


def test_a_case_is_listed_and_shown_whole(world: World, supervisor: Console) -> None:
    case, photos = world.closed_case(photos=2)
    listed = get(supervisor.client, "/console/")
    assert f"/console/cases/{case}" in listed
    shown = get(supervisor.client, f"/console/cases/{case}")
    for photo in photos:
        assert f'id="photo-{photo}"' in shown
