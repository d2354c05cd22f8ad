"""The dated rules: each fires where it must, not where it must not, at its boundary and at its date's edge."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_api.casework import rulebook
from field_api.casework.law import bundle, facts
from field_api.casework.law.judge import Finding, judge, lightest
from tests.support.law import VECTORS, facts_of

BUNDLE = rulebook.shipped()
KINDS = {"fires", "silent", "boundary", "date_edge"}


def said(vector: dict[str, Any]) -> Finding | None:
    """What the vector's own check says of its facts."""
    return next((one for one in judge(BUNDLE, facts_of(vector)) if one.check == vector["check"]), None)


@pytest.mark.parametrize("check", sorted({one.id for one in BUNDLE.rules}))
def test_every_check_says_what_its_vectors_say(check: str) -> None:
    """Each check answers all of its vectors, and has one of each kind at least."""
    vectors = [one for one in VECTORS["vectors"] if one["check"] == check]
    assert {one["kind"] for one in vectors} == KINDS
    for vector in vectors:
        finding = said(vector)
        assert (finding.consequence if finding else None) == vector["expect"], vector
        expected = vector.get("values", {})
        assert {name: finding.values[name] for name in expected} == expected if finding else not expected, vector


def test_the_vectors_know_no_other_check() -> None:
    """A vector for a check that is not in the bundle would never be judged."""
    assert {one["check"] for one in VECTORS["vectors"]} == {one.id for one in BUNDLE.rules}


def test_every_rule_of_the_domain_is_there() -> None:
    """R01 to R52, none left out and none invented."""
    assert {one.rule for one in BUNDLE.rules} == {f"R{number:02}" for number in range(1, 53)}
    assert all(one.id.split(".")[0] == one.rule for one in BUNDLE.rules)


@pytest.mark.parametrize("name", sorted(VECTORS["bases"]))
def test_a_lawful_case_has_no_finding(name: str) -> None:
    """A case in which everything was done breaks no rule, whatever the stage."""
    assert judge(BUNDLE, VECTORS["bases"][name]) == []


def test_words_are_whole_in_both_languages() -> None:
    """No finding of any vector shows a placeholder or an empty word."""
    for vector in VECTORS["vectors"]:
        for finding in judge(BUNDLE, facts_of(vector)):
            for text in (*finding.words.values(), *finding.remedy.values()):
                assert text, finding.check
                assert "{" not in text, (finding.check, text)


def test_the_stage_and_the_place_choose_the_rules() -> None:
    """A rule is asked only at its stages and places; without a stage every rule is asked."""
    case = facts_of({"base": "summary", "set": {"payments": [{"mode": "on_spot", "amount_fen": 20000}]}})
    asked = {stage: {one.check for one in judge(BUNDLE, case, stage)} for stage in (None, "pay", "decide")}
    assert asked == {None: {"R13", "R15"}, "pay": {"R13", "R15"}, "decide": set()}
    assert judge(BUNDLE, case, "pay", "server") == []


def test_a_finding_says_which_law_was_chosen() -> None:
    """Substance goes by the act, procedure by the step, and a later lighter law by Art. 37."""
    days = [("2021-07-15", 50), ("2021-07-14", 50), ("2021-07-15", 5)]
    late = [
        {
            "check": "R17",
            "base": "summary",
            "set": {"act.date": "2021-07-14", "decision.date": decided, "clock.days_late": count},
        }
        for decided, count in days
    ]
    assert [said(one).chosen_by for one in late] == ["lighter", "act", "act"]  # type: ignore[union-attr]  # all fire
    review_first = {"check": "R41", "base": "summary", "set": {"decision.remedy_review_first": False}}
    finding = said(review_first)
    assert finding is not None
    assert finding.chosen_by == "step"


def test_the_lighter_of_two_results_is_the_partys() -> None:
    """A finding that protects him counts from either law; one that burdens him only from both."""
    old = Finding("R", "R", "block", "", "read", "act", {"n": 5})
    new = Finding("R", "R", "block", "", "read", "lighter", {"n": 4})
    assert [lightest("fires", old, None), lightest("fires", None, new), lightest("fires", old, new)] == [old, new, old]
    assert [lightest("silent", old, None), lightest("silent", None, new)] == [None, None]
    assert lightest("silent", old, new) is old
    assert lightest("least:n", old, new) is new
    assert lightest("least:n", new, old) is new


