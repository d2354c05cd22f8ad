"""What operators see: JSON log lines with the request's id, one line for each request, and its metrics.

Nothing here holds what people wrote: routes as patterns, people and terminals by id.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from flask import Flask, Response, g, request

from field_api.auth.identity import Identity
from field_api.metrics import Metrics

_log = logging.getLogger("fieldpost.access")


def configure_logging(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Have structlog and the standard library write one JSON object a line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_to_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def watch(app: Flask, metrics: Metrics) -> None:
    """Have every request logged and counted.

    To be called before anything else registers with the application: what is registered first with
    `after_request` runs last, and so sees the answer as it leaves.
    """
    app.before_request(_begin)
    app.after_request(lambda response: _end(response, metrics))
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())


def name_request(request_id: str) -> None:
    """Put the request's id on every line that is logged while it runs."""
    structlog.contextvars.bind_contextvars(request_id=request_id)


def request_id() -> str:
    """The id that was put on the lines, to follow the work that is left for later; empty outside a request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]


def _begin() -> None:
    g.begun_s = time.perf_counter()


def _end(response: Response, metrics: Metrics) -> Response:
    took_s = time.perf_counter() - g.get("begun_s", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "unmatched"
    labels = {"method": _method(), "route": route}
    counted = {**labels, "status": str(response.status_code)}
    metrics.count("fieldpost_http_requests_total", "Requests by route and status", counted)
    metrics.observe("fieldpost_http_request_seconds", "Time to the answer by route", labels, took_s)
    _log.info("request", extra=labels | _line(response, took_s))
    return response


def _line(response: Response, took_s: float) -> dict[str, Any]:
    who: Identity | None = g.get("who")
    line: dict[str, Any] = {"status": response.status_code, "ms": round(took_s * 1000, 1)}
    line |= {"bytes_in": request.content_length or 0}
    if not response.is_streamed:
        line["bytes_out"] = response.calculate_content_length()
    if who is not None:
        line |= {"officer": who.officer, "terminal": who.terminal}
    return line


def _method() -> str:
    # Anybody may invent methods; each would be a time series of its own.
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return request.method if request.method in known else "other"


def _to_json(event: MutableMapping[str, Any], **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
