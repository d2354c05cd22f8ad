"""In whose name papers are made: names, courts and accounts as the installation configured them, none invented."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from field_api.casework.documents.remedies import Bodies

MAX_FILE_BYTES = 256 * 1024
LONGEST = 300


class AuthoritiesUnfit(ValueError):
    """The file of authorities cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An enforcing subject (执法主体). Everything may be empty: then the paper says that it is not configured.

    seal: the words of the seal. review, review_address, court: where a party turns. channel: reviews by internet.
    bank, account_name, account_no, pay_note: where fines are paid.
    """

    kind: Literal["city", "police"] = "city"
    name: str = ""
    seal: str = ""
    address: str = ""
    phone: str = ""
    review: str = ""
    review_address: str = ""
    court: str = ""
    channel: str = ""
    bank: str = ""
    account_name: str = ""
    account_no: str = ""
    pay_note: str = ""

    @property
    def bodies(self) -> Bodies:
        where = f"（{self.review_address}）" if self.review and self.review_address else ""
        return Bodies(self.review + where, self.court, self.channel)


_NAMES = frozenset(one.name for one in fields(Authority))


def of_unit(path: Path, unit: str | None, kind: str = "city") -> Authority:
    """The authority that a unit acts for: the one that names it, else the one of its kind that names no units.

    kind: `city` or `police`, whose power is used. A blank one where nothing is configured.

    Raises:
        AuthoritiesUnfit: the file is there and cannot be used.
    """
    general = Authority("police" if kind == "police" else "city")
    for units, authority in _read(path):
        if authority.kind != general.kind:
            continue
        if unit is not None and unit in units:
            return authority
        if not units:
            general = authority
    return general


def _read(path: Path) -> list[tuple[tuple[str, ...], Authority]]:
    if not path.is_file():
        return []
    if path.stat().st_size > MAX_FILE_BYTES:
        raise AuthoritiesUnfit(f"{path.name} is larger than {MAX_FILE_BYTES} bytes")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuthoritiesUnfit(f"{path.name}: {error}") from error
    return [_entry(name, table) for name, table in tables.items()]


def _entry(name: str, table: Any) -> tuple[tuple[str, ...], Authority]:
    if not isinstance(table, Mapping):
        raise AuthoritiesUnfit(f"[{name}] must be a table")
    units = table.get("units", [])
    given = {key: value for key, value in table.items() if key != "units"}
    unknown = given.keys() - _NAMES
    if unknown:
        known = ", ".join(sorted(_NAMES))
        raise AuthoritiesUnfit(f"[{name}] has the unknown key {min(unknown)!r}; known: {known}")
    if not isinstance(units, list) or not all(isinstance(one, str) for one in units):
        raise AuthoritiesUnfit(f"[{name}] units must be a list of unit codes")
    if not all(isinstance(value, str) and len(value) <= LONGEST for value in given.values()):
        raise AuthoritiesUnfit(f"[{name}] every value must be a text of at most {LONGEST} characters")
    if given.get("kind", "city") not in ("city", "police"):
        raise AuthoritiesUnfit(f"[{name}] kind must be city or police")
    return tuple(units), Authority(**cast("dict[str, Any]", given))
