"""The table of merge classes, written again from the protocol's words, and what an operation comes to as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.engine.kinds import TIME, group, integer, text
from sync.engine.merge import merge
from sync.engine.values import Author, Decision, Field, MergeClass, Operation, Record, RecordType, Stamp, Transition

OWN, OTHER = "store-own", "store-other"
AUTHORS = {
    "officer": Author("o1", frozenset({"officer"}), "u1", OWN),
    "supervisor": Author("s1", frozenset({"supervisor"}), "u1", OWN, supervisor=True),
    "server": Author("srv", frozenset(), "", "server", server=True),
}
CASE = RecordType(
    "case",
    {
        "title": Field("title", text(20), MergeClass.OFFICER_UNTIL_LOCK, required=True),
        **{str(one): Field(str(one), text(20), one) for one in MergeClass if one is not MergeClass.APPEND_ONLY},
        "amount": Field("amount", integer(0, 100), MergeClass.MANUAL),
        "review": Field("review", text(20), MergeClass.SUPERVISOR_WINS, writable_by=frozenset({"supervisor"})),
    },
    {
        "notes": {
            "text": Field("text", text(50), MergeClass.WRITE_ONCE, True),
            "at": Field("at", TIME, MergeClass.WRITE_ONCE),
        }
    },
    (
        Transition("open", frozenset({"draft"}), "open", frozenset({"officer"})),
        Transition("close", frozenset({"open", "waiting"}), "closed"),
    ),
    lambda body: frozenset(),
    initial={"state": "draft", "review": "none"},
    state="state",
    lock=("review", "none"),
    creators=frozenset({"officer"}),
)

# What stands: who wrote it, and whether this author has seen it. Base is 5 throughout.
STANDING = {
    "nobody": None,
    "own store": Stamp(9, OWN, "9", False, "o1", "", "x"),
    "officer, seen": Stamp(5, OTHER, "9", False, "o2", "", "x"),
    "officer, unseen": Stamp(6, OTHER, "9", False, "o2", "", "x"),
    "supervisor, seen": Stamp(5, OTHER, "9", True, "s2", "", "x"),
    "supervisor, unseen": Stamp(6, OTHER, "9", True, "s2", "", "x"),
}
UNSEEN = ("officer, unseen", "supervisor, unseen")
# (word, conflict kept or None); "once" is quarantine.
Row = dict[tuple[str, str, bool], tuple[str, str | None]]


def _table() -> dict[str, Row]:
    """The protocol's table, cell by cell: class → (author, standing, locked) → word and conflict."""
    every = [(who, what, locked) for who in AUTHORS for what in STANDING for locked in (False, True)]
    unseen = [cell for cell in every if cell[0] != "server" and cell[1] in UNSEEN]
    plain: Row = dict.fromkeys(every, ("applied", None))
    manual = plain | dict.fromkeys(unseen, ("kept_server", "server"))
    until = manual | {cell: ("proposed", "server") for cell in unseen if cell[2]}
    latest = plain | dict.fromkeys(unseen, ("kept_server", None))
    once = plain | {(who, what, lock): ("once", None) for who, what, lock in every if what != "nobody"}
    owned = plain | {(who, what, lock): ("ignored", None) for who, what, lock in every if who != "server"}
    wins = plain | {
        ("officer", "officer, unseen", False): ("kept_server", "server"),
        ("officer", "officer, unseen", True): ("proposed", "server"),
        **{cell: ("proposed", "server") for cell in every if cell[0] == "officer" and cell[1].startswith("sup")},
        **{cell: ("applied", "mine") for cell in every if cell[:2] == ("supervisor", "officer, unseen")},
        **{cell: ("kept_server", "server") for cell in every if cell[:2] == ("supervisor", "supervisor, unseen")},
    }
    return {"manual": manual, "officer_until_lock": until, "latest": latest, "write_once": once,
            "server_owned": owned, "supervisor_wins": wins}  # fmt: skip


