"""The violation catalogue: the shipped items, the choice of a version by date, the calculator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.enums import ENUMS
from field_api.casework.law.catalogue import (
    CODE,
    LOCAL_FACTOR,
    MEASURES,
    PARTY_KINDS,
    PENALTY_KINDS,
    READINGS,
    SUBJECTS,
    Exempt,
    Item,
    Penalty,
    Step,
    choose,
    contradictions,
    is_lighter,
    item_of,
    values_of,
)
from field_api.casework.law.factors import CONTRADICTIONS, FACTORS
from field_api.casework.law.penalty import Figure, penalty, penalty_by, summary, summary_limit_fen
from field_api.casework.types import TYPES
from field_api.casework.violations import demonstration, national

ALL = {one.code: one for one in (*national(), *demonstration())}
TODAY, OLD_LAW = date(2026, 11, 22), date(2021, 7, 14)
BASE = ALL["DEMO-0406"]


def codes(figure: Figure) -> dict[str, str]:
    """The problems of a figure with their actions."""
    return {one.code: one.action for one in figure.problems}


def made(low: int | None, high: int | None, *steps: Step, kinds: tuple[str, ...] = ("fine",), **parts: Any) -> Item:
    """An item for citizens with these ends and steps."""
    penalties: Mapping[str, Penalty] = {"citizen": Penalty(kinds, low, high)}
    return replace(BASE, **({"penalties": penalties, "steps": steps, "exempt": None} | parts))


# What ships.


@pytest.mark.parametrize("item", ALL.values(), ids=ALL)
def test_every_shipped_item_is_whole(item: Item) -> None:
    """It contradicts itself in nothing, uses known codes only, and survives its own writing."""
    assert list(contradictions(item)) == []
    assert CODE.fullmatch(item.code)
    assert item.subject in SUBJECTS
    assert item.read in READINGS
    assert set(item.penalties) <= set(PARTY_KINDS)
    assert {kind for one in item.penalties.values() for kind in one.kinds} <= set(PENALTY_KINDS)
    assert set(item.measures) <= set(MEASURES)
    assert set(item.categories) <= {code for code, _, _ in ENUMS["category"]}
    named = {code for step in item.steps for code in step.factors}
    assert all(code in FACTORS or LOCAL_FACTOR.fullmatch(code) for code in named)
    assert item_of(values_of(item)) == item
    fields = TYPES["violation"].fields
    values = {name: value for name, value in values_of(item).items() if value is not None}
    assert {name: fields[name].kind.check(value) for name, value in values.items()} == dict.fromkeys(values)


def test_the_national_amounts_are_those_of_the_laws() -> None:
    """Section 5.2 of the domain's facts, in yuan; what it does not tell is not told here."""
    expected = {
        ("DJ-090-1", "citizen"): (20, 200),
        ("DJ-092-1", "citizen"): (200, 500),
        ("DJ-092-2", "citizen"): (500, 2000),
        ("DJ-095-2", "citizen"): (20, 200),
        ("DJ-096-1", "citizen"): (2000, 5000),
        ("DQ-116-1", "citizen"): (2000, 20000),
        ("DQ-116-1", "org"): (2000, 20000),
        ("GF-111-1", "citizen"): (100, 500),
        ("GF-111-1", "org"): (50000, 500000),
        ("GF-111-2", "org"): (100000, 1000000),
        ("JL-023-1", "org"): (5000, 50000),
    }
    for (code, party), ends in expected.items():
        one = ALL[code].penalties[party]
        assert (one.min_fen, one.max_fen) == tuple(end * 100 for end in ends), code
    for code in ("SR-034-6", "MS-LOCAL-1"):
        assert not any(one.configured for one in ALL[code].penalties.values()), code


def test_what_was_not_read_says_so_and_demonstrations_are_marked() -> None:
    """The two uncertain national items are `common`, the local one `local`; demo items say 演示 in their names."""
    assert {one.code for one in national() if one.read == "common"} == {"DJ-095-1", "JL-023-1"}
    assert {one.code for one in national() if one.read == "local"} == {"MS-LOCAL-1"}
    assert not any(one.demo for one in national())
    assert all(one.demo and "演示" in one.zh and "演示" in one.source for one in demonstration())


# The version by the day of the act.


