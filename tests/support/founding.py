"""Databases as an installation founds them, made once in a run and copied for each test."""

from __future__ import annotations

import tempfile
from pathlib import Path

from field_api.casework.founding import found
from field_api.config import Config
from field_api.extensions import db, services
from field_api.transactions import write
from tests.integration.people import now, running


def make(url: str) -> None:
    """Create the tables and what a new installation holds, and leave no connection behind."""
    with tempfile.TemporaryDirectory(prefix="fieldpost-founding-") as folder:
        _found(Config(data=Path(folder), database_url=url))


def _found(config: Config) -> None:
    with running(config) as app, app.app_context():
        session = db.session()
        write(session, lambda: found(session, services().home, now()))
