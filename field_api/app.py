"""Wires one installation: configuration in, a WSGI application out."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from field_api import gauges, languages, observe, outgoing
from field_api.api import blueprints
from field_api.auth.keys import Keys
from field_api.casework.bureau import Bureau
from field_api.casework.law.coordinates import Box
from field_api.casework.terms import terms_of
from field_api.config import Config
from field_api.console import blueprints as console_blueprints
from field_api.console.page import is_for_people, problem_response
from field_api.extensions import Services, db, utc_now
from field_api.metrics import Metrics
from field_api.nudges import Nudges
from field_api.problems import Problem, document
from field_api.transactions import is_transient
from media.blobs import FileBlobs
from media.uploads import Limits, Uploads
from sync.store.database import prepare

THREADS_KEPT_FREE = 3
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "batch_too_large", 415: "unsupported_media"}


def create_app(config: Config, *, nudges: bool = True, now: Callable[[], datetime] = utc_now) -> Flask:
    """Build the application; opens the data folder, touches no table.

    nudges: tell the relay, where Redis is named, that something is due; the background programs need not.
    now: the server's clock; a simulation brings its own.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = Flask("field_api", static_folder=None)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(config.database_url),
        SQLALCHEMY_RECORD_QUERIES=False,
    )
    metrics = Metrics(config.data / "metrics")
    keys = Keys.open(config.data / "keys")
    home = Bureau(
        config.region,
        config.offline_ttl_s,
        keys,
        Box(*config.city_box),
        terms=terms_of(config),
        law=config.law,
        look_back_days=config.first_offence_days,
    )
    blobs = FileBlobs(config.data / "blobs")
    limits = Limits(config.upload_limit_bytes, timedelta(seconds=config.upload_ttl_s))
    uploads = Uploads(config.data / "uploads", blobs, now, limits)
    app.extensions["fieldpost"] = Services(
        config=config,
        keys=keys,
        metrics=metrics,
        home=home,
        blobs=blobs,
        uploads=uploads,
        upload_lines=_upload_lines(config),
        nudges=Nudges(config.redis_url) if nudges and config.redis_url else None,
        now=now,
    )
    observe.watch(app, metrics)
    gauges.register()
    db.init_app(app)
    with app.app_context():
        prepare(db.engine)
    app.before_request(_name_request)
    app.after_request(_finish)
    app.register_error_handler(Exception, _to_problem)
    for blueprint in (*blueprints(), *console_blueprints()):
        app.register_blueprint(blueprint)
    _trust_proxies(app, config.trusted_proxies)
    return app


def _trust_proxies(app: Flask, hops: int) -> None:
    """Believe what the nearest proxies say of the caller; with none, nobody's word but the line's own.

    Proxies append to X-Forwarded-For, so the caller stands that many from its end. The other two each
    overwrites, and an inner one hands on what the outer said: only the last value counts.
    """
    if hops:
        behind = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1, x_host=1)
        app.wsgi_app = behind  # type: ignore[method-assign]  # the way that Flask itself names


def _upload_lines(config: Config) -> BoundedSemaphore:
    """Bound the lines that bring photos: one that hangs holds its thread until it breaks.

    However many hang, threads are left for operations and sign-ins.
    """
    return BoundedSemaphore(max(1, config.web_threads - THREADS_KEPT_FREE))


def _engine_options(url: str) -> dict[str, Any]:
    # An error's text must not carry what people wrote into the log.
    shared = {"hide_parameters": True}
    if sa.make_url(url).get_backend_name() == "sqlite":
        return {**shared, "connect_args": {"check_same_thread": False}}
    return {**shared, "pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}


def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    observe.name_request(g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    outgoing.protect(request, response)
    outgoing.compress(request, response)
    return response


def _to_problem(error: Exception) -> Response:
    problem = _translate(error)
    control = getattr(g.get("who"), "control", None)
    if control:
        problem.extra.setdefault("control", dict(control))
    request_id = g.get("request_id", "")
    if not isinstance(error, Problem | HTTPException):
        # The log has the stack; the caller gets the request id that finds it.
        logging.getLogger("fieldpost").error("request failed", exc_info=error)
    if is_for_people():
        response = problem_response(problem, request_id)
    else:
        response = Response(
            orjson.dumps(document(problem, languages.asked_for(), request_id)),
            status=problem.kind.status,
            content_type="application/problem+json",
        )
    response.headers.update(problem.headers)
    if problem.retry_after_s is not None:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response


def _translate(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException) and error.code in _HTTP_CODES:
        return Problem(_HTTP_CODES[error.code])
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        return Problem("malformed_body", str(error.code))
    if isinstance(error, sa.exc.DBAPIError) and is_transient(error):
        return Problem("unavailable", retry_after_s=1)
    if isinstance(error, sa.exc.OperationalError | sa.exc.TimeoutError):
        return Problem("unavailable", retry_after_s=5)
    return Problem("internal_error")