def test_the_version_is_that_of_the_day_of_the_act() -> None:
    """The first and the last day belong to a version; before the first there is none."""
    first = replace(BASE, valid_from=date(2020, 1, 1), valid_to=date(2020, 12, 31))
    second = replace(BASE, valid_from=date(2021, 1, 1), valid_to=None)
    third = replace(BASE, valid_from=date(2023, 1, 1), valid_to=None)
    expected = {date(2019, 12, 31): None, date(2020, 1, 1): first, date(2020, 12, 31): first, date(2021, 1, 1): second,
                date(2022, 12, 31): second, date(2023, 1, 1): third}  # fmt: skip
    for day, version in expected.items():
        choice = choose([third, first, second], BASE.code, day)
        assert (choice.item if choice else None) == version, day
    assert choose([first], "ELSE-1", date(2020, 5, 1)) is None


def test_a_later_version_applies_when_it_is_lighter_and_only_then() -> None:
    """Art. 37: lighter yes, heavier or the same no; none any more, no penalty; not asked, not looked for."""
    then = made(100_00, 200_00, valid_from=date(2020, 1, 1))
    act, decided = date(2024, 5, 1), date(2026, 5, 1)
    for low, high, by in ((50_00, 200_00, "lighter_later"), (100_00, 150_00, "lighter_later"), (50_00, 250_00, "act"),
                          (100_00, 200_00, "act"), (150_00, 300_00, "act"), (None, None, "act")):  # fmt: skip
        later = made(low, high, valid_from=date(2025, 1, 1))
        choice = choose([then, later], BASE.code, act, decided, "citizen")
        assert choice is not None
        assert (choice.by, choice.item is later) == (by, by == "lighter_later"), (low, high)
        unasked = choose([then, later], BASE.code, act)
        assert unasked is not None
        assert unasked.item is then
    ended = replace(then, valid_to=date(2025, 1, 1))
    gone = choose([ended], BASE.code, act, decided)
    assert gone is not None
    assert gone.by == "no_longer_punished"
    assert codes(penalty_by(gone, "citizen")) == {"no_longer_punished": "block"}


def test_dropping_a_kind_is_lighter_and_adding_one_is_not() -> None:
    """A warning alone is lighter than a warning or a fine; a confiscation beside it is heavier."""
    both = made(10_00, 20_00, kinds=("warn", "fine"))
    warn = made(None, None, kinds=("warn",))
    more = made(10_00, 20_00, kinds=("warn", "fine", "confiscate_goods"))
    assert is_lighter(warn, both, "citizen")
    assert not is_lighter(both, warn, "citizen")
    assert not is_lighter(more, both)
    assert is_lighter(both, more)


# The calculator.


def test_a_figure_is_of_the_step_that_the_factors_lead_to() -> None:
    """No factor: the ordinary step's middle; a first offence: the slight one; a repeated one: the serious one's end."""
    plain = penalty(BASE, "citizen")
    assert (plain.outcome, plain.step, plain.suggested_fen) == ("penalty", "C2", 100_00)
    slight, serious = penalty(BASE, "citizen", ["first_offence"]), penalty(BASE, "citizen", ["repeated"])
    assert (slight.step, slight.suggested_fen) == ("C1", 30_00)
    assert (serious.step, serious.suggested_fen) == ("C3", 200_00)
    assert penalty(BASE, "citizen", ["aged_14_17"]).suggested_fen == 50_00
    assert penalty(BASE, "org").step == "O2"


def test_without_a_discretion_standard_no_figure_is_invented() -> None:
    """Within the law's range nothing is suggested but its lower end where the law wants it lighter."""
    spill = ALL["DJ-090-1"]
    assert penalty(spill, "citizen").suggested_fen is None
    assert penalty(spill, "citizen", ["remedied"]).suggested_fen == 20_00
    assert any("裁量基准未配置" in zh for zh, _ in penalty(spill, "citizen").explanation)
    assert penalty(made(0, 100_00), "citizen", ["remedied"]).suggested_fen is None
    assert penalty(made(50_00, 50_00), "citizen").suggested_fen == 50_00


def test_unknown_amounts_are_not_configured_and_nothing_is_checked_against_them() -> None:
    """The local regulation's item: no end, no figure, a flag, and an amount passes unjudged but flagged."""
    figure = penalty(ALL["SR-034-6"], "org", amount_fen=5_000_00)
    assert (figure.outcome, figure.min_fen, figure.max_fen, figure.suggested_fen) == ("not_configured", *[None] * 3)
    assert codes(figure) == {"not_configured": "flag"}
    assert not figure.blocked


