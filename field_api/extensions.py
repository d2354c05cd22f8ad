"""What the application holds beside its routes: the database, and the services made once at its start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore

from flask import current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState

from field_api.auth.keys import Keys
from field_api.config import Config
from field_api.metrics import Metrics
from field_api.nudges import Nudges
from media.blobs import Blobs
from media.uploads import Uploads
from sync.service.home import Home
from sync.store.base import Base

db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """What an application holds beside its database, made once.

    upload_lines: how many requests of this process may wait for a photo's bytes at once. nudges: None where
    no relay is to be told. now: the server's clock.
    """

    config: Config
    keys: Keys
    metrics: Metrics
    home: Home
    blobs: Blobs
    uploads: Uploads
    upload_lines: BoundedSemaphore
    nudges: Nudges | None
    now: Callable[[], datetime] = utc_now


def services() -> Services:
    """The running application's services."""
    held: Services = current_app.extensions["fieldpost"]
    return held


@event.listens_for(db.session, "do_orm_execute")
def _nudge(state: ORMExecuteState) -> None:
    nudges = services().nudges if has_app_context() else None
    if nudges is not None:
        nudges.follow(state)
