"""The administrator's commands; whoever may run them has the data folder and so may do anything."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

import click
import orjson
import sqlalchemy as sa
from alembic import command
from sqlalchemy.orm import Session

from field_api import backup, migrate, openapi
from field_api.app import create_app
from field_api.auth import officers, passwords, terminals, wipes
from field_api.auth.assignments import Assignment
from field_api.auth.identity import ROLES
from field_api.auth.keys import KeyFileError, Keys
from field_api.auth.officers import NewOfficer, OfficerError
from field_api.backup import BackupError
from field_api.casework import staff
from field_api.casework.founding import found
from field_api.casework.terms import terms_of
from field_api.commands import certificates, numbers, registers, verify
from field_api.config import Config, ConfigError
from field_api.extensions import db, services
from field_api.problems import Problem
from field_api.transactions import write
from sync.store import sequence
from sync.store.ids import new_id
from sync.store.tables import Sequence

T = TypeVar("T")


@click.group()
@click.pass_context
def cli(context: click.Context) -> None:
    """Fieldpost 执法通."""
    try:
        context.obj = context.obj or Config.from_env(os.environ)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@cli.group(name="db")
def database() -> None:
    """The database's schema (数据库)."""


@database.command()
@click.pass_obj
def upgrade(config: Config) -> None:
    """Bring the database to the newest schema; safe to run at any time."""
    migrate.upgrade(config)
    _change(config, lambda session: found(session, services().home, _now(), terms_of(config)))


@database.command()
@click.option("--message", required=True, help="what the revision does")
@click.pass_obj
def revision(config: Config, message: str) -> None:
    """Write a migration from what the models say now (for developers)."""
    with migrate.transaction(config.database_url) as connection:
        command.revision(migrate.alembic_config(connection), message, autogenerate=True)


@database.command()
@click.option("--renew", is_flag=True, help="a new one: after a restore from a backup, before the first start")
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_obj
def epoch(config: Config, *, renew: bool, yes: bool) -> None:
    """Print the epoch that terminals know this database by (纪元).

    With a new one every terminal's cursor has expired: it pulls everything afresh and keeps what it has not sent.
    """
    if renew and not yes:
        click.confirm("Every terminal will pull everything afresh. Renew the epoch?", abort=True)
    click.echo(_change(config, _renew_epoch if renew else _epoch))


def _epoch(session: Session) -> str:
    try:
        return sequence.position(session).epoch
    except sa.exc.NoResultFound:
        raise click.ClickException("this database is not founded; run: db upgrade") from None
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):
        raise click.ClickException("the database does not answer or has no tables; run: db upgrade") from None


def _renew_epoch(session: Session) -> str:
    """Write another epoch and give it; the row's lock waits for whoever takes numbers just now."""
    _epoch(session)
    renewed = new_id()
    session.execute(sa.update(Sequence).values(epoch=renewed))
    return renewed


@cli.command(name="backup")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="only read the backup TARGET again and compare every digest")
@click.pass_obj
def backup_command(config: Config, target: Path, *, check: bool) -> None:
    """Save everything under TARGET while the service runs, and let terminals rely on it (备份)."""
    try:
        if check:
            click.echo(f"{backup.check(target)} photos, all hold")
            return
        with _session(config) as session:
            written = backup.write(config, session, target, _now())
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    _change(config, lambda session: backup.rely_on(session, written))
    click.echo(f"{written.folder}\n{written.photos} photos, {written.copied} of them new")


@cli.command(name="restore")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_obj
def restore_command(config: Config, folder: Path) -> None:
    """Bring the backup FOLDER into an empty installation, under a new epoch (恢复)."""
    try:
        photos = backup.restore(config, folder)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    migrate.upgrade(config)
    renewed = _change(config, _renew_epoch)
    click.echo(f"{photos} photos; epoch {renewed}: every terminal pulls afresh and sends what it still holds")


@cli.group()
def unit() -> None:
    """Units (中队)."""


@unit.command(name="add")
@click.argument("code")
@click.argument("name")
@click.pass_obj
def unit_add(config: Config, code: str, name: str) -> None:
    """Add a unit, or rename it."""
    _change(config, lambda session: officers.add_unit(session, code, name))


@cli.group()
def officer() -> None:
    """Officers (人员)."""


@officer.command(name="add")
@click.option("--username", required=True)
@click.option("--name", required=True, help="as colleagues call him")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@click.option("--unit", "units", multiple=True, required=True, help="the first is his own")
@click.option("--grid", "grids", multiple=True, help="grids beyond his units")
@click.option("--badge-no", default="")
@click.option("--password-stdin", is_flag=True, help="read the password's line from standard input")
@click.option("--generate-password", is_flag=True, help="make a password and print it")
@click.pass_obj
def officer_add(
    config: Config,
    *,
    username: str,
    name: str,
    roles: tuple[str, ...],
    units: tuple[str, ...],
    grids: tuple[str, ...],
    badge_no: str,
    password_stdin: bool,
    generate_password: bool,
) -> None:
    """Add an officer; the password is asked for, read, or made."""
    password = _password(from_stdin=password_stdin, generate=generate_password)
    hashed = passwords.hash_password(password)
    new = NewOfficer(username, name, roles, units[0], units[1:], grids, badge_no)
    added = _change(config, lambda session: staff.add(session, services().home, new, hashed).id)
    click.echo(f"officer {added}")
    if generate_password:
        click.echo(f"password {password}")


