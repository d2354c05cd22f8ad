"""The violation catalogue as this installation holds it: what ships with the program, what the database has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.law.catalogue import Item, item_of
from field_api.casework.reference_models import Violation

_COLUMNS = [column for column in Violation.__table__.columns if column.name not in ("id", "version")]


def national() -> tuple[Item, ...]:
    """The items that ship with the program: national law, and local items whose amounts nobody has told yet."""
    return _shipped("violations.json")


def demonstration() -> tuple[Item, ...]:
    """The items of demonstrations (演示数据): they are no law, and only demonstrations publish them."""
    return _shipped("violations_demo.json")


def template() -> tuple[Item, ...]:
    """One demonstration item under a code of one's own, by which a table's columns explain themselves."""
    return (replace(demonstration()[0], code="EXAMPLE-1", demo=False),)


def versions(session: Session, code: str | None = None) -> Sequence[Item]:
    """Every version of one item, or of all, the newest first. One SELECT."""
    query = sa.select(*_COLUMNS).order_by(Violation.code, Violation.valid_from.desc())
    if code is not None:
        query = query.where(Violation.code == code)
    return [item_of({str(name): value for name, value in row.items()}) for row in session.execute(query).mappings()]


def _shipped(name: str) -> tuple[Item, ...]:
    raw = files("field_api.casework").joinpath("data/law", name).read_bytes()
    return tuple(item_of(one) for one in orjson.loads(raw))
