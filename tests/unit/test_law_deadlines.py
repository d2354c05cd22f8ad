"""Clocks of the law: each vector of the field, when a light turns, what starts, meets, holds and lengthens them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.law.calendar import HOURS, SHANGHAI, Calendar, Stay, Unit, day_begins, end_of_day, shanghai_day
from field_api.casework.law.clocks import CLOCKS, Duty
from field_api.casework.law.deadlines import LIGHT_CODES, Facts, Light, Terms, due, earliest, running

YEAR = Calendar(
    frozenset({2026}), frozenset(date(2026, 5, n) for n in range(1, 6)), frozenset({date(2026, 5, 9)})
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def last_day(clock: str, start: str, **options: object) -> str:
    reached = due(CLOCKS[clock], at(start), YEAR, **options)  # type: ignore[arg-type] # options of one call
    assert reached is not None
    return shanghai_day(reached.at).isoformat()


@pytest.mark.parametrize(
    ("clock", "start", "expected"),
    [
        ("hand_in", "2026-04-30 11:00", "2026-05-07"),
        ("bank_in", "2026-05-07 16:00", "2026-05-09"),
        ("register_evidence", "2026-04-29 15:00", "2026-05-12"),
        ("seizure", "2026-03-01 10:00", "2026-03-31"),
        ("pay", "2026-01-12 09:30", "2026-01-27"),
        ("decide", "2026-03-02 09:00", "2026-05-31"),
        ("file_city", "2026-04-30 09:00", "2026-05-08"),
        ("file_police", "2026-04-30 09:00", "2026-05-07"),
        ("hearing_request", "2026-04-29 09:00", "2026-05-09"),
        ("serve", "2026-04-29 09:00", "2026-05-12"),
        ("withdraw", "2026-04-30 09:00", "2026-05-08"),
        ("review", "2026-03-02 09:00", "2026-05-06"),
        ("suit_after_review", "2026-03-02 09:00", "2026-03-17"),
        ("suit", "2026-01-12 09:00", "2026-07-13"),
        ("court_apply", "2026-01-31 09:00", "2026-04-30"),
    ],
)
def test_each_clock_ends_on_its_day(clock: str, start: str, expected: str) -> None:
    """The vectors of the field; a citizen's last day on 1 May or on a Sunday goes on, the agency's does not."""
    assert last_day(clock, start) == expected


def test_clocks_in_hours_know_no_holiday() -> None:
    """24 hours after an urgent seizure on a holiday night is the next holiday night."""
    for clock in ("late_approval", "police_report", "deliver", "police_notice", "police_decide"):
        reached = due(CLOCKS[clock], at("2026-05-02 22:30"), YEAR)
        assert reached is not None
        assert reached.at == at("2026-05-03 22:30")
        assert reached.warn_at == at("2026-05-03 17:42")


def test_an_extension_is_as_long_as_the_law_allows() -> None:
    """Thirty days of seizure become sixty, ninety to decide become a hundred and twenty."""
    assert last_day("seizure", "2026-03-01", extension=30) == "2026-04-30"
    assert last_day("decide", "2026-03-02", extension=30) == "2026-06-30"
    assert last_day("seizure", "2026-03-01", extension=45) == "2026-04-30"
    assert last_day("pay", "2026-01-12", extension=45) == "2026-01-27"


def test_what_is_decided_for_once_is_never_longer_than_the_law() -> None:
    """A seizure of twenty days ends after twenty; one of ninety after thirty."""
    for decided, extension, expected in (
        (20, 0, "2026-03-21"), (20, 10, "2026-03-31"), (90, 0, "2026-03-31"), (0, 0, "2026-03-31"),
    ):  # fmt: skip
        assert last_day("seizure", "2026-03-01", decided=decided, extension=extension) == expected


def test_a_fact_that_no_calendar_can_count_starts_no_clock() -> None:
    """A device that believes it is 1970 or 2970 stops nobody's push."""
    for year in (1970, 2970):
        facts = Facts("payment", {"collected": datetime(year, 1, 1, tzinfo=UTC)}, frozenset({"cash"}))
        assert running(facts, YEAR) == []


def test_who_gets_the_roll_over_is_set() -> None:
    """On for the citizen, off for the agency, unless it is set otherwise; working days never need one."""
    for rolls, expected in ((True, "2026-05-06"), (False, "2026-05-01")):
        assert last_day("pay", "2026-04-16", terms=Terms(citizen_rolls=rolls)) == expected
        assert last_day("seizure", "2026-04-01", terms=Terms(agency_rolls=rolls)) == expected
    assert last_day("seizure", "2026-04-01") == "2026-05-01"


def test_only_lengths_that_nobody_has_read_may_be_set() -> None:
    """A city may say how long filing takes; the seven days of the law stay seven."""
    terms = Terms({"file_city": 2, "register_evidence": 30})
    assert last_day("file_city", "2026-04-30", terms=terms) == "2026-05-07"
    assert last_day("register_evidence", "2026-04-29", terms=terms) == "2026-05-12"


