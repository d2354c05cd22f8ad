"""An application on a real database, and people with real keys to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from field_api.casework.founding import found
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from tests.integration.people import Bureau, now, running


@pytest.fixture
def bare_config(database_url: str, tmp_path: Path) -> Config:
    """The configuration of an installation whose database is empty."""
    return Config(data=tmp_path / "data", database_url=database_url)


@pytest.fixture
def config(founded_url: str, tmp_path: Path) -> Config:
    """The configuration of this test's own installation, whose database is founded."""
    return Config(data=tmp_path / "data", database_url=founded_url)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """A whole application on a new database of this test's own, founded as an installation founds it."""
    with running(config) as flask_app:
        with flask_app.app_context():
            session = db.session()
            write(session, lambda: found(session, services().home, now()))
            db.session.remove()
        yield flask_app


@pytest.fixture
def bureau(app: Flask) -> Bureau:
    """Makes units, officers and terminals in the application's database."""
    return Bureau(app)
