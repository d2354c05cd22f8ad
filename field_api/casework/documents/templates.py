"""The dated templates: which one a paper of a day is set in, and what it can't be printed without."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from field_api.casework.documents.remedies import VARIANTS

FOLDER = Path(__file__).parent / "templates"
COPIES = {"party": ("当事人联", "party's copy"), "stub": ("存根联", "stub"), "thermal": ("热敏联", "thermal slip")}


@dataclass(frozen=True, slots=True)
class Template:
    """One dated form of one paper.

    valid_to: the last day, None while it is in use. required: paths into the context that may not be empty.
    officers: how many must have signed. signs: who signs, in order. remedy: which dated words, or none.
    """

    type: str
    version: str
    file: str
    zh: str
    en: str
    valid_from: date
    valid_to: date | None
    required: tuple[str, ...]
    copies: tuple[str, ...]
    signs: tuple[str, ...]
    officers: int = 0
    remedy: str | None = None

    @property
    def public(self) -> bool:
        """Whether a citizen holds a copy, so that he may check it; internal papers have no public page."""
        return "party" in self.copies

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class TemplatesUnfit(RuntimeError):
    """The shipped manifest contradicts itself; the message says where."""


def find(kind: str, day: date) -> Template | None:
    """The template of a paper of this type made on this day; None where there is none."""
    return next((one for one in shipped() if one.type == kind and one.holds(day)), None)


@cache
def shipped() -> tuple[Template, ...]:
    """Every template that the program has, by type and date. Raises: TemplatesUnfit."""
    manifest = tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))
    found = tuple(_read(entry) for entry in manifest["template"])
    _check(found)
    return found


def _read(entry: Mapping[str, Any]) -> Template:
    lists = {name: tuple(entry.get(name, ())) for name in ("required", "copies", "signs")}
    plain = {name: value for name, value in entry.items() if name not in lists}
    return Template(**{"file": f"{entry['type']}.typ", "valid_to": None} | plain | lists)


def _check(found: tuple[Template, ...]) -> None:
    for one in found:
        if not (FOLDER / one.file).is_file():
            raise TemplatesUnfit(f"{one.version}: {one.file} is missing")
        if one.remedy is not None and one.remedy not in VARIANTS:
            raise TemplatesUnfit(f"{one.version}: no remedy words are called {one.remedy}")
        if not set(one.copies) <= COPIES.keys() or not one.copies:
            raise TemplatesUnfit(f"{one.version}: copies are {', '.join(COPIES)}")
        clashes = [
            other.version
            for other in found
            if other is not one and other.type == one.type and other.holds(one.valid_from)
        ]
        if clashes:
            raise TemplatesUnfit(f"{one.version} and {clashes[0]} hold on the same day")