def test_a_light_turns_after_four_fifths_and_after_all() -> None:
    """Two working days: yellow at 14:24 of the second, red with the next day; six months in proportion."""
    reached = due(CLOCKS["hand_in"], at("2026-04-30 11:00"), YEAR)
    assert reached is not None
    tick = timedelta(milliseconds=1)
    lights = [reached.light(now) for now in (at("2026-04-30 11:00"), at("2026-05-07 14:24"),
              at("2026-05-07 14:24") + tick, reached.at, reached.at + tick)]  # fmt: skip
    assert lights == [Light.GREEN, Light.GREEN, Light.YELLOW, Light.YELLOW, Light.RED]
    assert [LIGHT_CODES[one] for one in (Light.GREEN, Light.YELLOW, Light.RED)] == [2, 1, 0]
    long = due(CLOCKS["suit"], at("2026-01-12 09:00"), YEAR)
    assert long is not None
    assert long.warn_at - long.started_at == (long.at - long.started_at) * 4 / 5


def test_stayed_time_does_not_count_against_the_agency() -> None:
    """Ten days of a hearing lengthen the ninety by ten; while it lasts, there is no end."""
    facts = Facts("case", {"opened": at("2026-03-02 09:00")}, frozenset({"general"}))
    over = {"hearing": [Stay(at("2026-03-10 09:00"), at("2026-03-20 17:00"))]}
    (one,) = running(facts, YEAR)
    (two,) = running(Facts("case", facts.at, facts.tags, over), YEAR)
    (three,) = running(Facts("case", facts.at, facts.tags, {"hearing": [Stay(at("2026-03-10 09:00"))]}), YEAR)
    (four,) = running(Facts("case", facts.at, facts.tags, {"testing": over["hearing"]}), YEAR)
    assert one.due is not None
    assert two.due is not None
    assert (two.due.at - one.due.at).days == 10
    assert three.due is None
    assert four.due == one.due


def test_a_summary_case_runs_the_clocks_of_its_subject() -> None:
    """The city's filing or the police's, never both; a fine's payment; cash is handed in, then banked."""
    served = {"decided": at("2026-04-30 10:00"), "served": at("2026-04-30 10:05")}
    for subject, clock in (("city", "file_city"), ("police", "file_police")):
        facts = Facts("case", served, frozenset({"summary", subject, "penalty", "fine"}))
        assert [one.clock.id for one in running(facts, YEAR)] == [clock, "serve", "pay", "review"]
    deferred = Facts("case", served, frozenset({"summary", "city", "penalty", "fine", "deferred"}))
    assert "pay" not in [one.clock.id for one in running(deferred, YEAR)]
    cash = {"collected": at("2026-04-30 10:10")}
    assert [one.clock.id for one in running(Facts("payment", cash, frozenset({"cash"})), YEAR)] == ["hand_in"]
    assert running(Facts("payment", cash, frozenset()), YEAR) == []
    both = cash | {"handed_in": at("2026-05-07 23:59")}
    first, second = running(Facts("payment", both, frozenset({"cash"})), YEAR)
    assert (first.met_at, first.is_late) == (both["handed_in"], False)
    assert (second.clock.id, second.met_at) == ("bank_in", None)


def test_what_came_too_late_is_met_and_late() -> None:
    """A minute after the last day is too late, its last millisecond is not."""
    start = {"collected": at("2026-04-30 10:10")}
    for text, late in (("2026-05-07 23:59:59.999", False), ("2026-05-08 00:00", True)):
        (one, _) = running(Facts("payment", start | {"handed_in": at(text)}, frozenset({"cash"})), YEAR)
        assert one.is_late is late


def test_waiting_times_are_no_limits() -> None:
    """A hearing seven working days after its notice, the court ten after the demand: from the next day on."""
    assert earliest(CLOCKS["hearing_notice"], at("2026-04-29 09:00"), YEAR) == day_begins(date(2026, 5, 13))
    assert earliest(CLOCKS["court_wait"], at("2026-05-11 09:00"), YEAR) == day_begins(date(2026, 5, 26))
    assert running(Facts("case", {"demanded": at("2026-05-11"), "hearing_notified": at("2026-05-11")}), YEAR) == []


def test_every_clock_is_named_once_and_can_run() -> None:
    """Both languages, an article, a positive length; every one that is no waiting time runs on its own facts."""
    for id_, clock in CLOCKS.items():
        assert clock.id == id_
        assert clock.zh
        assert clock.en
        assert clock.article
        assert clock.length > 0
        assert clock.not_before or clock.id in [
            one.clock.id for one in running(Facts(clock.on, {clock.starts: at("2026-03-02")}, clock.when), YEAR)
        ]
        assert due(clock, at("2026-03-02"), YEAR) is not None
    zh = [clock.zh for clock in CLOCKS.values()]
    assert len(set(zh)) == len(zh)


@given(st.sampled_from(sorted(CLOCKS)), st.integers(0, 300 * 1440), st.sampled_from([0, 30]))
def test_lights_turn_in_order_on_every_clock(clock: str, minutes: int, extension: int) -> None:
    """Started, yellow, red; an agency's days end with a day; the roll-over takes none away."""
    start = datetime(2025, 12, 31, 16, tzinfo=UTC) + timedelta(minutes=minutes)
    rule = CLOCKS[clock]
    reached = due(rule, start, YEAR, extension=extension)
    plain = due(rule, start, YEAR, Terms(citizen_rolls=False), extension=extension)
    assert reached is not None
    assert plain is not None
    assert start < reached.warn_at <= reached.at
    assert plain.at <= reached.at
    assert plain.at == reached.at or rule.duty is Duty.CITIZEN
    if rule.unit not in HOURS:
        assert reached.at == end_of_day(shanghai_day(reached.at))
    if rule.unit is Unit.URGENT_HOUR:
        assert reached.at - start == timedelta(minutes=int(Fraction(rule.length) * 60))
