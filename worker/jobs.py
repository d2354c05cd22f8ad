"""What RQ runs: the two kinds of outbox rows, each under its request's id.

A job is only a wake-up. Redis may lose it, repeat it, or run it years later: the row says what is to be done,
whether it is due, and whose turn it is.
"""

from __future__ import annotations

import functools
import os

import structlog
from flask import Flask

from field_api import observe
from field_api.app import create_app
from field_api.config import Config
from field_api.extensions import db, services
from worker import copies, parcels
from worker.centre import CentreClient

_log = structlog.get_logger("fieldpost.worker")


@functools.cache
def application() -> Flask:
    """This process's application, as the environment describes it; opens no connection yet."""
    return create_app(Config.from_env(os.environ), nudges=False)


def deliver(row: str, request_id: str) -> None:
    """Send one version of a case to the centre.

    Running twice is safe: only one claims the row; should its lease end while it still works, both send the
    same under one key, which the centre counts once, and only the later claim's end is written down.
    """
    observe.name_request(request_id)
    try:
        run_delivery(application(), row)
    finally:
        structlog.contextvars.clear_contextvars()


def derive(row: str, request_id: str) -> None:
    """Make the thumbnail and the review copy of one photo.

    Running twice is safe: the original is only read, and the same copies are put in place of the same.
    """
    observe.name_request(request_id)
    try:
        run_derivation(application(), row)
    finally:
        structlog.contextvars.clear_contextvars()


def run_delivery(app: Flask, row: str) -> None:
    """Deliver with a given application."""
    with app.app_context():
        held = services()
        client = centre_of(held.config)
        if client is None:
            return
        with client:
            parcels.Carrier(db.session(), held.home, held.config, held.blobs, client).carry(row)


def run_derivation(app: Flask, row: str) -> None:
    """Derive with a given application."""
    with app.app_context():
        held = services()
        copies.make(db.session(), held.config, held.blobs, row)


def centre_of(config: Config) -> CentreClient | None:
    """A client of the centre; None when none is configured, or only one that could never be spoken to."""
    if config.centre_url is None:
        return None
    try:
        return CentreClient(config.centre_url, config.centre_token, config.centre_timeout_s)
    except ValueError as error:
        # A wrong setting must not use up every row's attempts: they wait as if there were no centre.
        _log.error("the centre's settings cannot work; deliveries wait", reason=str(error))
        return None