@officer.command(name="password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="read the password's line from standard input")
@click.option("--generate-password", is_flag=True, help="make a password and print it")
@click.pass_obj
def officer_password(
    config: Config, *, username: str, password_stdin: bool, generate_password: bool
) -> None:
    """Give an officer another password; all his sign-ins end."""
    password = _password(from_stdin=password_stdin, generate=generate_password)
    hashed = passwords.hash_password(password)

    def work(session: Session) -> None:
        officers.set_password(session, officers.find_officer(session, username).id, hashed, _now())

    _change(config, work)
    if generate_password:
        click.echo(f"password {password}")


@officer.command(name="assign")
@click.argument("username")
@click.option("--unit", "units", multiple=True, required=True, help="the first is his own")
@click.option("--grid", "grids", multiple=True, help="grids beyond his units")
@click.pass_obj
def officer_assign(config: Config, username: str, *, units: tuple[str, ...], grids: tuple[str, ...]) -> None:
    """Give an officer these units and grids instead of those that he has."""
    new = Assignment(units[0], units[1:], grids)

    def work(session: Session) -> None:
        staff.assign(session, services().home, officers.find_officer(session, username).id, new, _now())

    _change(config, work)


@officer.command(name="disable")
@click.argument("username")
@click.pass_obj
def officer_disable(config: Config, username: str) -> None:
    """Shut an officer out from his next request on."""

    def work(session: Session) -> None:
        staff.disable(session, services().home, officers.find_officer(session, username).id, _now())

    _change(config, work)


@cli.group()
def terminal() -> None:
    """Terminals (终端)."""


@terminal.command()
@click.option("--by", default="cli", help="who invites, for the record")
@click.pass_obj
def invite(config: Config, by: str) -> None:
    """Print an enrolment code; it is shown this once."""
    code = _change(config, lambda session: terminals.invite(session, by, config.invitation_ttl_s, _now()))
    click.echo(code)
    click.echo(f"valid for {config.invitation_ttl_s // 3600} h, for one terminal", err=True)


@terminal.command(name="revoke")
@click.argument("terminal_no")
@click.pass_obj
def terminal_revoke(config: Config, terminal_no: str) -> None:
    """Stop a terminal (by its number, like t7) from its next request on."""

    def work(session: Session) -> None:
        terminals.revoke(session, terminals.find_terminal(session, terminal_no), _now())

    _change(config, work)


@terminal.command(name="wipe")
@click.argument("terminal_no")
@click.option("--now", "at_once", is_flag=True, help="not only after it has brought what is unsent")
@click.option("--by", default="cli", help="who orders, for the record")
@click.pass_obj
def terminal_wipe(config: Config, terminal_no: str, *, at_once: bool, by: str) -> None:
    """Order a terminal (by its number, like t7) to empty itself at its next word (远程擦除)."""

    def work(session: Session) -> str:
        found = terminals.find_terminal(session, terminal_no)
        return wipes.order(session, found, by, _now(), after_push=not at_once).id

    click.echo(f"wipe {_change(config, work)}")


@cli.group()
def keys() -> None:
    """The keys that receipts are signed with (密钥)."""


@keys.command(name="list")
@click.pass_obj
def keys_list(config: Config) -> None:
    """Print every key that receipts were signed with, the signing one last."""
    for one in _keys(config).listed():
        click.echo(f"{one.number}  {one.kid}  {one.made_at:%Y-%m-%d %H:%M}Z{'  signs' if one.signs else ''}")


@keys.command(name="rotate")
@click.pass_obj
def keys_rotate(config: Config) -> None:
    """Sign with a new key from now on, endorsed by the one before; running processes take it up by themselves."""
    try:
        click.echo(f"{_keys(config).rotate(_now())} signs from now on; back up the keys")
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _keys(config: Config) -> Keys:
    if not (config.data / "keys" / "receipts.key").exists():
        # Opening would make some, in a folder that was perhaps only mistyped.
        raise click.ClickException(f"there are no keys in {config.data}")
    try:
        return Keys.open(config.data / "keys")
    except (KeyFileError, OSError) as error:
        raise click.ClickException(str(error)) from None


@cli.command(name="openapi")
@click.option("--output", type=click.File("wb"), default="-", help="a file instead of standard output")
@click.pass_obj
def openapi_document(config: Config, output: IO[bytes]) -> None:
    """Write the OpenAPI document (接口文档); touches neither database nor data folder."""
    with tempfile.TemporaryDirectory(prefix="fieldpost-openapi-") as folder:
        app = create_app(replace(config, data=Path(folder), database_url="sqlite://"))
        output.write(orjson.dumps(openapi.build(app), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        app.extensions["fieldpost"].metrics.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _password(*, from_stdin: bool, generate: bool) -> str:
    if generate:
        return secrets.token_urlsafe(12)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
        bounds = f"{passwords.MIN_LENGTH} to {passwords.MAX_LENGTH}"
        raise click.ClickException(f"a password has {bounds} characters")
    return password


@contextmanager
def _session(config: Config) -> Iterator[Session]:
    app = create_app(config)
    with app.app_context():
        try:
            yield db.session()
        finally:
            db.session.remove()
            db.engine.dispose()


def _change(config: Config, work: Callable[[Session], T]) -> T:
    """Run `work(session)` in one committed transaction, and say plainly what stood in its way."""
    try:
        with _session(config) as session:
            return write(session, lambda: work(session))
    except (OfficerError, Problem) as error:
        raise click.ClickException(str(error)) from None


officer.add_command(certificates.command(_change))
for _command in (verify.verify, numbers.command(_change), *registers.commands(_change)):
    cli.add_command(_command)