@pytest.mark.parametrize(
    ("amount", "factors", "expected"),
    [
        (20_00, (), {"outside_step": "flag"}),
        (19_99, (), {"below_minimum": "block", "outside_step": "flag"}),
        (200_00, ("repeated",), {}),
        (200_01, ("repeated",), {"above_maximum": "block", "outside_step": "flag"}),
        (10_00, ("aged_14_17",), {"below_minimum_mitigated": "flag", "outside_step": "flag"}),
        (200_00, ("aged_14_17",), {"must_be_lighter": "flag", "outside_step": "flag"}),
        (199_99, ("aged_14_17",), {"outside_step": "flag"}),
        (30_00, ("first_offence", "minor_harm", "corrected"), {"reason_needed": "flag"}),
        (30_00, ("first_offence", "minor", "no_harm", "corrected"), {"must_not_be_punished": "flag"}),
        (30_00, ("under_14",), {"must_not_be_punished": "block"}),
        (30_00, ("no_fault",), {"must_not_be_punished": "block"}),
        (100_00, ("nonsense",), {"factor_unknown": "block"}),
        (150_00, ("corrected", "refused_to_correct"), {"factors_contradict": "block"}),
    ],
)
def test_an_amount_is_judged_to_the_fen(amount: int, factors: tuple[str, ...], expected: Mapping[str, str]) -> None:
    """At the ends it passes, a fen beyond it does not; mitigation needs approval; excuses forbid."""
    assert codes(penalty(BASE, "citizen", factors, amount)) == expected


def test_excuses_and_the_law_of_minor_acts_end_in_no_penalty() -> None:
    """Art. 30, 31, 33: no penalty; 33(1) second sentence and the exempt list: there may be none."""
    for factors in (["under_14"], ["incapable"], ["no_fault"], ["minor", "corrected", "no_harm"]):
        figure = penalty(BASE, "citizen", factors)
        assert (figure.outcome, figure.suggested_fen) == ("no_penalty", None), factors
    listed = penalty(BASE, "citizen", ["first_offence", "corrected"])
    assert listed.outcome == "may_be_spared"
    assert any("演示免罚清单" in zh for zh, _ in listed.explanation)
    unlisted = replace(BASE, exempt=None)
    assert penalty(unlisted, "citizen", ["first_offence", "corrected"]).outcome == "penalty"
    assert penalty(unlisted, "citizen", ["first_offence", "corrected", "no_harm"]).outcome == "may_be_spared"
    assert penalty(replace(BASE, exempt=Exempt((), "x")), "citizen").outcome == "penalty"


def test_another_subject_has_no_power() -> None:
    """R50: the police do not fine for the city's items, nor the city for theirs; each may for its own."""
    city, police = ALL["DQ-116-1"], ALL["DJ-090-1"]
    assert codes(penalty(city, "org", subject="traffic_police")) == {"subject_without_power": "block"}
    assert codes(penalty(police, "citizen", subject="city_bureau")) == {"subject_without_power": "block"}
    assert codes(penalty(police, "citizen", subject="traffic_police")) == {}
    waste = penalty(ALL["GF-111-2"], "org", subject="city_bureau")
    assert "环境卫生主管部门" in waste.problems[0].zh


def test_an_item_without_a_penalty_for_a_party_says_so() -> None:
    """A driver is fined for a spilled load, an organisation is not; a fine where there is none is refused."""
    assert penalty(ALL["DJ-090-1"], "org").outcome == "not_for_party"
    assert codes(penalty(made(None, None, kinds=("warn",)), "citizen", amount_fen=1)) == {"fine_not_provided": "block"}
    assert "factor_not_for_party" in codes(penalty(BASE, "org", ["aged_14_17"]))


