"""The import of a sealed export: a push that came in somebody's hand, under the rights of those who wrote it.

Whoever imports lends no right of his own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from field_api.auth.exports import Sealed, last_signed_in, open_export
from field_api.auth.identity import Identity
from field_api.casework import pushes
from field_api.config import Config
from field_api.endpoint import loaded
from field_api.problems import Problem
from field_api.schemas.sync import PushLoad
from field_api.transactions import read
from sync.engine.kinds import UUID, parse_time
from sync.service import push as pushing
from sync.service.decode import not_signed_in
from sync.service.home import Colleague, Home

_SUSPECT = timedelta(seconds=pushing.CLOCK_SUSPECT_S)


def take_export(
    session: Session, config: Config, home: Home, importer: Identity, token: str, sign: pushing.Sign, now: datetime
) -> dict[str, Any]:
    """Process a sealed export like a push of its terminal, and give the answer that the push would get.

    Raises:
        Problem: not_permitted, export_invalid, envelope_invalid, out_of_scope, batch_too_large, push_in_flight.
    """
    if not importer.supervises:
        raise Problem("not_permitted")
    sealed = read(session, lambda: open_export(session, token))
    batch: pushing.Batch = loaded(PushLoad(), sealed.payload)
    if len(batch.operations) > config.batch_limit:
        raise Problem("batch_too_large")
    author = read(session, lambda: _author(session, home, sealed, now))
    if author is not None and author.unit not in importer.units:
        raise Problem("out_of_scope")
    pusher = _pusher(sealed, author, importer)
    prepared = pushing.prepare(home, pusher, _as_it_came(batch, now), now=now)
    if author is None:
        unknown = [one if one.officer or one.problem else replace(one, problem=not_signed_in())
                   for one in prepared.received]  # fmt: skip
        prepared = replace(prepared, received=unknown)

    def work() -> dict[str, Any]:
        answer = pushing.push(session, home, prepared, sign=sign)
        pushes.tell_of_clone(session, prepared, answer["results"], now)
        return answer

    return pushes.in_turn(session, config, sealed.terminal, work)


def _author(session: Session, home: Home, sealed: Sealed, now: datetime) -> Colleague | None:
    """The officer whom the export names, with his rights of today, if he was signed in on the terminal then.

    A clock may be off by years: who could push from this terminal now is believed too.
    """
    named = sealed.payload.get("officer") or last_signed_in(session, sealed.terminal)
    if not isinstance(named, str) or not UUID.fullmatch(named):
        return None
    made_at = parse_time(sealed.payload.get("time")) or parse_time(sealed.payload["clock"]["wall"])
    for moment in filter(None, (made_at, now)):
        found = home.colleague(session, sealed.terminal, named, moment)
        if found is not None:
            return found
    return None


def _pusher(sealed: Sealed, author: Colleague | None, importer: Identity) -> pushing.Pusher:
    """The author as who pushes; without one the importer keeps what came, where he sees it, with no right at all."""
    return pushing.Pusher(
        author.officer if author else importer.officer,
        author.roles if author else frozenset(),
        author.unit if author else importer.unit,
        author.supervisor if author else False,
        sealed.terminal,
        sealed.terminal_no,
        author.scope if author else frozenset(),
        author.masked if author else True,
        sealed.revoked,
    )


def _as_it_came(batch: pushing.Batch, now: datetime) -> pushing.Batch:
    """The batch without what holds at the moment of sending only: it was carried here, for hours or days.

    Capture times are not corrected by it. A clock that is ahead even so is doubtful all the same.
    """
    wall = parse_time(batch.clock.get("wall"))
    clock = {"hlc": batch.clock.get("hlc")}
    if wall is not None and wall - now > _SUSPECT:
        clock["wall"] = batch.clock["wall"]
    return replace(batch, clock=clock, health=None)
