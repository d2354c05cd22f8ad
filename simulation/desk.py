"""What supervisors and the administrator do: verdicts, conflicts, quarantine, assignments, backups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from field_api import backup
from field_api.auth import console, terminals
from field_api.auth.tables import Terminal
from field_api.casework.models import Case
from simulation import testimony
from simulation.cast import GRIDS
from simulation.faults import ServerKilled
from simulation.site import assign
from simulation.world import World
from sync.store import ids
from sync.store.tables import RecordRow

Action = Callable[[World], str]
# Hears a good answer, or None where there was none.
Done = Callable[[Any], None]
NAMES = ("desk1", "desk2")


class Desk:
    """One person at the console, by the JSON API that the pages use too."""

    def __init__(self, world: World, name: str) -> None:
        token, csrf = world.site.cookies[name]
        self._world, self.name = world, name
        self._client: FlaskClient = world.site.app.test_client()
        self._client.set_cookie(console.COOKIE, token)
        self._headers = {console.CSRF_HEADER: csrf}

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v1{path}").json

    def post(self, path: str, body: Any, done: Done | None = None) -> str:
        """Send; give the outcome, or the problem's code. done: what else to look at, told once it stands."""
        world = self._world
        try:
            with world.failpoints.around():
                answer = self._client.post(f"/api/v1{path}", json=body, headers=self._headers)
        except ServerKilled:
            if done is not None:
                done(None)
            return "killed"
        world.require(answer.status_code != 500, f"POST {path} answered 500")
        said = answer.get_json(silent=True) or {}
        if done is not None:
            done(said if answer.status_code == 200 else None)
        return str(said.get("code") or said.get("outcome") or said.get("state") or answer.status_code)


def act(world: World) -> str:
    """One thing that a supervisor does."""
    desk = Desk(world, world.dice.choice(NAMES))
    return world.dice.choice((_resolve, _resolve, _replay, _dismiss, *(_review_case,) * 3, _review_photo))(world, desk)


def _resolve(world: World, desk: Desk) -> str:
    conflicts = desk.get("/conflicts")
    if not conflicts:
        return "no conflict"
    one = world.dice.choice(conflicts)
    keep = world.dice.choice(("mine", "theirs", "value"))
    body = {"id": ids.new_id(), "keep": keep, "reason": "演示"}
    if keep == "value":
        body["value"] = world.dice.choice((one["mine"], one["theirs"], f"settled {world.dice.randrange(5)}"))
    done = testimony.resolution(world, desk.name, one["id"], body)
    answer = desk.post(f"/conflicts/{one['id']}/resolution", body, done)
    return f"resolve {world.short(one['record'])} {one['field']} {keep}: {answer}"


def _quarantined(world: World, desk: Desk) -> Any:
    held = desk.get("/quarantine")
    return world.dice.choice(held) if held else None


def _replay(world: World, desk: Desk) -> str:
    one = _quarantined(world, desk)
    if one is None:
        return "no quarantine"
    body: dict[str, Any] = {"reason": "演示"}
    if world.dice.random() < 0.5:
        body["set"] = {"description": "repaired", "address": "repaired"}
    done = testimony.repair(world, desk.name, one["id"], body, replay=True)
    answer = desk.post(f"/quarantine/{one['id']}/replay", body, done)
    return f"replay {world.short(one['id'])}: {answer}"


def _dismiss(world: World, desk: Desk) -> str:
    one = _quarantined(world, desk)
    if one is None:
        return "no quarantine"
    body = {"reason": "演示"}
    done = testimony.repair(world, desk.name, one["id"], body, replay=False)
    answer = desk.post(f"/quarantine/{one['id']}/dismissal", body, done)
    return f"dismiss {world.short(one['id'])}: {answer}"


def _some(world: World, type_: str) -> str | None:
    """A record of this type, as the pages would list it."""
    query = sa.select(RecordRow.id).where(RecordRow.type == type_).order_by(RecordRow.seq)
    found = world.site.look(lambda session: list(session.scalars(query)))
    return world.dice.choice(found) if found else None