def test_the_summary_procedure_is_possible_as_far_as_its_limit_goes() -> None:
    """R05 at its boundary, on both days of the law's change, for each kind of party."""
    bulk = ALL["DQ-116-1"]
    assert [summary(bulk, party, TODAY).possible for party in PARTY_KINDS] == [False, False, True]
    assert summary(bulk, "citizen", TODAY).rule == "R05"
    assert summary(bulk, "org", OLD_LAW).possible is False
    possible = [summary(made(low, 900_00), "citizen", TODAY).possible for low in (200_00, 200_01, None)]
    assert possible == [True, False, None]
    assert [summary(made(low, 900_00), "citizen", OLD_LAW).possible for low in (50_00, 50_01)] == [True, False]
    assert summary(ALL["DJ-090-1"], "citizen", TODAY).possible is True
    assert summary(ALL["DJ-090-1"], "org", TODAY).possible is False
    assert summary(made(None, None, kinds=("confiscate_goods",)), "citizen", TODAY).rule == "R03"
    assert [summary_limit_fen("org", day) for day in (OLD_LAW, OLD_LAW + timedelta(1))] == [1_000_00, 3_000_00]
    assert summary_limit_fen("citizen", date(1990, 1, 1)) == 0


ends = st.integers(0, 500_00)


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Any item for citizens whose steps lie within its range, or would not."""
    low, high = sorted((draw(ends), draw(ends)))
    steps = []
    for number in range(draw(st.integers(0, 4))):
        span = sorted((draw(ends), draw(ends)))
        named = tuple(draw(st.sets(st.sampled_from([*FACTORS, "local_big"]), max_size=3)))
        steps.append(Step(f"S{number}", "阶", "step", None, span[0], span[1], named))
    return made(low, high, *steps)


factor_sets = st.sets(st.sampled_from([*FACTORS, "local_big"]), max_size=6)


@given(items(), factor_sets)
def test_nothing_is_ever_suggested_outside_the_law_or_the_step(item: Item, factors: set[str]) -> None:
    """Whatever the steps and the factors are; and where no penalty is allowed, nothing is suggested at all."""
    figure = penalty(item, "citizen", factors)
    if figure.outcome == "no_penalty":
        assert figure.suggested_fen is None
        return
    assert figure.min_fen is not None
    assert figure.max_fen is not None
    if figure.suggested_fen is not None:
        assert figure.min_fen <= figure.suggested_fen <= figure.max_fen
        assert figure.suggested_fen > 0
        judged = codes(penalty(item, "citizen", factors, figure.suggested_fen))
        assert not judged.keys() & {"below_minimum", "above_maximum", "outside_step", "below_minimum_mitigated"}


@given(items(), factor_sets)
def test_the_explanation_names_every_factor_in_both_languages(item: Item, factors: set[str]) -> None:
    """Nobody is given a figure without being told what weighed; no word is left out or empty."""
    lines = penalty(item, "citizen", factors).explanation
    for code in factors:
        factor = FACTORS.get(code)
        zh, en = (factor.zh, factor.en) if factor else (code, code)
        assert any(line[0].startswith(zh) and line[1].startswith(en) for line in lines), code
    assert all(zh and en for zh, en in lines)
    assert all(re.search(r"[一-鿿]", zh) for zh, _ in lines)


@given(items(), factor_sets, st.integers(1, 600_00))
def test_an_amount_out_of_range_is_never_let_through(item: Item, factors: set[str], amount: int) -> None:
    """Above the maximum is blocked, below the minimum blocked or flagged for approval, in range neither."""
    figure = penalty(item, "citizen", factors, amount)
    found = codes(figure)
    if figure.outcome == "no_penalty":
        assert "must_not_be_punished" in found
        return
    one = item.penalties["citizen"]
    assert one.min_fen is not None
    assert one.max_fen is not None
    assert ("above_maximum" in found) == (amount > one.max_fen)
    assert bool(found.keys() & {"below_minimum", "below_minimum_mitigated"}) == (amount < one.min_fen)
    contradictory = any(pair <= factors for pair in CONTRADICTIONS)
    assert ("factors_contradict" in found) == contradictory


@given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60)), max_size=6), st.integers(-5, 70))
def test_the_choice_is_the_last_begun_of_those_in_force(spans: list[tuple[int, int | None]], day: int) -> None:
    """Against a plain look at every version."""
    start = date(2020, 1, 1)
    versions = [
        replace(BASE, valid_from=start + timedelta(low), valid_to=None if high is None else start + timedelta(high))
        for low, high in spans
    ]
    choice = choose(versions, BASE.code, start + timedelta(day))
    holding = [low for low, high in spans if low <= day and (high is None or day <= high)]
    assert (choice is None) == (not holding)
    if choice is not None:
        assert choice.item.valid_from == start + timedelta(max(holding))
