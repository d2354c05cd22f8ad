"""Judge facts by the rules of the right date. Source: 行政处罚法 Art. 37 (从旧兼从轻).

Substance goes by the date of the act, unless a later law is lighter for the party; procedure goes by the law of
the day on which the step is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from field_api.casework.law.bundle import Bundle, Rule, Snapshot, Words
from field_api.casework.law.facts import complete

# How a finding's version of the law was chosen.
BY_ACT, BY_STEP, LIGHTER = "act", "step", "lighter"
CHOSEN: Mapping[str, tuple[str, str]] = {
    BY_ACT: ("适用行为时的规定", "the law at the time of the act"),
    BY_STEP: ("适用作出该程序行为时的规定", "the law when the step was taken"),
    LIGHTER: (
        "行为后规定有变化，适用对当事人较轻的规定（行政处罚法第三十七条）",
        "the law changed after the act: the one lighter for the party (penalty law, Art. 37)",
    ),
}
NOT_CONFIGURED = Words(
    "配置项 {missing} 未设置：本规则无法判断", "the configuration {missing} is not set: this rule cannot be judged"
)
CONFIGURE = Words("请管理员按本地规定设置该项", "ask the administrator to set it by the local rules")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule says. `rule`: R01 to R52; `check`: which of its checks; `chosen_by`: a key of CHOSEN."""

    rule: str
    check: str
    consequence: str
    article: str
    source: str
    chosen_by: str
    values: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    remedy: Mapping[str, str] = field(default_factory=dict)


def judge(
    bundle: Bundle, facts: Mapping[str, Any], stage: str | None = None, where: str | None = None
) -> list[Finding]:
    """Everything that the rules say, in the order of the rules.

    facts: any part of the shape; what is missing is null. stage, where: None asks the rules of every stage or place.
    """
    whole = complete(facts)
    act, decided = whole["act"]["date"], whole["decision"]["date"]
    earlier = bundle.at(act or decided)
    later = bundle.at(decided or act)
    contexts = {id(earlier): _context(whole, earlier)}
    if later is not earlier:
        contexts[id(later)] = _context(whole, later)
    found: list[Finding] = []
    for check in sorted({*earlier.rules, *later.rules}):
        found += _ask(check, earlier, later, contexts, stage, where)
    return found


def _context(whole: Mapping[str, Any], snapshot: Snapshot) -> Any:
    from cel import Context  # as late as in the bundle, for the same reason

    return Context({**whole, "p": dict(snapshot.parameters)})


def _ask(
    check: str,
    earlier: Snapshot,
    later: Snapshot,
    contexts: Mapping[int, Any],
    stage: str | None,
    where: str | None,
) -> Iterator[Finding]:
    old, new = (_asked(one.rules.get(check), stage, where) for one in (earlier, later))
    either = new or old
    if either is None:
        return
    if earlier is later or either.dated_by == BY_STEP:
        by = either.dated_by
        finding = _evaluate(new, contexts[id(later)], by) if new else None
    else:
        by_act = _evaluate(old, contexts[id(earlier)], BY_ACT) if old else None
        by_later = _evaluate(new, contexts[id(later)], LIGHTER) if new else None
        finding = lightest(either.lighter, by_act, by_later)
    if finding is not None:
        yield finding


def _asked(rule: Rule | None, stage: str | None, where: str | None) -> Rule | None:
    if rule is None or (stage is not None and stage not in rule.when):
        return None
    return rule if where is None or where in rule.where else None


def lightest(lighter: str, by_act: Finding | None, by_later: Finding | None) -> Finding | None:
    """The result that is lighter for the party; the act's own law where both are equal."""
    if lighter == "fires":
        return by_act or by_later
    if by_act is None or by_later is None:
        return None
    _, _, name = lighter.partition(":")
    return by_later if name and by_later.values[name] < by_act.values[name] else by_act


def _evaluate(rule: Rule, context: Any, chosen_by: str) -> Finding | None:
    condition, unset, named = rule.programs
    missing = unset.execute(context) if unset is not None else ""
    if missing:
        return _finding(rule, "not_configured", chosen_by, {"missing": missing})
    if not condition.execute(context):
        return None
    values = {name: program.execute(context) for name, program in named}
    return _finding(rule, rule.consequence, chosen_by, values)


def _finding(rule: Rule, consequence: str, chosen_by: str, values: Mapping[str, Any]) -> Finding:
    words, remedy = rule.words, rule.remedy
    if consequence == "not_configured":
        words, remedy = NOT_CONFIGURED, CONFIGURE
    return Finding(
        rule.rule,
        rule.id,
        consequence,
        rule.article,
        rule.source,
        chosen_by,
        values,
        {language: words.said(language, values) for language in ("zh", "en")},
        {language: remedy.said(language, values) for language in ("zh", "en")},
    )