CELLS = [(name, *key, *cell) for name, row in _table().items() for key, cell in row.items()]


def _record(field: str, stamp: Stamp | None, *, locked: bool = False, **body: Any) -> Record:
    whole = dict.fromkeys(CASE.fields) | {"notes": [], "state": "draft", "review": "passed" if locked else "none"}
    return Record("r", "case", 9, whole | {field: "old" if stamp else None} | body, {field: stamp} if stamp else {})


def _patch(author: str = "officer", base: int = 5, hlc: str = "5", **values: Any) -> Operation:
    return Operation("op", "patch", "case", "r", AUTHORS[author], "", hlc=hlc, base=base, set=values)


@pytest.mark.parametrize(("name", "author", "standing", "locked", "word", "kept"), CELLS)
def test_every_cell_of_the_table(
    name: str, author: str, standing: str, locked: bool, word: str, kept: str | None
) -> None:
    """Class, author, standing value and lock decide word, value and conflict as the protocol's table says."""
    record = _record(name, STANDING[standing], locked=locked)
    decision = merge(CASE, record, _patch(author, **{name: "new"}))
    if word == "once":
        assert decision.problem is not None
        assert (decision.problem.code, decision.record) == ("write_once_changed", record)
        return
    assert decision.record is not None
    assert decision.fields == {name: word}
    assert decision.record.body[name] == ("new" if word == "applied" else record.body[name])
    assert decision.record.version == record.version + (word == "applied")
    assert [one.kept for one in decision.conflicts] == ([kept] if kept else [])
    assert decision.changed == ({name: (record.body[name], "new")} if word == "applied" else {})


@pytest.mark.parametrize("name", [name for name in _table() if name != "server_owned"])
@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("standing", [one for one in STANDING if one != "nobody"])
def test_an_equal_value_is_unchanged_in_every_class(name: str, author: str, standing: str) -> None:
    """What is so already leaves neither version nor conflict, also where another wrote it."""
    record = _record(name, STANDING[standing])
    decision = merge(CASE, record, _patch(author, **{name: "old"}))
    assert (decision.outcome, decision.record, decision.conflicts) == ("unchanged", record, ())


@pytest.mark.parametrize("author", AUTHORS)
def test_the_record_above_is_named_at_creation_or_never(author: str) -> None:
    """A family is for life: an edit that would name another parent is refused, one that names the same is not."""
    above = Field("above", text(20), MergeClass.WRITE_ONCE)
    child = replace(CASE, fields={**CASE.fields, "above": above}, parent="above")
    born = merge(child, None, Operation("op", "create", "case", "r", AUTHORS["officer"], "", set={"title": "t"}))
    assert born.record is not None
    for action, event in (("patch", None), ("transition", "open")):
        late = Operation("op2", action, "case", "r", AUTHORS[author], "", base=1, set={"above": "x"}, event=event)
        if author == "officer" or action == "patch":
            problem = merge(child, born.record, late).problem
            assert problem is not None
            assert (problem.code, problem.errors[0]["pointer"]) == ("invalid_field", "/set/above")
    named = replace(born.record, body={**born.record.body, "above": "x"})
    same = Operation("op3", "patch", "case", "r", AUTHORS[author], "", base=1, set={"above": "x"})
    assert merge(child, named, same).outcome == "unchanged"


@pytest.mark.parametrize(("hlc", "word"), [("8", "kept_server"), ("9", "kept_server"), ("91", "applied")])
def test_the_later_clock_wins_a_latest_field(hlc: str, word: str) -> None:
    """By HLC, without a conflict either way; a tie stays."""
    decision = merge(CASE, _record("latest", STANDING["officer, unseen"]), _patch(hlc=hlc, latest="new"))
    assert (decision.fields["latest"], decision.conflicts) == (word, ())


