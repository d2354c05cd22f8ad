"""Money to the fen: late fees with their cap and their pauses, capitals that read back, plans that add up."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law.money import (
    AMOUNT_LIMIT_FEN,
    AmountError,
    CollectionLimits,
    Instalment,
    LateRule,
    Pause,
    capitals,
    from_capitals,
    instalments,
    late_days,
    late_fee,
    may_collect,
    overdue,
)

DAY = timedelta(days=1)
DUE = date(2026, 1, 27)


@pytest.mark.parametrize(
    ("fine", "days", "fee"),
    [
        (10_000, 5, 1_500),
        (10_000, 33, 9_900),
        (10_000, 34, 10_000),
        (10_000, 200, 10_000),
        (10_000, 0, 0),
        (10_000, -3, 0),
        (33, 1, 0),
        (34, 1, 1),
    ],
)
def test_the_late_fee_is_three_percent_a_day_up_to_the_fine(fine: int, days: int, fee: int) -> None:
    """The vectors of the field; a part of a fen is nobody's."""
    assert late_fee(fine, days) == fee


def test_the_rule_is_a_parameter() -> None:
    """Another rate, another cap."""
    assert late_fee(10_000, 3, LateRule(10, 20)) == 200


@pytest.mark.parametrize(
    ("until", "pauses", "days"),
    [
        (DUE, (), 0),
        (DUE - DAY, (), 0),
        (date(2026, 1, 28), (), 1),
        (date(2026, 2, 6), (Pause(date(2026, 1, 30), date(2026, 2, 1)),), 7),
        (date(2026, 2, 6), (Pause(date(2026, 1, 30)),), 2),
        (date(2026, 2, 6), (Pause(date(2026, 1, 1), date(2026, 1, 27)),), 10),
        (date(2026, 2, 6), (Pause(date(2026, 1, 1)),), 0),
        (date(2026, 2, 6), (Pause(date(2026, 2, 7)),), 10),
        (date(2026, 2, 6), (Pause(date(2026, 2, 1), date(2026, 2, 3)), Pause(date(2026, 1, 30), date(2026, 2, 2))), 5),
    ],
)
def test_the_late_fee_stands_still_while_a_review_or_suit_is_open(
    until: date, pauses: tuple[Pause, ...], days: int
) -> None:
    """Day one is the day after the last for payment; an open review takes its days, two at once take them once."""
    assert late_days(DUE, until, pauses) == days


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(-40, 220), st.integers(0, 60)), max_size=5), st.booleans())
def test_late_days_are_what_a_slow_counter_finds(ahead: int, spans: list[tuple[int, int]], lasts: bool) -> None:
    """Day by day: late, and no review open."""
    until = DUE + ahead * DAY
    pauses = [Pause(DUE + first * DAY, DUE + (first + length) * DAY) for first, length in spans]
    if lasts and pauses:
        pauses[0] = Pause(pauses[0].first)
    days = sum(
        not any(one.first <= DUE + n * DAY and (one.last is None or DUE + n * DAY <= one.last) for one in pauses)
        for n in range(1, ahead + 1)
    )
    assert late_days(DUE, until, pauses) == days


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (10_000, "壹佰元整"),
        (20_000, "贰佰元整"),
        (300_000, "叁仟元整"),
        (105_030, "壹仟零伍拾元叁角整"),
        (205, "贰元零伍分"),
        (50, "伍角整"),
        (7, "柒分"),
        (1_234_567_890_12, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
        (1_000_100_000_0, "壹亿零壹万元整"),
        (10_000_000_100, "壹亿零壹元整"),
        (100_000_00, "壹拾万元整"),
        (10_001_000, "壹拾万零壹拾元整"),
    ],
)
def test_amounts_in_capitals(fen: int, text: str) -> None:
    """As documents and receipts write them: one 零 for a gap, 整 unless fen are named."""
    assert capitals(fen) == text
    assert from_capitals(text) == fen


@given(st.one_of(st.integers(0, 10**7), st.integers(0, AMOUNT_LIMIT_FEN)))
def test_capitals_read_back(fen: int) -> None:
    """No two amounts look alike, and no gap is doubled."""
    text = capitals(fen)
    assert from_capitals(text) == fen
    assert "零零" not in text
    assert not text.startswith("零") or fen == 0


@given(st.text(alphabet="零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整x", max_size=12))
def test_what_nobody_would_write_is_no_amount(text: str) -> None:
    """Either the one way to write an amount, or an error; never a guess."""
    try:
        fen = from_capitals(text)
    except AmountError:
        return
    assert capitals(fen) == text


@pytest.mark.parametrize(
    "text", ["", "元", "壹佰", "一百元整", "壹佰元", "壹" * 65, "壹佰元整元", "亿元整", "玖玖元整"]
)
def test_bad_capitals_are_refused(text: str) -> None:
    """Other digits, missing signs, too long: nothing that a document could bear."""
    with pytest.raises(AmountError):
        from_capitals(text)


@pytest.mark.parametrize("fen", [-1, AMOUNT_LIMIT_FEN + 1])
def test_amounts_have_bounds(fen: int) -> None:
    """Below zero and beyond what a form holds there are none."""
    for function in (capitals, lambda amount: late_fee(amount, 1), lambda amount: instalments(amount, [DUE])):
        with pytest.raises(AmountError):
            function(fen)  # type: ignore[operator] # three functions of one amount


def test_who_may_take_cash() -> None:
    """Up to the limit with a summary decision; above it with a reason; otherwise only in a remote place."""
    limits = CollectionLimits(10_000)
    assert may_collect(10_000, limits, summary=True)
    assert not may_collect(10_001, limits, summary=True)
    assert not may_collect(0, limits, summary=True)
    assert may_collect(20_000, limits, summary=True, hard_to_execute="外地车辆，事后难以执行")
    assert not may_collect(20_000, limits, summary=True, hard_to_execute="  ")
    assert not may_collect(5_000, limits, summary=False, hard_to_execute="外地车辆")
    assert may_collect(500_000, limits, summary=False, remote="山区，当事人提出")


@given(st.integers(100, AMOUNT_LIMIT_FEN), st.integers(1, 60))
def test_instalments_add_up_to_the_fen(fen: int, count: int) -> None:
    """What is left over comes first; nobody pays less than a yuan."""
    dues = [DUE + n * 30 * DAY for n in range(count)]
    try:
        plan = instalments(fen, dues)
    except AmountError:
        assert fen < count * 100
        return
    assert sum(one.amount_fen for one in plan) == fen
    assert [one.due for one in plan] == dues
    assert all(one.amount_fen % 100 == 0 for one in plan[1:])
    assert min(one.amount_fen for one in plan) == plan[-1].amount_fen >= 100


@pytest.mark.parametrize("dues", [[], [DUE, DUE], [DUE, DUE - DAY], [DUE + n * DAY for n in range(61)]])
def test_a_plan_has_dates_in_order(dues: list[date]) -> None:
    """None, twice the same, backwards, too many: no plan."""
    with pytest.raises(AmountError):
        instalments(100_000, dues)


def test_what_of_a_plan_is_overdue() -> None:
    """A part is overdue from the day after its date, and what was paid counts for the first ones."""
    plan = [Instalment(DUE, 5_000), Instalment(DUE + 30 * DAY, 4_000)]
    assert overdue(plan, 0, DUE) == 0
    assert overdue(plan, 0, DUE + DAY) == 5_000
    assert overdue(plan, 6_000, DUE + 31 * DAY) == 3_000
    assert overdue(plan, 9_500, DUE + 31 * DAY) == 0
