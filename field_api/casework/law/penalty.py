"""The calculator: a figure for one item, one kind of party and what weighs on it, explained line by line.

It suggests nothing outside the law's range, invents no amount that nobody has told, and says which rule forbids what.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from field_api.casework.law.catalogue import SUBJECTS, Choice, Item, Penalty, Step, Words
from field_api.casework.law.factors import CONTRADICTIONS, FACTORS, OF_PERSONS, excused_by, has, may_be_spared
from field_api.casework.procedure_enums import PROCEDURE_ENUMS

_KINDS = {code: (zh, en) for code, zh, en in PROCEDURE_ENUMS["penalty_kind"]}
_EFFECTS = {
    "excuses": ("不予处罚", "no penalty"),
    "lighter": ("应当从轻或者减轻", "must be lighter"),
    "heavier": ("按裁量基准从重", "heavier by the discretion standard"),
    "leads": ("裁量时考虑", "weighed"),
}
# First day of force, most for a person and for an organisation. Source: 行政处罚法 (2021) Art. 51; (2017) Art. 33.
_SUMMARY = ((date(2021, 7, 15), 200_00, 3_000_00), (date(1996, 10, 1), 50_00, 1_000_00))
_ROUND_FEN = 10_00


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with a charge or an amount. action: "block" or "flag". rule: of the rule table, or empty."""

    code: str
    action: str
    rule: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The calculator's answer.

    outcome: "penalty" | "may_be_spared" | "no_penalty" | "not_configured" | "not_for_party".
    min_fen, max_fen: the law's range, None where it is not known or there is no fine.
    suggested_fen: None where there is nothing to found a figure on. step: the discretion step that was taken.
    """

    outcome: str
    kinds: tuple[str, ...] = ()
    min_fen: int | None = None
    max_fen: int | None = None
    suggested_fen: int | None = None
    step: str | None = None
    explanation: tuple[Words, ...] = ()
    problems: tuple[Objection, ...] = ()

    @property
    def blocked(self) -> bool:
        """Say whether anything forbids going on."""
        return any(one.action == "block" for one in self.problems)


@dataclass(frozen=True, slots=True)
class Summary:
    """Whether the summary procedure may carry this item for a party. possible: None where amounts are not known."""

    possible: bool | None
    limit_fen: int
    rule: str
    zh: str
    en: str


def penalty(
    item: Item,
    party_kind: str,
    factors: Collection[str] = (),
    amount_fen: int | None = None,
    subject: str | None = None,
) -> Figure:
    """Work out the figure for one party, and judge an amount where one is given.

    factors: codes of `FACTORS`, or local ones that a step of the item names.
    subject: whose decision it is to be; None where that is not asked.
    """
    given = frozenset(factors)
    told = _charge(item) + tuple(_line_of(item, code) for code in _in_order(given))
    problems = tuple(_of_factors(item, party_kind, given)) + tuple(_of_subject(item, subject))
    one = item.penalties.get(party_kind)
    if one is None:
        words = ("本案由没有对这类当事人的处罚规定", "The item provides no penalty for this kind of party")
        return Figure("not_for_party", explanation=told, problems=(*problems, Objection("not_for_party", "block", "",
                      *words)))  # fmt: skip
    article = excused_by(given)
    if article is not None:
        return _excused(article, given, told, problems, amount_fen)
    figure = _graded(item, one, party_kind, given, Figure("penalty", one.kinds, explanation=told, problems=problems))
    figure = _spared(item, given, figure)
    return _judged(item, one, given, figure, amount_fen)


def penalty_by(choice: Choice, party_kind: str, factors: Collection[str] = (), amount_fen: int | None = None,
               subject: str | None = None) -> Figure:  # fmt: skip
    """The same for a version that was chosen by date, saying which and why. Source: Art. 37."""
    figure = penalty(choice.item, party_kind, factors, amount_fen, subject)
    since = choice.item.valid_from.isoformat()
    if choice.by == "lighter_later":
        line = (f"决定时的规定（{since} 起）较轻，适用新规定（《行政处罚法》第37条）",
                f"the later version, in force since {since}, is lighter and applies (Art. 37)")  # fmt: skip
    else:
        line = (f"适用违法行为发生时的规定（{since} 起）", f"the version in force at the act applies (since {since})")
    figure = replace(figure, explanation=(*figure.explanation, line))
    if choice.by != "no_longer_punished":
        return figure
    gone = Objection("no_longer_punished", "block", "R33",
                     "决定时该规定已不再施行，不认为违法的适用新规定（《行政处罚法》第37条）",
                     "The rule was no longer in force at the decision (Art. 37)")  # fmt: skip
    return replace(figure, outcome="no_penalty", suggested_fen=None, problems=(*figure.problems, gone))


def summary(item: Item, party_kind: str, decided: date) -> Summary:
    """Say whether the summary procedure can carry the item's least penalty. Source: Art. 51; rules R03, R05."""
    limit = summary_limit_fen(party_kind, decided)
    one = item.penalties.get(party_kind)
    if one is None:
        return Summary(False, limit, "", "本案由不适用于这类当事人", "The item is not for this kind of party")
    if "warn" in one.kinds:
        words = (f"可当场警告，或罚款不超过{yuan(limit)}元", f"a warning or a fine of up to {yuan(limit)} yuan")
        return Summary(True, limit, "", *words)
    if not one.fines:
        return Summary(False, limit, "R03", "没有可以当场作出的处罚种类，须适用普通程序",
                       "none of its penalties can be given on the spot: general procedure")  # fmt: skip
    if one.min_fen is None:
        return Summary(None, limit, "", "罚款数额未配置，不能判断", "the amounts are not configured: it cannot be told")
    if one.min_fen > limit:
        zh = f"最低罚款{yuan(one.min_fen)}元，超过当场处罚的{yuan(limit)}元，须适用普通程序"
        en = f"the least fine, {yuan(one.min_fen)} yuan, is above {yuan(limit)}: general procedure"
        return Summary(False, limit, "R05", zh, en)
    return Summary(True, limit, "", f"罚款不超过{yuan(limit)}元时可当场处罚", f"on the spot up to {yuan(limit)} yuan")


