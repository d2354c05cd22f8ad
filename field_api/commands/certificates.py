"""`officer certify`: the certificate (执法证) without which nobody decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from field_api.auth import officers
from field_api.casework import staff
from field_api.config import Config
from field_api.extensions import services

Change = Callable[[Config, Callable[[Session], Any]], Any]


def command(change: Change) -> click.Command:
    """The command; `change` runs its work in a transaction."""

    @click.command(name="certify")
    @click.argument("username")
    @click.option("--number", required=True)
    @click.option("--from", "first", required=True, type=click.DateTime(["%Y-%m-%d"]), help="its first day")
    @click.option("--to", "last", required=True, type=click.DateTime(["%Y-%m-%d"]), help="its last day")
    @click.pass_obj
    def certify(config: Config, username: str, number: str, first: datetime, last: datetime) -> None:
        """Note an officer's certificate (执法证); terminals judge by it offline."""
        days: tuple[date, date] = first.date(), last.date()

        def work(session: Session) -> None:
            found = officers.find_officer(session, username).id
            staff.certify(session, services().home, found, number, *days, datetime.now(UTC))

        change(config, work)

    return certify