def _values(kind: str) -> st.SearchStrategy[Any]:
    known = {
        "bool": st.booleans(),
        "int": st.sampled_from([0, 1, 2, 3, 14, 90, 20000, facts.MAX_INT, -facts.MAX_INT]),
        "date": st.sampled_from(["1990-01-01", "2021-07-14", "2021-07-15", "2026-05-11"]),
        "text": st.sampled_from(["", "summary", "general", "none", "citizen", "org", "individual_business", "fine"]),
        "codes": st.lists(st.sampled_from(["fine", "warn", "revoke", "V4", "o1"]), max_size=3),
    }[kind]
    return st.one_of(st.none(), known, st.sampled_from([1.5, "x", [None], {"a": 1}, True]))


def _section(fields: facts.Section) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: _values(kind) for name, kind in fields.items()})


ANY_FACTS = st.fixed_dictionaries(
    {},
    optional={name: st.one_of(st.none(), _section(fields)) for name, fields in facts.SECTIONS.items()}
    | {name: st.one_of(st.none(), st.lists(_section(fields), max_size=2)) for name, fields in facts.LISTS.items()},
)


@given(ANY_FACTS)
def test_no_facts_make_a_rule_fail(given_facts: dict[str, Any]) -> None:
    """Whatever is missing or of another kind, every rule answers: nothing, or a finding in whole words."""
    for finding in judge(BUNDLE, given_facts):
        assert finding.consequence in bundle.CONSEQUENCES
        assert "{" not in finding.words["zh"] + finding.remedy["en"]


@given(st.data())
def test_a_lawful_case_with_holes_is_judged(data: st.DataObject) -> None:
    """Any subset of a case's facts is judged; that reaches the conditions that random facts never do."""
    vector = data.draw(st.sampled_from(VECTORS["vectors"]))
    case = facts_of(vector)
    for name, section in list(case.items()):
        for item in section if isinstance(section, list) else [section]:
            for gone in data.draw(st.sets(st.sampled_from(sorted(item)))) if item else ():
                item[gone] = None
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            del case[name]
    judge(BUNDLE, case)


def test_facts_are_completed_to_one_shape() -> None:
    """Missing and mistyped facts are null, lists are empty, and nothing unknown is let in."""
    whole = facts.complete({"party": {"age": "14", "kind": "org", "secret": 1}, "officers": [1, {"id": "o1"}], "x": 1})
    assert set(whole) == {*facts.SECTIONS, *facts.LISTS}
    assert whole["party"] == {"kind": "org", "age": None, "incapable": None, "first_offence": None}
    assert [one["id"] for one in whole["officers"]] == ["o1"]
    assert whole["decision"]["kinds"] == []
    assert facts.complete({"party": {"age": True}})["party"]["age"] is None
    assert facts.complete({"clock": {"days_late": facts.MAX_INT + 1}})["clock"]["days_late"] is None
    assert facts.complete({"act": {"date": "2026-13-01"}})["act"]["date"] is None
    assert len(facts.complete({"payments": [{}] * 500})["payments"]) == facts.MAX_ITEMS


def test_a_bundle_with_two_versions_at_once_is_refused() -> None:
    """Of one check, or of one parameter, only one version is in force on any day."""
    document = copy.deepcopy(dict(BUNDLE.document))
    document["rules"].append({**document["rules"][0]})
    with pytest.raises(bundle.BundleError, match="two versions"):
        bundle.read(document)
    document["rules"].pop()
    document["parameters"].append({**document["parameters"][0]})
    with pytest.raises(bundle.BundleError, match="two values"):
        bundle.read(document)


@pytest.mark.parametrize("fault", [{"when": ["never"]}, {"consequence": "shout"}, {"dated_by": "moon"}, {"where": []}])
def test_a_rule_with_an_unknown_word_is_refused(fault: dict[str, Any]) -> None:
    """A rule that no stage would ask, or whose consequence nobody knows, does not get into a bundle."""
    document = {**BUNDLE.document, "rules": [{**BUNDLE.document["rules"][0], **fault}]}
    with pytest.raises(bundle.BundleError, match="R01"):
        bundle.read(document)


def test_every_parameter_is_used_and_every_used_one_is_there() -> None:
    """At every date at which a rule is in force, each threshold that it reads is too, and no threshold is idle."""
    used: dict[str, set[str]] = defaultdict(set)
    for rule in BUNDLE.rules:
        texts = (rule.condition, rule.unset or "", *rule.values.values())
        names = {word for text in texts for word in _parameters(text)}
        used[rule.id] |= names
        for start, snapshot in zip(BUNDLE.changes, BUNDLE.snapshots, strict=True):
            if snapshot.rules.get(rule.id) is rule:
                assert names <= set(snapshot.parameters), (rule.id, start)
    everywhere = set().union(*used.values())
    assert everywhere == {one["name"] for one in BUNDLE.document["parameters"]}


def _parameters(text: str) -> set[str]:
    parts = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return {part.removeprefix("p.").split(".")[0].split("[")[0] for part in parts if part.startswith("p.")}
