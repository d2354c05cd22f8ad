"""The administrator's commands about days: which are worked, and since when that is known."""

from __future__ import annotations

from datetime import date

import click
from sqlalchemy.orm import Session

from field_api.casework import calendars, deadlines
from field_api.casework.law.calendar import FIRST, LAST
from field_api.casework.terms import terms_of
from field_api.cli import _change, _now, cli
from field_api.config import Config
from field_api.extensions import services

_KINDS = ("work", "rest")


@cli.group()
def calendar() -> None:
    """Working days (工作日历)."""


@calendar.command(name="set")
@click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("--source", required=True, help="the notice that says so (依据)")
@click.pass_obj
def calendar_set(config: Config, day: click.DateTime, kind: str, *, source: str) -> None:
    """Say that DAY is worked or a day of rest; terminals hear of it, and open deadlines are counted anew."""
    wanted = date.fromisoformat(str(day)[:10])
    if not FIRST <= wanted < LAST:
        raise click.BadParameter(f"a day from {FIRST} to before {LAST}", param_hint="DAY")
    if not 1 <= len(source.strip()) <= 200 or source.strip() == calendars.PUBLISHED:
        raise click.BadParameter("names the notice, in at most 200 characters", param_hint="--source")

    def work(session: Session) -> int:
        calendars.decide(session, services().home, wanted, source.strip(), _now(), works=kind == "work")
        return deadlines.recount(session, _now(), terms_of(config))

    click.echo(f"{wanted} {kind}; counted anew: {_change(config, work)} records")


@calendar.command(name="show")
@click.argument("year", type=click.IntRange(FIRST.year, LAST.year - 1))
@click.pass_obj
def calendar_show(config: Config, year: int) -> None:
    """Print the days of YEAR that are not what their weekday says, and whether the year is published."""
    known = year in calendars.published().years
    days = _change(config, lambda session: [(x.day, x.is_workday, x.source) for x in calendars.shown(session, year)])
    click.echo(f"{year}: {'published' if known else 'not published: deadlines in it are provisional'}")
    for day, works, source in days:
        click.echo(f"{day}  {'work' if works else 'rest'}  {source}")