def _review_case(world: World, desk: Desk) -> str:
    closed = sa.select(Case.id).where(Case.status == "closed", Case.review != "passed").order_by(Case.id)
    ready = world.site.look(lambda session: list(session.scalars(closed)))
    case = world.dice.choice(ready) if ready else _some(world, "case")
    if case is None:
        return "no case"
    return _verdict(world, desk, "cases", case, world.dice.choice(("passed", "passed", "returned")))


def _review_photo(world: World, desk: Desk) -> str:
    evidence = _some(world, "evidence")
    if evidence is None:
        return "no photo"
    return _verdict(world, desk, "evidence", evidence, world.dice.choice(("passed", "passed", "returned", "rejected")))


def _verdict(world: World, desk: Desk, kind: str, record: str, verdict: str) -> str:
    body = {"id": ids.new_id(), "verdict": verdict, "reason": "演示"}
    done = testimony.verdict(world, desk.name, record, body)
    return f"review {world.short(record)} {verdict}: {desk.post(f'/{kind}/{record}/reviews', body, done)}"


def reassign(world: World) -> str:
    """Officers are moved between units and grids, and back."""
    device = world.dice.choice(world.devices)
    own = device.player
    units = world.dice.choice((own.units, (), ("u1", "u2")))
    grids = world.dice.choice((own.grids, (), GRIDS))
    assign(world.site, own, units, grids)
    if world.twin is not None:
        world.twin.assign(own, units, grids)
    world.counts["reassigned"] += 1
    return f"{own.username} gets {','.join(units) or '-'} and {len(grids)} grids"


def revoke(world: World) -> str:
    """A terminal is reported lost; what it still sends is kept, and its officer gets another."""
    active = [device for device in world.active if not device.revoked]
    if len(active) < 2 or len(world.devices) > 6:
        return "nothing to revoke"
    device = world.dice.choice(active)
    named = device.terminal.session.terminal_id
    answer = Desk(world, "keeper").post(f"/terminals/{named}/revocation", {})
    for other in world.devices:
        other.revoked = other.revoked or other.terminal.session.terminal_id == named
    world.counts["terminal_revoked"] += 1
    return f"revoke {device.name}: {answer}, new {world.replace(device).name}"


def back_up(world: World) -> str:
    """A backup is written, and terminals may rely on it."""
    site = world.site
    site.save("backup")
    world.backup_mark = len(world.network.heard)
    moment = site.clock.at - backup.MARGIN
    written = backup.Written(Path("simulated"), moment, 0, 0)

    def rely(session: Session) -> None:
        backup.rely_on(session, written)

    site.change(rely)
    if world.twin is not None:
        world.twin.save()
    world.counts["backed_up"] += 1
    return "backup"


def restore(world: World) -> str:
    """The server's disk is lost; its backup takes its place, with another epoch."""
    if world.backup_mark is None:
        return "no backup"
    world.site.load("backup")
    if world.twin is not None:
        world.twin.load()
    world.site.renew_epoch()
    del world.network.heard[world.backup_mark :]
    _catch_up(world)
    world.counts["server_restored"] += 1
    return "server restored from its backup"


def _catch_up(world: World) -> None:
    """The administrator does again what the restore undid: revocations, and enrolments of later terminals."""
    site = world.site
    for device in world.devices:
        named = device.terminal.session.terminal_id
        if site.look(partial(_find, named)) is None:
            world.enrol_again(device)
        elif device.revoked:
            site.change(partial(_revoke, named, site.clock()))


def _find(terminal: str, session: Session) -> Terminal | None:
    return session.get(Terminal, terminal)


def _revoke(terminal: str, now: datetime, session: Session) -> None:
    terminals.revoke(session, terminal, now)


def let_time_pass(world: World) -> str:
    """Minutes, hours, days."""
    seconds = world.dice.choice((1, 60, 600, 3600, 8 * 3600, 2 * 86_400))
    world.site.clock.pass_time(seconds)
    return f"{timedelta(seconds=seconds)} later"
