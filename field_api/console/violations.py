"""The violation catalogue: found, read, tried out by the calculator, and brought in as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, request

from field_api.casework import violations as catalogue
from field_api.casework.catalogue_import import taking
from field_api.casework.catalogue_import.columns import written
from field_api.casework.catalogue_import.report import ACTIONS, Report
from field_api.casework.law.catalogue import LARGEST_FEN, PARTY_KINDS, Item, choose, newest
from field_api.casework.law.factors import FACTORS
from field_api.casework.law.penalty import Figure, Summary, penalty_by, summary, yuan
from field_api.casework.sheets import MAX_BYTES
from field_api.console import show
from field_api.console.desk_queries import badges
from field_api.console.page import argument, language, page, render
from field_api.endpoint import Answer, Context
from field_api.extensions import services
from field_api.problems import Problem

blueprint = Blueprint("console_violations", __name__, url_prefix="/console/violations")
KEEPERS = ("legal", "admin")
SHOWN = 200
MODES = ("check", "all", "good")
_MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Tried:
    """What was typed into the calculator, and its answer. wrong: the fields that could not be read."""

    party: str
    day: str
    amount: str
    factors: Sequence[str]
    wrong: Sequence[str] = ()
    figure: Figure | None = None
    spot: Summary | None = None


@blueprint.get("")
@page()
def index(context: Context) -> Answer:
    asked, today = argument("q"), _today(context)
    found = [one for one in _current(catalogue.versions(context.session), today) if _matches(one, asked)]
    return render(
        context,
        "violations.html",
        badges=badges(context.session, context.identity),
        asked=asked,
        found=found[:SHOWN],
        total=len(found),
        today=today,
        keeps=bool(context.identity.roles.intersection(KEEPERS)),
        yuan=yuan,
    )


@blueprint.get("/item/<code>")
@page()
def show_item(context: Context, code: str) -> Answer:
    versions = catalogue.versions(context.session, code)
    if not versions:
        raise Problem("not_found")
    today = _today(context)
    return render(
        context,
        "violation.html",
        badges=badges(context.session, context.identity),
        item=_current(versions, today)[0],
        versions=versions,
        today=today,
        tried=_tried(versions, today),
        factors=_factors(versions),
        parties=PARTY_KINDS,
        yuan=yuan,
    )


@blueprint.get("/import")
@page()
def import_form(context: Context) -> Answer:
    context.identity.require(*KEEPERS)
    return _import_page(context, None, "check")


@blueprint.post("/import")
@page(mode="write")
def take_in(context: Context) -> Answer:
    context.identity.require(*KEEPERS)
    raw = _sent()
    mode = request.form.get("mode", "")
    mode = mode if mode in MODES else "check"
    report = taking.take(
        context.session, services().home, raw, context.now, dry_run=mode == "check", only_good=mode == "good"
    )
    return _import_page(context, report, mode)


@blueprint.get("/template.csv")
@page()
def template_file(_context: Context) -> Answer:
    return _table("fieldpost-violations-template.csv", catalogue.template())


@blueprint.get("/catalogue.csv")
@page()
def catalogue_file(context: Context) -> Answer:
    return _table("fieldpost-violations.csv", catalogue.versions(context.session))


def _sent() -> bytes:
    """The chosen file, as far as it is read; nothing where none was chosen."""
    file = request.files.get("file")
    if file is None:
        return b""
    # A large one lies in a file on the disk, which nobody else closes.
    with closing(file):
        return file.stream.read(MAX_BYTES + 1)


def _table(name: str, items: Iterable[Item]) -> Answer:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Answer(written(items, language()), headers=headers, media_type="text/csv")


def _import_page(context: Context, report: Report | None, mode: str) -> Answer:
    waiting = badges(context.session, context.identity)
    return render(
        context, "violations_import.html", badges=waiting, report=report, mode=mode, modes=MODES, actions=ACTIONS
    )


def _today(context: Context) -> date:
    """The day it is where the acts are done."""
    return context.now.astimezone(show.CHINA).date()


def _current(versions: Iterable[Item], today: date) -> list[Item]:
    """One version of each item: the one in force today, or else the newest."""
    by_code: dict[str, list[Item]] = {}
    for one in versions:
        by_code.setdefault(one.code, []).append(one)
    return [newest(held, today) or held[0] for held in by_code.values()]


def _matches(item: Item, asked: str) -> bool:
    """Say whether every word that was typed stands in what a person would look an item up by."""
    text = " ".join((item.code, item.zh, item.en, *item.breaks, *item.applies, *item.categories)).lower()
    return all(word in text for word in asked.lower().split())


def _factors(versions: Sequence[Item]) -> Mapping[str, tuple[str, str]]:
    """The factors that may be ticked: the law's, and those that a step of this item names."""
    local = {code: (code, code) for item in versions for step in item.steps for code in step.factors}
    return {**local, **{code: (one.zh, one.en) for code, one in FACTORS.items()}}


def _tried(versions: Sequence[Item], today: date) -> Tried:
    """What the query string asks of the calculator; without a party, nothing."""
    typed = Tried(
        argument("party", 24), argument("date", 10), argument("amount", 16), tuple(request.args.getlist("factor")[:20])
    )
    if typed.party not in PARTY_KINDS:
        return Tried("", typed.day or today.isoformat(), typed.amount, ())
    day, amount_fen, wrong = _day(typed.day), _fen(typed.amount), []
    if day is None:
        wrong.append("date")
    if typed.amount and amount_fen is None:
        wrong.append("amount")
    choice = choose(versions, versions[0].code, day) if day else None
    if choice is None and not wrong:
        wrong.append("version")
    if choice is None or wrong or day is None:
        return Tried(typed.party, typed.day, typed.amount, typed.factors, wrong)
    figure = penalty_by(choice, typed.party, typed.factors, amount_fen)
    spot = summary(choice.item, typed.party, day)
    return Tried(typed.party, typed.day, typed.amount, typed.factors, wrong, figure, spot)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _fen(text: str) -> int | None:
    if not _MONEY.fullmatch(text):
        return None
    whole, _, part = text.partition(".")
    fen = int(whole) * 100 + int(part.ljust(2, "0")[:2])
    return fen if 0 < fen <= LARGEST_FEN else None