@pytest.mark.parametrize(
    ("values", "locked", "outcome"),
    [
        ({}, False, "unchanged"),
        ({"title": "new"}, False, "applied"),
        ({"manual": "new"}, False, "merged"),
        ({"title": "new", "manual": "new"}, False, "merged"),
        ({"manual": "old"}, False, "unchanged"),
        ({"title": "new", "manual": "old"}, False, "applied"),
        ({"officer_until_lock": "new"}, True, "proposed"),
        ({"officer_until_lock": "new", "title": "new"}, True, "merged"),
        ({"server_owned": "x", "title": "new"}, False, "merged"),
    ],
)
def test_the_outcome_follows_from_the_fields(values: dict[str, Any], locked: bool, outcome: str) -> None:
    """applied and unchanged only where nothing was lost; proposed only where nothing took effect."""
    record = _record("manual", STANDING["officer, unseen"], locked=locked, officer_until_lock="old")
    stamps = dict(record.stamps) | {"officer_until_lock": record.stamps["manual"]}
    decision = merge(CASE, Record("r", "case", 9, record.body, stamps), _patch(**values))
    assert decision.outcome == outcome
    assert decision.flags == (("server_owned",) if "server_owned" in values else ())


def _step(event: str, author: str = "officer", **values: Any) -> Operation:
    return Operation("op", "transition", "case", "r", AUTHORS[author], "", event=event, set=values)


@pytest.mark.parametrize(
    ("state", "event", "outcome", "after"),
    [
        ("draft", "open", "applied", "open"),
        ("open", "open", "unchanged", "open"),
        ("closed", "open", "proposed", "closed"),
        ("waiting", "close", "applied", "closed"),
        ("draft", "close", "proposed", "draft"),
        ("closed", "close", "unchanged", "closed"),
    ],
)
def test_an_event_is_judged_on_the_current_state(state: str, event: str, outcome: str, after: str) -> None:
    """Legal: applied. Already there: unchanged. Else proposed, with one conflict, and nothing of `set` done."""
    record = _record("state", STANDING["officer, unseen"], state=state)
    decision = merge(CASE, record, _step(event))
    assert decision.record is not None
    assert (decision.outcome, decision.record.body["state"]) == (outcome, after)
    assert [one.field for one in decision.conflicts] == (["state"] if outcome == "proposed" else [])
    with_values = merge(CASE, record, _step(event, title="new"))
    assert with_values.record is not None
    assert (with_values.record.body["title"] == "new") == (outcome != "proposed")


def _code(decision: Decision) -> str:
    assert decision.outcome == "quarantined"
    assert decision.problem is not None
    return decision.problem.code


def test_what_may_not_be_asked_is_quarantined_whole() -> None:
    """Roles, unknown events, records and fields, ill-typed and missing values; nothing of any takes effect."""
    record = _record("title", None, title="t")
    create = Operation("op", "create", "case", "r", AUTHORS["officer"], "", set={"title": "t"})
    police = Author("l1", frozenset({"liaison"}), "u1", OWN)
    assert _code(merge(CASE, record, _step("open", "supervisor"))) == "not_permitted"
    assert _code(merge(CASE, record, _step("fly"))) == "unknown_event"
    assert _code(merge(CASE, None, _patch(title="x"))) == "unknown_record"
    assert _code(merge(CASE, record, _patch(nothing="x"))) == "invalid_field"
    assert _code(merge(CASE, record, _patch(amount="5"))) == "invalid_field"
    assert _code(merge(CASE, record, _patch(amount=True))) == "invalid_field"
    assert _code(merge(CASE, record, _patch(title=None))) == "invalid_field"
    assert _code(merge(CASE, record, _patch(state="open"))) == "invalid_field"
    assert _code(merge(CASE, record, _patch(review="passed"))) == "not_permitted"
    assert _code(merge(CASE, None, Operation("op", "create", "case", "r", AUTHORS["officer"], ""))) == "invalid_field"
    refused = Operation("op", "create", "case", "r", police, "", set={"title": "t"})
    assert _code(merge(CASE, None, refused)) == "not_permitted"
    assert merge(CASE, None, create).outcome == "applied"


