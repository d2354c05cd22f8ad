"""The one way from a request to an answer: who asks, what is asked, one transaction, one commit, the answer.

A view gets values and a session, returns values, and neither commits nor knows a status code of an error.
It may run again from the start when the database asks for it, so it must do nothing that a rollback does not
undo; what must happen after the commit it registers with `after_commit`.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, cast

import orjson
from flask import Response, g, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session
from werkzeug.wsgi import wrap_file

from field_api import body as request_body
from field_api.auth.identity import Identity
from field_api.auth.keys import Keys
from field_api.auth.sessions import identify_console, identify_terminal
from field_api.config import Config
from field_api.extensions import db, services
from field_api.problems import Problem
from field_api.transactions import after_commit, commit, is_transient, read, write

__all__ = ["Answer", "Context", "Spec", "after_commit", "commit", "endpoint", "is_transient", "loaded", "read", "write"]

Caller = Literal["anyone", "terminal", "console", "either"]
Mode = Literal["read", "write", "own"]
JSON = "application/json"
MAX_ERRORS = 50
STREAM_PIECE_BYTES = 64 * 1024
MAX_PATH_VALUE = 256


@dataclass(frozen=True, slots=True)
class Context:
    """What a view needs beside its own arguments."""

    session: Session
    config: Config
    keys: Keys
    now: datetime
    who: Identity | None

    @property
    def identity(self) -> Identity:
        if self.who is None:
            raise Problem("token_missing")
        return self.who


@dataclass(frozen=True, slots=True)
class Answer:
    """A view's answer; `body` as bytes is sent as it stands, an open file is streamed and then closed."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class Spec:
    """What the OpenAPI document says of an endpoint; kept beside the code that serves it.

    media_types: what a good answer may be; one that is no JSON has no `dump`.
    """

    summary: str
    caller: Caller
    load: type[Schema] | None
    dump: type[Schema] | None
    status: int
    problems: tuple[str, ...]
    tag: str
    many: bool = False
    digest_required: bool = False
    media_types: tuple[str, ...] = (JSON,)


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
    many: bool = False,
    digest_required: bool = False,
    receive_revoked: bool = False,
    media_types: tuple[str, ...] = (JSON,),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view an endpoint.

    The view is called as `view(context, body?, **path)`; mode `own` means that it opens its transactions
    itself, by `transactions.write` and `.read` (streams must not hold one). With `receive_revoked` a revoked
    terminal passes, marked as such in its identity. `many`: the answer is a list of what `dump` describes.
    `media_types`: what the answer is where it is no JSON.
    """
    loader = load() if load else None

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        @functools.wraps(view)
        def handle(**path: Any) -> Response:
            _check_path(path)
            who = g.who = _identify(caller, receive_revoked=receive_revoked)
            arguments: tuple[Any, ...] = ()
            if loader is not None:
                raw = request_body.read_json(
                    request, limit=services().config.body_limit_bytes, digest_required=digest_required
                )
                arguments = (loaded(loader, raw),)
            result = _run(view, mode, who, arguments, path)
            answer = result if isinstance(result, Answer) else Answer(result, status)
            return _respond(answer)

        spec = Spec(summary, caller, load, dump, status, problems, tag, many, digest_required, media_types)
        handle.spec = spec  # type: ignore[attr-defined]
        return handle

    return decorate


def _check_path(path: dict[str, Any]) -> None:
    """Refuse an id that no database could be asked for: PostgreSQL takes no NUL, and no id of ours is long."""
    for value in path.values():
        if isinstance(value, str) and not (len(value) <= MAX_PATH_VALUE and value.isprintable()):
            raise Problem("not_found")


def _identify(caller: Caller, *, receive_revoked: bool) -> Identity | None:
    if caller == "anyone":
        return None
    session, keys, now = db.session(), services().keys, services().now()
    header = request.headers.get("Authorization", "")
    if caller == "console" or (caller == "either" and not header):
        return identify_console(session, keys, request, now)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("token_missing")
    return identify_terminal(session, keys, token.strip(), now, receive_revoked=receive_revoked)


def loaded(schema: Schema, raw: Any) -> Any:
    """What a schema makes of what was sent.

    Raises:
        Problem: envelope_invalid, with a pointer at each fault.
    """
    try:
        return schema.load(raw)
    except ValidationError as error:
        errors = list(itertools.islice(_pointers(error.messages, ""), MAX_ERRORS))
        raise Problem("envelope_invalid", errors=errors) from None


def _pointers(messages: Any, prefix: str) -> Iterator[dict[str, str]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _pointers(value, prefix if key == "_schema" else f"{prefix}/{_escape(key)}")
        return
    for text in messages:
        yield {"pointer": prefix, "code": "invalid", "message": str(text)}


def _escape(key: Any) -> str:
    """A step of an RFC 6901 pointer; a key that the caller invented may be anything, of any length."""
    step = str(key)[:64].replace("~", "~0").replace("/", "~1")
    return step.encode(errors="replace").decode()


def _run(
    view: Callable[..., Any],
    mode: Mode,
    who: Identity | None,
    arguments: tuple[Any, ...],
    path: dict[str, Any],
) -> Any:
    session, held = db.session(), services()

    def work() -> Any:
        # A new instant for every try: what a repeated transaction writes is not older than what it reads.
        context = Context(session, held.config, held.keys, held.now(), who)
        return view(context, *arguments, **path)

    if mode == "own":
        try:
            return work()
        finally:
            session.rollback()
    if mode == "read":
        return read(session, work)
    return write(session, work, at_most=held.config.writers_limit)


def _respond(answer: Answer) -> Response:
    if isinstance(answer.body, io.IOBase):
        stream = wrap_file(request.environ, cast(BinaryIO, answer.body), STREAM_PIECE_BYTES)
        response = Response(stream, status=answer.status, mimetype=answer.media_type, direct_passthrough=True)
        response.headers.update(answer.headers)
        return response
    if isinstance(answer.body, bytes):
        payload = answer.body
    elif answer.body is None:
        payload = b""
    else:
        payload = orjson.dumps(answer.body)
    response = Response(payload, status=answer.status, mimetype=answer.media_type)
    response.headers.update(answer.headers)
    return response