def summary_limit_fen(party_kind: str, decided: date) -> int:
    """The most that a summary decision of that day may fine. An individual business counts as a person."""
    for since, person, organisation in _SUMMARY:
        if decided >= since:
            return organisation if party_kind == "org" else person
    return 0


def yuan(fen: int) -> str:
    """Fen as yuan, with cents only where there are some."""
    return str(fen // 100) if fen % 100 == 0 else f"{fen // 100}.{fen % 100:02d}"


def _in_order(given: frozenset[str]) -> list[str]:
    return sorted(given, key=lambda code: (list(FACTORS).index(code) if code in FACTORS else len(FACTORS), code))


def _charge(item: Item) -> tuple[Words, ...]:
    breaks, applies = "、".join(item.breaks), "、".join(item.applies)
    return ((f"案由：{item.zh}；违反{breaks}；依据{applies}", f"charge: {item.en}; breaks {breaks}; by {applies}"),)


def _line_of(item: Item, code: str) -> Words:
    factor = FACTORS.get(code)
    if factor is not None:
        zh, en = _EFFECTS[factor.effect]
        by = factor.article
        return f"{factor.zh}：{zh}（《行政处罚法》第{by}条）", f"{factor.en}: {en} (Art. {by})"
    steps = [one for one in item.steps if code in one.factors]
    if steps:
        return f"{code}：见裁量阶次{steps[0].zh}", f"{code}: of the discretion step {steps[0].en}"
    return f"{code}：不是已知的情节", f"{code}: not a known factor"


def _of_factors(item: Item, party_kind: str, given: frozenset[str]) -> Sequence[Objection]:
    found = []
    local = {code for one in item.steps for code in one.factors} | set(item.exempt.conditions if item.exempt else ())
    unknown = [code for code in _in_order(given) if code not in FACTORS and code not in local]
    if unknown:
        found.append(Objection("factor_unknown", "block", "", "没有这种情节：" + "、".join(unknown),
                               "There is no such factor: " + ", ".join(unknown)))  # fmt: skip
    for pair in CONTRADICTIONS:
        if pair <= given:
            zh, en = ([getattr(FACTORS[code], name) for code in sorted(pair)] for name in ("zh", "en"))
            found.append(Objection("factors_contradict", "block", "", f"情节互相矛盾：{'、'.join(zh)}",
                                   f"These contradict each other: {', '.join(en)}"))  # fmt: skip
    if party_kind == "org" and given & OF_PERSONS:
        found.append(Objection("factor_not_for_party", "block", "", "年龄、精神状况只适用于个人",
                               "Age and state of mind are a person's only"))  # fmt: skip
    return found


def _of_subject(item: Item, subject: str | None) -> Sequence[Objection]:
    if subject is None or subject == item.subject:
        return ()
    zh, en = SUBJECTS[item.subject]
    zh, en = item.authority or zh, f"{item.authority} ({en})" if item.authority else en
    zh = f"本案由由{zh}处罚，其他机关决定无效（《行政处罚法》第38条）"
    return (Objection("subject_without_power", "block", "R50", zh, f"This is for {en}; another's decision is void"),)


def _excused(
    article: str,
    given: frozenset[str],
    told: tuple[Words, ...],
    problems: tuple[Objection, ...],
    amount_fen: int | None,
) -> Figure:
    """No penalty: Art. 30, 31 or 33. An amount against the first is refused, against Art. 33(1) it wants a reason."""
    line = (f"不予处罚，应当教育当事人（《行政处罚法》第{article}条）",
            f"no penalty; the party is educated (Art. {article})")  # fmt: skip
    if amount_fen is not None:
        rule, action = ("R29", "block") if article == "30" else ("R30", "flag" if article == "33" else "block")
        action = "block" if has(given, "excuses") else action
        problems = (*problems, Objection("must_not_be_punished", action, rule,
                    f"依法不予处罚，不能处罚款{yuan(amount_fen)}元", "The law forbids a penalty here"))  # fmt: skip
    return Figure("no_penalty", explanation=(*told, line), problems=problems)


def _graded(item: Item, one: Penalty, party_kind: str, given: frozenset[str], figure: Figure) -> Figure:
    """The range, the step and the figure that they lead to."""
    kinds = [_KINDS[kind] for kind in one.kinds]
    lines = [("处罚种类：" + "、".join(zh for zh, _ in kinds), "kinds: " + ", ".join(en for _, en in kinds))]
    if not one.fines:
        return replace(figure, explanation=(*figure.explanation, *lines))
    if one.min_fen is None or one.max_fen is None:
        lines.append(("罚款数额未配置：请按本地规定录入案由目录",
                      "the amounts are not configured: import the local rule"))  # fmt: skip
        missing = Objection("not_configured", "flag", "", "罚款数额未配置，不能核对", "Amounts are not configured")
        return replace(figure, outcome="not_configured", explanation=(*figure.explanation, *lines),
                       problems=(*figure.problems, missing))  # fmt: skip
    lines.append((f"法定幅度：{yuan(one.min_fen)}元至{yuan(one.max_fen)}元",
                  f"the law's range: {yuan(one.min_fen)} to {yuan(one.max_fen)} yuan"))  # fmt: skip
    step = _step(item, one, party_kind, given)
    suggested, why = _suggest(one.min_fen, one.max_fen, step, given)
    if suggested is not None and suggested == 0:
        suggested, why = None, ("法律没有下限，请酌定", "there is no least amount by law: judge it")
    return replace(figure, min_fen=one.min_fen, max_fen=one.max_fen, suggested_fen=suggested,
                   step=step.code if step else None, explanation=(*figure.explanation, *lines, why))  # fmt: skip


def _step(item: Item, one: Penalty, party_kind: str, given: frozenset[str]) -> Step | None:
    """The step with most of its conditions met; among equals the lightest: in doubt for the party."""
    fitting = [
        step
        for step in item.steps
        if step.party in (None, party_kind)
        and step.min_fen is not None
        and step.max_fen is not None
        and (one.min_fen or 0) <= step.min_fen <= step.max_fen <= (one.max_fen or 0)
        and given >= set(step.factors)
    ]
    return min(fitting, key=lambda step: (-len(step.factors), step.max_fen or 0, step.code), default=None)


def _suggest(low: int, high: int, step: Step | None, given: frozenset[str]) -> tuple[int | None, Words]:
    lighter, heavier = has(given, "lighter"), has(given, "heavier")
    if step is not None and step.min_fen is not None and step.max_fen is not None:
        low, high = step.min_fen, step.max_fen
        ends = yuan(low), yuan(high)
        place = f"裁量阶次：{step.zh}，{ends[0]}元至{ends[1]}元", f"step {step.en}: {ends[0]} to {ends[1]} yuan"
    elif low == high:
        return low, ("法定数额固定", "the law fixes the amount")
    elif lighter and not heavier:
        return low, ("从轻：取法定幅度的下限", "lighter: the lower end of the law's range")
    else:
        return None, ("裁量基准未配置，请在法定幅度内酌定并说明理由",
                      "no discretion standard is configured: judge within the range and say why")  # fmt: skip
    if lighter and not heavier:
        return low, (f"{place[0]}；从轻，取下限", f"{place[1]}; lighter, its lower end")
    if heavier and not lighter:
        return high, (f"{place[0]}；从重，取上限", f"{place[1]}; heavier, its upper end")
    middle = (low + high) // 2 // _ROUND_FEN * _ROUND_FEN
    return max(low, middle), (f"{place[0]}；取中间值", f"{place[1]}; its middle")


def _spared(item: Item, given: frozenset[str], figure: Figure) -> Figure:
    """Say that there may be no penalty: Art. 33(1), second sentence, or the exempt list."""
    lines: list[Words] = []
    if may_be_spared(given):
        lines.append(("初次违法、后果轻微并及时改正，可以不予处罚（《行政处罚法》第33条）",
                      "a first offence with minor harm, corrected in time, may go unpunished (Art. 33)"))  # fmt: skip
    if item.exempt and item.exempt.conditions and given >= set(item.exempt.conditions):
        basis = item.exempt.basis
        lines.append((f"符合免罚清单，可以不予处罚（{basis}）", f"on the exempt list ({basis})"))
    if not lines:
        return figure
    outcome = "may_be_spared" if figure.outcome == "penalty" else figure.outcome
    return replace(figure, outcome=outcome, explanation=(*figure.explanation, *lines))


def _judged(item: Item, one: Penalty, given: frozenset[str], figure: Figure, amount_fen: int | None) -> Figure:
    if amount_fen is None:
        return figure
    found = list(figure.problems)
    if not one.fines:
        found.append(Objection("fine_not_provided", "block", "", "本案由没有罚款", "The item provides no fine"))
    if one.max_fen is not None and amount_fen > one.max_fen:
        found.append(Objection("above_maximum", "block", "", f"{yuan(amount_fen)}元超过法定上限{yuan(one.max_fen)}元",
                               f"{yuan(amount_fen)} yuan is above the law's {yuan(one.max_fen)}"))  # fmt: skip
    elif one.min_fen is not None and amount_fen < one.min_fen:
        found.append(_below(one.min_fen, amount_fen, mitigated=has(given, "lighter")))
    elif has(given, "lighter") and amount_fen == one.max_fen and one.max_fen != one.min_fen:
        found.append(Objection("must_be_lighter", "flag", "R29", "应当从轻或者减轻，不能取上限",
                               "It must be lighter than the law's upper end"))  # fmt: skip
    found += _of_step(item, figure, amount_fen)
    if figure.outcome == "may_be_spared" or may_be_spared(given):
        found.append(Objection("reason_needed", "flag", "R30", "可以不予处罚；仍要处罚的，请说明理由",
                               "It may go unpunished: say why it is punished"))  # fmt: skip
    return replace(figure, problems=tuple(found))


def _below(least: int, amount_fen: int, *, mitigated: bool) -> Objection:
    zh = f"{yuan(amount_fen)}元低于法定下限{yuan(least)}元"
    en = f"{yuan(amount_fen)} yuan is below the law's {yuan(least)}"
    if mitigated:
        return Objection("below_minimum_mitigated", "flag", "", f"{zh}：减轻处罚，须经负责人批准并说明理由",
                         f"{en}: mitigated, so the head must approve and the reason be written")  # fmt: skip
    return Objection("below_minimum", "block", "", zh, en)


def _of_step(item: Item, figure: Figure, amount_fen: int) -> Sequence[Objection]:
    step = next((one for one in item.steps if one.code == figure.step), None)
    if step is None or step.min_fen is None or step.max_fen is None or step.min_fen <= amount_fen <= step.max_fen:
        return ()
    words = (f"不在裁量阶次“{step.zh}”的幅度内，请说明理由", f"It lies outside the step {step.en}: say why")
    return (Objection("outside_step", "flag", "", *words),)