def test_one_bad_field_names_itself_and_stops_its_neighbours() -> None:
    """The pointer says which; the good field beside it is not applied."""
    decision = merge(CASE, _record("title", None), _patch(amount=101, title="x"))
    assert decision.problem is not None
    assert [error["pointer"] for error in decision.problem.errors] == ["/set/amount"]
    assert decision.changed == {}


def test_creating_twice_is_unchanged_when_the_same_and_refused_else() -> None:
    """record_exists unless every value asked stands."""
    create = Operation("op", "create", "case", "r", AUTHORS["officer"], "", set={"title": "t"})
    made = merge(CASE, None, create).record
    assert made is not None
    assert (made.version, made.body["state"], made.body["notes"]) == (1, "draft", [])
    assert merge(CASE, made, create).outcome == "unchanged"
    other = Operation("op2", "create", "case", "r", AUTHORS["officer"], "", set={"title": "x"})
    assert _code(merge(CASE, made, other)) == "record_exists"


def test_what_the_server_gives_is_written() -> None:
    """A given write_once value can neither be asked otherwise at creation nor changed later."""
    given_ = {"write_once": "given"}
    create = Operation("op", "create", "case", "r", AUTHORS["officer"], "", set={"title": "t"})
    made = merge(CASE, None, create, given_).record
    assert _code(merge(CASE, made, _patch(base=1, write_once="mine"))) == "write_once_changed"
    forged = Operation("op", "create", "case", "r", AUTHORS["officer"], "", set={"title": "t", "write_once": "x"})
    decision = merge(CASE, None, forged, given_)
    assert (_code(decision), decision.record) == ("write_once_changed", None)


ELEMENTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=8, unique_by=lambda one: one[0]
)


def _append(number: int, hlc: int, text_: str = "x") -> Operation:
    element = {"id": f"00000000-0000-0000-0000-{number:012}", "text": text_}
    author = AUTHORS["officer"]
    return Operation(f"op{number}", "append", "case", "r", author, "", hlc=str(hlc), list="notes", item=element)


def _union(*operations: Operation) -> Any:
    record: Record | None = _record("title", None)
    for operation in operations:
        record = merge(CASE, record, operation).record
    assert record is not None
    return record.body["notes"]


