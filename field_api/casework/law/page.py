"""The rules as a document for people: every version of every check, its source, and whether its text was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from field_api.casework.law.bundle import END, START, Bundle, Rule

SOURCES: Mapping[str, tuple[str, str]] = {
    "read": ("已读原文", "text read"),
    "common": ("通行说法，未核原文", "common knowledge, text not read"),
    "configuration": ("由本单位设置", "configuration of the bureau"),
    "inference": ("推定", "inferred"),
}
_PLACES = (("terminal", "T"), ("server", "S"), ("review", "R"))
_HEAD = """# The rules of law

Made from the code by `./fieldpost law`; not to be edited. Bundle {version}: {checks} checks of {rules} rules, in
{versions} versions. Each is data in `field_api/casework/data/law`; [ADR 31](adr/0031-rules-as-data.md) says why, the
[protocol](protocol.md#law) how a terminal judges by them, `tests/data/law_vectors.json` what each says of which facts.

*Source* is how far a text can be trusted: *text read* in the statute; *common knowledge* of the field, text not read;
*configuration*, which the bureau must set (`FIELDPOST_LAW_…`), else the rule says "not configured" and decides nothing.
*By the act*: the law at the time of the act, or a later lighter one (行政处罚法 37). *By the step*: the law on the day
of the decision. T: terminal, S: server, R: review.

A case's `rule_set` is `<bundle's version>@<date for which the rules were chosen>`, as in `{version}@2026-05-11` (R33).
"""


def rendered(bundle: Bundle) -> str:
    """The whole document, Markdown."""
    checks = {one.id for one in bundle.rules}
    numbers = {one.rule for one in bundle.rules}
    head = _HEAD.format(
        version=bundle.version, checks=len(checks), rules=len(numbers), versions=len(bundle.rules)
    )
    parts = [head, *_parameters(bundle.document["parameters"])]
    for number, rules in groupby(sorted(bundle.rules, key=_place), key=lambda one: one.rule):
        parts += [f"\n## {number}\n", *(line for one in rules for line in _version(one))]
    return "\n".join(parts) + "\n"


def _place(rule: Rule) -> tuple[str, str, str]:
    return rule.rule, rule.id, rule.valid_from


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Parameters\n"
    yield "| name | value | from | to | article | source |\n|---|---|---|---|---|---|"
    for one in parameters:
        value = ", ".join(map(str, one["value"])) if isinstance(one["value"], list) else one["value"]
        dates = f"{one['valid_from'] or ''} | {one['valid_to'] or ''}"
        yield f"| `{one['name']}` | {value} | {dates} | {one['article']} | {_source(one['basis_read'])} |"


def _version(rule: Rule) -> Iterator[str]:
    start = "" if rule.valid_from == START else rule.valid_from
    end = "" if rule.valid_to == END else rule.valid_to
    where = "".join(short for name, short in _PLACES if name in rule.where)
    dated = "by the act" if rule.dated_by == "act" else "by the step"
    dates = "" if rule.dates_source == rule.source else f"; dates: {_source(rule.dates_source)}"
    yield f"### {rule.id}{' until ' + end if end else ''}\n"
    yield f"**{rule.consequence}** · {rule.article} · {_source(rule.source)}{dates}\n"
    yield f"- in force {start or '…'} – {end or '…'}, {dated}; {where}; {' '.join(sorted(rule.when))}"
    yield f"- {rule.words.zh} · {rule.words.en}"
    yield f"- {rule.remedy.zh} · {rule.remedy.en}"
    yield f"- `{rule.condition}`"
    if rule.unset:
        yield f"- not configured: `{rule.unset}`"
    if rule.lighter != "fires":
        yield f"- lighter: {rule.lighter}"
    yield from (f"- {name}: `{text}`" for name, text in rule.values.items())
    yield ""


def _source(name: str) -> str:
    return " ".join(SOURCES[name])
