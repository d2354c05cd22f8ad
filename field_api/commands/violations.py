"""The administrator's commands about the violation catalogue: what comes in, what goes out, what is demonstration."""

from __future__ import annotations

import os
import sys
from typing import IO

import click
from sqlalchemy.orm import Session

from field_api.casework import violations as catalogue
from field_api.casework.catalogue_import import taking
from field_api.casework.catalogue_import.columns import written
from field_api.casework.catalogue_import.report import Report
from field_api.casework.reference import publish_violations
from field_api.casework.sheets import MAX_BYTES
from field_api.cli import _change, _now, cli
from field_api.config import Config
from field_api.extensions import services

_LANGUAGES = click.Choice(["zh", "en"])


@cli.group()
def violations() -> None:
    """The violation catalogue (案由)."""


@violations.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="only say what is wrong and what would be new")
@click.option("--only-good", is_flag=True, help="take in the items that are right, leave out the others")
@click.option("--lang", type=_LANGUAGES, help="else as LANG says")
@click.pass_obj
def violations_import(config: Config, file: IO[bytes], *, dry_run: bool, only_good: bool, lang: str | None) -> None:
    """Take in the CSV or XLSX table FILE; nothing of it where something is wrong. The same again changes nothing.

    Exit code 0 when all of it was right, 1 when not.
    """
    raw = file.read(MAX_BYTES + 1)

    def work(session: Session) -> Report:
        return taking.take(session, services().home, raw, _now(), dry_run=dry_run, only_good=only_good)

    report = _change(config, work)
    language = lang or ("en" if os.environ.get("LANG", "").startswith("en") else "zh")
    for line in report.lines(language):
        click.echo(line)
    sys.exit(0 if report.all_right else 1)


@violations.command(name="export")
@click.option("--template", is_flag=True, help="headings and one demonstration item, to be replaced by one's own")
@click.option("--lang", type=_LANGUAGES, default="zh", help="of the headings")
@click.option("--output", type=click.File("wb"), default="-", help="a file instead of standard output")
@click.pass_obj
def violations_export(config: Config, *, template: bool, lang: str, output: IO[bytes]) -> None:
    """Write the catalogue as a CSV that can be imported again."""
    if template:
        output.write(written(catalogue.template(), lang))
        return
    output.write(_change(config, lambda session: written(catalogue.versions(session), lang)))


@violations.command(name="publish")
@click.option("--demo", is_flag=True, help="the demonstration items too (演示数据): they are no law")
@click.pass_obj
def violations_publish(config: Config, *, demo: bool) -> None:
    """Publish the items that ship with the program and are not there yet, as `db upgrade` does."""
    items = (*catalogue.national(), *(catalogue.demonstration() if demo else ()))
    new = _change(config, lambda session: publish_violations(session, services().home, items, _now()))
    click.echo(f"{new} new")