@given(ELEMENTS, st.randoms())
def test_the_union_of_elements_knows_no_order_and_no_repetition(elements: list[tuple[int, int]], dice: Any) -> None:
    """Any order, any grouping, any repetition of the same appends gives the same list, ordered by clock and id."""
    operations = [_append(*one) for one in elements]
    shuffled = operations + dice.sample(operations, len(operations) // 2)
    dice.shuffle(shuffled)
    union = _union(*operations)
    assert _union(*shuffled) == union
    assert [(one["hlc"], one["id"]) for one in union] == sorted((one["hlc"], one["id"]) for one in union)


def test_an_element_never_changes() -> None:
    """The same id with other words is quarantined and the first stands; unknown and missing parts too."""
    record = merge(CASE, _record("title", None), _append(1, 1)).record
    assert _code(merge(CASE, record, _append(1, 1, "other"))) == "write_once_changed"
    bare = Operation("op", "append", "case", "r", AUTHORS["officer"], "", list="notes", item={"id": "x", "by": "o9"})
    decision = merge(CASE, record, bare)
    assert decision.problem is not None
    assert {one["pointer"] for one in decision.problem.errors} == {"/item/id", "/item/by", "/item/text"}
    nowhere = Operation("op", "append", "case", "r", AUTHORS["officer"], "", list="title", item={})
    assert _code(merge(CASE, record, nowhere)) == "invalid_field"


VALUES = st.dictionaries(st.sampled_from(list(CASE.fields)), st.sampled_from(["a", "b", None, 5]), max_size=4)


@given(VALUES, st.integers(0, 9))
def test_merging_is_a_function_and_takes_its_record_as_it_was(values: dict[str, Any], base: int) -> None:
    """Twice the same gives the same, and the record that went in is untouched."""
    record = _record("manual", STANDING["officer, unseen"])
    before = dict(record.body)
    assert merge(CASE, record, _patch(base=base, **values)) == merge(CASE, record, _patch(base=base, **values))
    assert record.body == before


def test_a_masked_author_sets_nothing_that_he_does_not_see() -> None:
    """A withheld part at creation, and later the whole field that holds one; what is not withheld he may."""
    parts = group({"name": text(20), "secret": text(20)})
    masked_type = replace(
        CASE,
        fields=dict(CASE.fields) | {"person": Field("person", parts, MergeClass.MANUAL)},
        masked=("person.secret",),
    )
    masked = replace(AUTHORS["officer"], masked=True)

    def create(**person: str) -> Operation:
        return Operation("op", "create", "case", "r", masked, "", set={"title": "t", "person": person})

    assert _code(merge(masked_type, None, create(secret="x"))) == "not_permitted"
    made = merge(masked_type, None, create(name="x"))
    assert made.outcome == "applied"
    later = Operation("op2", "patch", "case", "r", masked, "", base=1, set={"person": {"name": "y"}})
    assert _code(merge(masked_type, made.record, later)) == "not_permitted"
    assert merge(masked_type, made.record, replace(later, set={"title": "y"})).outcome == "applied"


def test_a_step_that_would_change_what_is_written_once_is_quarantined() -> None:
    """The step is not taken, and the problem points at the field."""
    record = _record("write_once", STANDING["officer, seen"], write_once="first", state="draft")
    decision = merge(CASE, record, _step("open", write_once="second"))
    assert _code(decision) == "write_once_changed"
    assert decision.record is record
    assert decision.problem is not None
    assert decision.problem.wire()["errors"][0]["pointer"] == "/set/write_once"


def test_what_an_earlier_schema_had_is_kept_beside_todays_fields() -> None:
    """Under its own name, the later clock standing; never in the place of a field or a list of today's."""
    operation = replace(_patch(title="new"), kept={"colour": "red", "title": "old", "notes": "none"})
    decision = merge(CASE, _record("title", None), operation)
    assert decision.record is not None
    assert (decision.record.body["colour"], decision.record.body["title"]) == ("red", "new")
    assert "notes" not in decision.fields
    assert decision.fields == {"colour": "applied", "title": "applied"}
    earlier = replace(_patch(hlc="4"), author=replace(AUTHORS["officer"], store=OTHER), base=0, kept={"colour": "blue"})
    assert merge(CASE, decision.record, earlier).fields == {"colour": "kept_server"}


def test_what_a_hand_wrote_earlier_does_not_pass_over_what_it_wrote_later() -> None:
    """It waited, or was repaired: its own later value stands, in every class, and there is nothing to settle."""
    for merge_class in ("officer_until_lock", "manual", "latest", "supervisor_wins"):
        later = Stamp(9, OWN, "5", False, "o1", "", "x", number=7)
        for number, word in ((6, "kept_server"), (8, "applied")):
            operation = replace(_patch(hlc="6", **{merge_class: "new"}), number=number)
            decision = merge(CASE, _record(merge_class, later), operation)
            assert (decision.fields, decision.conflicts) == ({merge_class: word}, ())


def test_two_copies_of_one_store_are_two() -> None:
    """What the other copy wrote counts as unseen; what the base says was seen, was seen."""
    standing = Stamp(6, OWN, "5", False, "o1", "", "x", number=7)
    for base, word in ((5, "kept_server"), (6, "applied")):
        operation = replace(_patch(base=base, manual="new"), number=8, copied=True)
        decision = merge(CASE, _record("manual", standing), operation)
        assert decision.fields == {"manual": word}
        assert len(decision.conflicts) == (word != "applied")
    after = replace(_patch(manual="new"), number=8, copied=True, rests_on="x")
    assert merge(CASE, _record("manual", standing), after).fields == {"manual": "applied"}
