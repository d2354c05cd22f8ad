"""An application on a real database, and people with real keys to use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from field_api.config import Config
from tests.integration.people import Bureau, running


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    """The configuration of this test's own installation."""
    return Config(data=tmp_path / "data", database_url=database_url)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """A whole application on an empty database of this test's own."""
    with running(config) as flask_app:
        yield flask_app


@pytest.fixture
def bureau(app: Flask) -> Bureau:
    """Makes units, officers and terminals in the application's database."""
    return Bureau(app)
