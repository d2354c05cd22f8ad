"""The dated rules as values: read once from plain data, compiled once, and cut by date.

It knows no file, no database and no clock: whoever calls brings the data and the date.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cel import Program

Read = Literal["read", "common", "configuration", "inference"]
STAGES = (
    "check", "notify", "decide", "serve", "pay", "file", "close", "archive",
    "measure", "release", "review", "assign", "enforce", "publish", "view",
)  # fmt: skip
WHERE = ("terminal", "server", "review")
CONSEQUENCES = ("block", "flag", "compute", "alert", "not_configured")
START, END = "0000-00-00", "9999-99-99"


class BundleError(ValueError):
    """The data are no rule bundle; the message names the rule and its fault."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a person is told, in both languages; `{name}` stands for a value of the finding."""

    zh: str
    en: str

    def said(self, language: str, values: Mapping[str, Any]) -> str:
        text = self.zh if language == "zh" else self.en
        for name, value in values.items():
            text = text.replace("{" + name + "}", _said(value))
        return text


def _said(value: Any) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


@dataclass(frozen=True)
class Rule:
    """One version of one check of a rule. `id`: of the check, stable over its versions; `rule`: R01 to R52.

    dated_by: `act` for substance (Art. 37 of the penalty law), `step` for procedure: the law when the step is taken.
    lighter: which of two versions' results is the party's, where the law changed between act and decision:
    `fires` (the finding protects him), `silent`, or `least:<value>`.
    unset: the name of a configuration that the rule needs and has not; an empty text where nothing is missing.
    """

    id: str
    rule: str
    article: str
    source: Read
    dates_source: Read
    valid_from: str
    valid_to: str
    dated_by: str
    lighter: str
    when: frozenset[str]
    where: frozenset[str]
    condition: str
    unset: str | None
    consequence: str
    values: Mapping[str, str]
    words: Words
    remedy: Words

    @cached_property
    def programs(self) -> tuple[Program, Program | None, tuple[tuple[str, Program], ...]]:
        """The condition, the test for configuration, and each value, compiled."""
        # Imported here: the package draws a whole terminal toolkit in, half a second for a process that never judges.
        from cel import compile as compiled

        named = tuple((name, compiled(text)) for name, text in self.values.items())
        return compiled(self.condition), compiled(self.unset) if self.unset else None, named

    def holds_at(self, date: str) -> bool:
        return self.valid_from <= date <= self.valid_to


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rules and parameters that are in force together, from one change to the next."""

    rules: Mapping[str, Rule]
    parameters: Mapping[str, int | list[int] | list[str]]


@dataclass(frozen=True)
class Bundle:
    """All versions of all rules. `document`: the plain data that it was read from, as served."""

    version: str
    document: Mapping[str, Any]
    rules: tuple[Rule, ...]
    changes: tuple[str, ...]
    snapshots: tuple[Snapshot, ...]

    def at(self, date: str | None) -> Snapshot:
        """What is in force on a date; without one, the newest."""
        return self.snapshots[-1 if date is None else max(0, bisect.bisect_right(self.changes, date) - 1)]


def read(document: Mapping[str, Any]) -> Bundle:
    """Make a bundle of plain data: `{version, parameters: [...], rules: [...]}`.

    Raises:
        BundleError: something is missing, unknown, or valid twice at one time.
    """
    rules = tuple(_rule(raw) for raw in document["rules"])
    parameters = document["parameters"]
    spans = [(one.valid_from, one.valid_to) for one in rules]
    spans += [(one["valid_from"] or START, one["valid_to"] or END) for one in parameters]
    changes = tuple(sorted({START, *_changes(spans)}))
    snapshots = tuple(_snapshot(rules, parameters, date) for date in changes)
    return Bundle(document["version"], document, rules, changes, snapshots)


def _changes(spans: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The first days of something new: each start, and the day after each end.

    A text after the end's own sorts behind every time of that day and before the next day; no calendar is needed.
    """
    for start, end in spans:
        yield start
        if end != END:
            yield end + "~"


def _snapshot(rules: tuple[Rule, ...], parameters: Iterable[Mapping[str, Any]], date: str) -> Snapshot:
    """What is in force on the first day of a span."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.holds_at(date):
            if rule.id in found:
                raise BundleError(f"{rule.id} has two versions on {date}")
            found[rule.id] = rule
    values: dict[str, Any] = {}
    for one in parameters:
        if (one["valid_from"] or START) <= date <= (one["valid_to"] or END):
            if one["name"] in values:
                raise BundleError(f"parameter {one['name']} has two values on {date}")
            values[one["name"]] = one["value"]
    return Snapshot(found, values)


def _rule(raw: Mapping[str, Any]) -> Rule:
    try:
        made = Rule(
            id=raw["id"],
            rule=raw["rule"],
            article=raw["article"],
            source=raw["basis_read"],
            dates_source=raw["dates_read"],
            valid_from=raw["valid_from"] or START,
            valid_to=raw["valid_to"] or END,
            dated_by=raw["dated_by"],
            lighter=raw["lighter"],
            when=frozenset(raw["when"]),
            where=frozenset(raw["where"]),
            condition=raw["condition"],
            unset=raw["unset"],
            consequence=raw["consequence"],
            values=raw["values"],
            words=Words(**raw["words"]),
            remedy=Words(**raw["remedy"]),
        )
    except (KeyError, TypeError) as error:
        raise BundleError(f"{raw.get('id')}: {error}") from None
    if not (made.when <= set(STAGES) and made.where <= set(WHERE) and made.when and made.where):
        raise BundleError(f"{made.id}: unknown stage or place")
    if made.consequence not in CONSEQUENCES or made.dated_by not in ("act", "step"):
        raise BundleError(f"{made.id}: unknown consequence or date")
    return made
