"""The one way from a request to an answer: who asks, what is asked, one transaction, one commit, the answer.

A view gets values and a session, returns values, and neither commits nor knows a status code of an error.
It may run again from the start when the database asks for it, so it must do nothing that a rollback does not
undo; what must happen after the commit it registers with `after_commit`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import sqlalchemy as sa
from flask import Response, current_app, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from field_api import body as request_body
from field_api.auth.identity import Identity
from field_api.auth.sessions import identify_console, identify_terminal
from field_api.config import Config
from field_api.extensions import db
from field_api.problems import Problem
from sync.store.database import begin_read, begin_write

Caller = Literal["anyone", "terminal", "console", "either"]
Mode = Literal["read", "write", "own"]
MAX_TRIES = 5
_AFTER_COMMIT = "fieldpost_after_commit"
# PostgreSQL: serialization failure, deadlock. Both say: the same again.
_TRANSIENT_STATES = frozenset({"40001", "40P01"})


@dataclass(frozen=True, slots=True)
class Context:
    """What a view needs beside its own arguments."""

    session: Session
    config: Config
    now: datetime
    who: Identity | None

    @property
    def identity(self) -> Identity:
        if self.who is None:
            raise Problem("token_missing")
        return self.who


@dataclass(frozen=True, slots=True)
class Answer:
    """A view's answer; `body` as bytes is sent as it stands."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Spec:
    """What the OpenAPI document says of an endpoint; kept beside the code that serves it."""

    summary: str
    caller: Caller
    load: type[Schema] | None
    dump: type[Schema] | None
    status: int
    problems: tuple[str, ...]
    tag: str


def endpoint(
    summary: str,
    *,
    caller: Caller = "terminal",
    mode: Mode = "read",
    load: type[Schema] | None = None,
    dump: type[Schema] | None = None,
    status: int = 200,
    problems: tuple[str, ...] = (),
    tag: str = "",
    digest_required: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view an endpoint.

    The view is called as `view(context, body?, **path)`; mode `own` means that it opens its transactions
    itself (streams must not hold one).
    """
    loader = load() if load else None

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(view)
        def handle(**path: Any) -> Response:
            config: Config = current_app.extensions["fieldpost"].config
            who = _identify(caller)
            arguments: tuple[Any, ...] = ()
            if loader is not None:
                raw = request_body.read_json(
                    request, limit=config.body_limit_bytes, digest_required=digest_required
                )
                arguments = (_load(loader, raw),)
            result = _run(view, mode, config, who, arguments, path)
            answer = result if isinstance(result, Answer) else Answer(result, status)
            return _respond(answer)

        handle.spec = Spec(summary, caller, load, dump, status, problems, tag)  # type: ignore[attr-defined]
        return handle

    return decorate


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Have `action` run once this session's transaction is on disk; it must not fail the answer."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


def commit(session: Session) -> None:
    """Commit, then run what was registered: the one commit of every request and job."""
    actions = session.info.pop(_AFTER_COMMIT, [])
    session.commit()
    for action in actions:
        action()


def is_transient(error: sa.exc.DBAPIError) -> bool:
    """Say whether running the transaction again can help."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _TRANSIENT_STATES or "database is locked" in str(error.orig)


def _identify(caller: Caller) -> Identity | None:
    if caller == "anyone":
        return None
    session = db.session()
    now = datetime.now(UTC)
    begin_read(session)
    try:
        header = request.headers.get("Authorization", "")
        if caller == "console" or (caller == "either" and not header):
            return identify_console(session, request, now)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem("token_missing")
        return identify_terminal(session, token.strip(), now)
    finally:
        session.rollback()


def _load(schema: Schema, raw: Any) -> Any:
    try:
        return schema.load(raw)
    except ValidationError as error:
        raise Problem("envelope_invalid", errors=list(_pointers(error.messages, ""))) from None


def _pointers(messages: Any, prefix: str) -> list[dict[str, str]]:
    if isinstance(messages, dict):
        return [
            entry
            for key, value in messages.items()
            for entry in _pointers(value, prefix if key == "_schema" else f"{prefix}/{key}")
        ]
    return [{"pointer": prefix, "code": "invalid", "message": str(text)} for text in messages][:50]


def _run(
    view: Callable[..., Any],
    mode: Mode,
    config: Config,
    who: Identity | None,
    arguments: tuple[Any, ...],
    path: dict[str, Any],
) -> Any:
    session = db.session()
    for attempt in range(MAX_TRIES):
        context = Context(session, config, datetime.now(UTC), who)
        try:
            if mode == "own":
                return view(context, *arguments, **path)
            (begin_write if mode == "write" else begin_read)(session)
            result = view(context, *arguments, **path)
            if mode == "write":
                commit(session)
        except sa.exc.DBAPIError as error:
            if is_transient(error) and attempt + 1 < MAX_TRIES:
                continue
            raise
        else:
            return result
        finally:
            session.info.pop(_AFTER_COMMIT, None)
            session.rollback()
    raise Problem("unavailable")


def _respond(answer: Answer) -> Response:
    if isinstance(answer.body, bytes):
        payload = answer.body
    elif answer.body is None:
        payload = b""
    else:
        payload = orjson.dumps(answer.body)
    response = Response(payload, status=answer.status, mimetype=answer.media_type)
    response.headers.update(answer.headers)
    return response
