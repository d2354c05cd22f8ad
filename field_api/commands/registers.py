"""The commands that bring lists from outside: the watch-list, and in time what else a bureau keeps in tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy.orm import Session

from field_api.casework.sets import lists, shelf, watch
from field_api.casework.sets.lists import Report
from field_api.casework.sets.models import LookupSet
from field_api.casework.vehicles import register
from field_api.config import Config
from field_api.extensions import services

Change = Callable[[Config, Callable[[Session], Any]], Any]
_FILE = click.argument("file", type=click.File("rb"))
_SKIP = click.option("--skip-bad", is_flag=True, help="take the good lines; else one bad line refuses the file")
_LANG = click.option("--lang", type=click.Choice(["zh", "en"]), help="else as LANG says")


def commands(change: Change) -> list[click.Command]:
    """The commands; change: runs a function of a session in one committed transaction."""
    return [_watch(change), _vehicles(change)]


def tell(report: Report, lang: str | None, *, skip_bad: bool) -> bool:
    """Print what was read, and say whether it is to be taken."""
    language = lang or ("en" if os.environ.get("LANG", "").startswith("en") else "zh")
    for line in report.lines(language):
        click.echo(line)
    taken = not report.bad_count or (skip_bad and report.taken > 0)
    if not taken:
        click.echo("nothing was imported · 没有导入", err=True)
    return taken


def _watch(change: Change) -> click.Group:
    @click.group(name="watch")
    def group() -> None:
        """Plates that are looked for (布控车牌)."""

    @group.command(name="import")
    @_FILE
    @_SKIP
    @_LANG
    @click.pass_obj
    def import_(config: Config, file: IO[bytes], *, skip_bad: bool, lang: str | None) -> None:
        """Make the list what the CSV FILE says: plate, reason, and if you like note and valid_to."""
        report, rows = watch.take(file.read(lists.MAX_BYTES + 1))
        if not tell(report, lang, skip_bad=skip_bad):
            sys.exit(1)

        def work(session: Session) -> None:
            key = services().keys.mac(f"set-{watch.NAME}", b"")
            watch.replace(session, key, rows, datetime.now(UTC), Path(file.name).name)

        change(config, work)

    @group.command(name="status")
    @click.pass_obj
    def status(config: Config) -> None:
        """Say how many entries each set has, and when it was last imported."""

        def work(session: Session) -> list[str]:
            return [_told(name, session.get(LookupSet, name)) for name in shelf.NAMES]

        for line in change(config, work):
            click.echo(line)

    return group


def _told(name: str, held: LookupSet | None) -> str:
    if held is None:
        return f"{name}: empty"
    when = held.imported_at or held.changed_at
    return f"{name}: {held.count} entries at {when:%Y-%m-%d %H:%M}Z {held.source or ''}".rstrip()


def _vehicles(change: Change) -> click.Group:
    @click.group(name="vehicles")
    def group() -> None:
        """Vehicles, their firms and their permits to carry (一车一档)."""

    @group.command(name="import")
    @_FILE
    @_SKIP
    @_LANG
    @click.pass_obj
    def import_(config: Config, file: IO[bytes], *, skip_bad: bool, lang: str | None) -> None:
        """Add or change the vehicles in the CSV FILE: plate, and if you like company, plate_kind, vin, owner …"""
        report, rows = register.take_vehicles(file.read(lists.MAX_BYTES + 1))
        if not tell(report, lang, skip_bad=skip_bad):
            sys.exit(1)
        change(config, lambda session: register.write_vehicles(session, rows, datetime.now(UTC)))

    @group.command(name="import-permits")
    @_FILE
    @_SKIP
    @_LANG
    @click.pass_obj
    def import_permits(config: Config, file: IO[bytes], *, skip_bad: bool, lang: str | None) -> None:
        """Add or change the transport permits in the CSV FILE: permit_no, plate, valid_from, valid_to …"""
        report, rows = register.take_permits(file.read(lists.MAX_BYTES + 1))
        if not tell(report, lang, skip_bad=skip_bad):
            sys.exit(1)

        def work(session: Session) -> None:
            key = services().keys.mac(f"set-{register.CARRIERS}", b"")
            now = datetime.now(UTC)
            today = now.astimezone(timezone(timedelta(hours=8))).date()
            register.write_permits(session, key, rows, now, Path(file.name).name, today)

        change(config, work)

    return group
