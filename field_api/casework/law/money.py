"""Amounts in fen: late fees, amounts in capitals, instalments, what may be collected on the spot.

All is whole fen; nothing here rounds up against the citizen. Limits come in as parameters, since they are dated law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

# A decision is written in whole yuan of at most twelve digits; beyond that a number is a slip of the finger.
AMOUNT_LIMIT_FEN = 10**14 - 1
PLAN_LIMIT = 60
_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
_DAY = timedelta(days=1)


class AmountError(ValueError):
    """An amount that is none, or text that is no amount in capitals."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Days on which no late fee accrues, since a review or a suit is open; both days count as open. last: None: yet."""

    first: date
    last: date | None = None


@dataclass(frozen=True, slots=True)
class LateRule:
    """How fines grow: so many per mille a day, at most so many per mille in all. Source: 行政处罚法 72(1)."""

    daily_permille: int = 30
    cap_permille: int = 1000


@dataclass(frozen=True, slots=True)
class CollectionLimits:
    """When an officer may take a fine himself. Source: 行政处罚法 68, 69. small_fen: up to this he always may."""

    small_fen: int


@dataclass(frozen=True, slots=True)
class Instalment:
    """One part of a fine that is paid in parts."""

    due: date
    amount_fen: int


def late_days(last_day: date, until: date, pauses: Sequence[Pause] = ()) -> int:
    """How many days after the last day for payment have gone, up to and with `until`, on which the fee accrues.

    Source: 行政处罚法 72, 73: during a review or a suit no late fee is computed.
    """
    spans = [(max(one.first, last_day + _DAY), min(one.last or until, until)) for one in pauses]
    paused, reached = 0, last_day
    for first, last in sorted(spans):
        fresh = max(first, reached + _DAY)
        if last >= fresh:
            paused += (last - fresh).days + 1
            reached = last
    return max((until - last_day).days, 0) - paused


def late_fee(fine_fen: int, days: int, rule: LateRule | None = None) -> int:
    """The fee for so many days: min(3 % a day, the fine itself), exact to the fen, parts of a fen let go."""
    rule = rule or LateRule()
    _amount(fine_fen)
    return min(fine_fen * rule.daily_permille * max(days, 0), fine_fen * rule.cap_permille) // 1000


def may_collect(
    amount_fen: int,
    limits: CollectionLimits,
    *,
    summary: bool,
    hard_to_execute: str = "",
    remote: str = "",
) -> bool:
    """Say whether a fine may be taken on the spot.

    hard_to_execute: why it could not be got later, stated; remote: that the place is remote and the party asked,
    stated. Only a summary decision's fine, unless the place is remote. Source: 行政处罚法 68, 69.
    """
    if remote.strip():
        return True
    return summary and (0 < amount_fen <= limits.small_fen or bool(hard_to_execute.strip()))


def instalments(amount_fen: int, dues: Sequence[date]) -> list[Instalment]:
    """Divide a fine over its dates into equal whole yuan, what is left over with the first.

    Raises:
        AmountError: no dates, too many, out of order, or more dates than yuan.
    """
    _amount(amount_fen)
    if not 1 <= len(dues) <= PLAN_LIMIT or any(a >= b for a, b in pairwise(dues)):
        raise AmountError("the dates of a plan are one to sixty, in order")
    part = amount_fen // len(dues) // 100 * 100
    if part <= 0:
        raise AmountError("less than a yuan for each date")
    first = amount_fen - part * (len(dues) - 1)
    return [Instalment(due, first if n == 0 else part) for n, due in enumerate(dues)]


def overdue(plan: Sequence[Instalment], paid_fen: int, today: date) -> int:
    """How much of a plan should have been paid before today and was not."""
    return max(sum(one.amount_fen for one in plan if one.due < today) - paid_fen, 0)


def capitals(amount_fen: int) -> str:
    """An amount in the capitals of documents: 壹佰元整, 壹仟零伍拾元叁角, 贰元零伍分.

    Source: 支付结算办法, annex 1 (正确填写票据和结算凭证的基本规定).

    Raises:
        AmountError: below zero or too large.
    """
    _amount(amount_fen)
    yuan, fen = divmod(amount_fen, 100)
    whole = _whole(yuan) + "元" if yuan else ""
    if not fen:
        return (whole or "零元") + "整"
    jiao, rest = divmod(fen, 10)
    tenths = _DIGITS[jiao] + "角" if jiao else "零" if yuan else ""
    return whole + tenths + (_DIGITS[rest] + "分" if rest else "整")


def from_capitals(text: str) -> int:
    """Read an amount in capitals, in fen; only what `capitals` writes is one.

    Raises:
        AmountError: anything else.
    """
    if len(text) > 64:
        raise AmountError("too long")
    head, _, tail = text.partition("元") if "元" in text else ("", "", text)
    fen = _digit(tail, "角") * 10 + _digit(tail, "分")
    found = _read_whole(head) * 100 + fen
    if found > AMOUNT_LIMIT_FEN or capitals(found) != text:
        raise AmountError("not an amount in capitals")
    return found


def _whole(number: int) -> str:
    """A whole number, with one 零 for each gap."""
    text, is_gap = "", False
    for place in reversed(range(12)):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if is_gap and text else "") + _DIGITS[digit] + _PLACES[place % 4]
            is_gap = False
        else:
            is_gap = True
        if place % 4 == 0 and number // 10**place % 10_000:
            text += _GROUPS[place // 4]
    return text


def _read_whole(text: str) -> int:
    total = group = digit = 0
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS.index(sign)
        elif sign in _PLACES:
            group, digit = group + digit * 10 ** _PLACES.index(sign), 0
        elif sign in _GROUPS:
            total, group, digit = total + (group + digit) * 10_000 ** _GROUPS.index(sign), 0, 0
        else:
            raise AmountError("not an amount in capitals")
    return total + group + digit


def _digit(text: str, unit: str) -> int:
    place = text.find(unit)
    return max(_DIGITS.find(text[place - 1]), 0) if place > 0 else 0


def _amount(amount_fen: int) -> None:
    if not 0 <= amount_fen <= AMOUNT_LIMIT_FEN:
        raise AmountError("below zero or too large")
