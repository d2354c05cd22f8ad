"""Many writers at once: nothing is missed, lost, done twice or answered differently."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from field_api.extensions import db
from sync.engine.hlc import Hlc
from sync.store import sequence
from sync.store.sequence import Position
from sync.store.tables import OperationRow
from sync.store.tables import Sequence as SequenceRow
from tests.integration.field import CATEGORY, Terminal, new_id, terminal
from tests.integration.people import Bureau

WRITERS, PUSHES, SIZE = 8, 20, 14


def _together(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at once, each starting when all are ready; returns their results in order."""
    barrier = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return [future.result(120) for future in [pool.submit(run, one) for one in work]]


def _crew(bureau: Bureau, count: int, *roles: str) -> list[Terminal]:
    return [terminal(bureau, f"crew{index}{''.join(roles)}", *roles) for index in range(count)]


def _insist(own: Terminal, *operations: Any) -> list[dict[str, Any]]:
    """Push until the answer is one: a terminal's second push at the same time is told to come later."""
    for _ in range(2_000):
        answer = own.post(operations)
        if answer.status_code == 200:
            return answer.json["results"]
        assert (answer.status_code, answer.json["code"]) == (429, "push_in_flight"), answer.text
    raise AssertionError("never let in")


def _positions(cursor: str) -> list[int]:
    """The lanes' positions inside a cursor, read as no terminal may."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return [int.from_bytes(raw[start : start + 6], "big") for start in (24, 24 + 25)]


def _write(own: Terminal, shared: Sequence[str], seed: int) -> list[str]:
    """Push creates and edits of shared records in batches of a random size; returns what was created."""
    dice, made = random.Random(seed), []
    for _ in range(PUSHES):
        batch = [own.create("case", description="x" * dice.randrange(300)) for _ in range(dice.randrange(1, SIZE))]
        batch += [
            own.patch("case", record, 1, priority_hint=dice.randrange(9))
            for record in dice.sample(list(shared), 2)
        ]
        assert {one["outcome"] for one in _insist(own, *batch)} <= {"applied", "merged", "unchanged"}
        made += [one["record"] for one in batch if one["action"] == "create"]
    return made


def test_a_puller_beside_eight_writers_misses_nothing(bureau: Bureau) -> None:
    """Every record committed is received, whatever was open meanwhile; the cursor never goes back."""
    writers, puller = _crew(bureau, WRITERS), terminal(bureau, "reader")
    shared = [writers[0].create("case") for _ in range(10)]
    writers[0].done(*shared)
    records, over = [one["record"] for one in shared], threading.Event()

    def pull() -> None:
        dice, before = random.Random(7), [0, 0]
        while True:
            last_round = over.is_set()
            page = puller.page(limit=dice.choice([1, 3, 20, 200, 1000]))
            now = _positions(page["cursor"])
            assert all(old <= new for old, new in zip(before, now, strict=True))
            before = now
            if last_round and not page["more"]:
                return

    with ThreadPoolExecutor(1) as pool:
        pulling = pool.submit(pull)
        try:
            made = _together([lambda own=own, seed=i: _write(own, records, seed) for i, own in enumerate(writers)])
        finally:
            over.set()
        pulling.result(120)
    everything = {record for batch in made for record in batch} | set(records)
    assert len(everything) > 500
    assert everything <= puller.held.keys()


class _Pause:
    """Wraps `sequence.take` so that the first to take stops just after, until it is let go."""

    def __init__(self, take: Callable[..., Position]) -> None:
        self.take = take
        self.taken, self.go = threading.Event(), threading.Event()

    def __call__(self, session: Session, count: int, now_ms: int, heard: Hlc | None = None) -> Position:
        position = self.take(session, count, now_ms, heard)
        if not self.taken.is_set():
            self.taken.set()
            assert self.go.wait(60)
        return position


def _take_early(session: Session, count: int, now_ms: int, heard: Hlc | None = None) -> Position:
    """What a plain sequence does: the number is given out, and nobody waits for it to be committed."""
    with db.engine.begin() as connection:
        statement = sa.update(SequenceRow).where(SequenceRow.id == 1).values(value=SequenceRow.value + count)
        row = connection.execute(statement.returning(SequenceRow.value, SequenceRow.epoch)).one()
    return Position(row.value, row.epoch, Hlc(now_ms, 0, "s"))


def _race(bureau: Bureau, pause: _Pause, *, blocks: bool) -> set[str]:
    """One writer stops between its number and its commit, another pushes meanwhile; what the puller misses."""
    first, second, puller = _crew(bureau, 3)
    puller.pull()
    early, late = first.create("case"), second.create("case")
    with ThreadPoolExecutor(2) as pool:
        bureau_take, sequence.take = sequence.take, pause
        try:
            slow = pool.submit(first.done, early)
            assert pause.taken.wait(30)
            quick = pool.submit(second.done, late)
            if not blocks:
                quick.result(60)
            puller.page()
            pause.go.set()
            slow.result(60)
            quick.result(60)
        finally:
            pause.go.set()
            sequence.take = bureau_take
    for _ in range(2):
        answer = puller.ask()
        assert answer.status_code == 200
        for change in answer.json["changes"]:
            puller.held[change["record"]] = (change["type"], change["version"], change["body"])
        puller.cursor = answer.json["cursor"]
    return {early["record"], late["record"]} - puller.held.keys()


@pytest.mark.parametrize("founded_url", ["postgresql"], indirect=True)
def test_a_number_is_not_seen_before_those_below_it(bureau: Bureau) -> None:
    """A writer that has its number and has not committed holds back every later one."""
    assert _race(bureau, _Pause(sequence.take), blocks=True) == set()


@pytest.mark.parametrize("founded_url", ["postgresql"], indirect=True)
def test_the_race_finds_a_sequence_that_is_taken_early(bureau: Bureau) -> None:
    """The same race with a plain sequence loses a row: the test before it can fail."""
    assert len(_race(bureau, _Pause(_take_early), blocks=False)) == 1


def test_sixteen_sends_of_one_operation_take_effect_once(bureau: Bureau, app: Flask) -> None:
    """One effect and one answer, whether one terminal sends it or sixteen do."""
    crew = _crew(bureau, 8)
    case = crew[0].create("case")
    crew[0].done(case)
    append = crew[0].append("case", case["record"], "notes", text="once")
    answers = _together([lambda own=own: _insist(own, append) for own in crew + [crew[0]] * 8])
    bare = [{key: value for key, value in one.items() if key != "duplicate"} for [one] in answers]
    assert all(one == {"id": append["id"], "outcome": "applied", "version": 2} for one in bare), answers
    assert sum("duplicate" not in one for [one] in answers) == 1
    crew[0].pull()
    assert len(crew[0].body(case["record"])["notes"]) == 1
    with app.app_context():
        count = db.session.scalar(sa.select(sa.func.count()).where(OperationRow.id == append["id"]))
    assert count == 1


def test_two_payloads_under_one_id_at_once_keep_both(bureau: Bureau) -> None:
    """Whoever comes first is applied; the others are kept whole as reused; nothing answers 500."""
    crew = _crew(bureau, 6)
    made = new_id()
    operations = [own.create("case", description=str(index)) | {"id": made} for index, own in enumerate(crew)]
    answers = _together([lambda own=own, one=one: own.send(one)[0] for own, one in zip(crew, operations, strict=True)])
    assert sorted(one["outcome"] for one in answers) == ["applied"] + ["quarantined"] * 5
    assert {one["problem"]["code"] for one in answers if "problem" in one} == {"operation_id_reused"}


def test_creators_of_one_record_at_once_overwrite_nobody(bureau: Bureau) -> None:
    """One create is applied and stands; the others are told record_exists, their neighbours applied."""
    crew = _crew(bureau, 6)
    for _ in range(4):
        record = new_id()
        creates = [own.create("case", record, description=str(index)) for index, own in enumerate(crew)]
        answers = _together(
            [lambda own=own, one=one: own.send(one, own.create("case")) for own, one in zip(crew, creates, strict=True)]
        )
        assert {second["outcome"] for _, second in answers} == {"applied"}
        won = [index for index, (first, _) in enumerate(answers) if first["outcome"] == "applied"]
        assert len(won) == 1, answers
        lost = [first for first, _ in answers if first["outcome"] != "applied"]
        assert {one["problem"]["code"] for one in lost} == {"record_exists"}
        crew[0].pull()
        assert crew[0].body(record)["description"] == str(won[0])


def test_batches_over_the_same_records_in_opposite_order_all_end(bureau: Bureau) -> None:
    """No deadlock for good: every push is answered, every append is there."""
    crew = _crew(bureau, 4)
    incident = crew[0].create("incident")
    cases = [crew[0].create("case", incident=incident["record"]) for _ in range(6)]
    crew[0].done(incident, *cases)
    records = [one["record"] for one in cases] + [incident["record"]]

    def push(own: Terminal, backwards: bool) -> None:
        for _ in range(5):
            batch = [
                own.append("incident" if record == incident["record"] else "case", record, "notes", text="x")
                for record in (reversed(records) if backwards else records)
            ]
            assert {one["outcome"] for one in own.send(*batch)} == {"applied"}

    _together([lambda own=own, index=index: push(own, bool(index % 2)) for index, own in enumerate(crew)])
    crew[0].pull()
    assert {len(crew[0].body(record)["notes"]) for record in records} == {20}


def test_supervisors_who_disagree_at_once_leave_one_value_and_a_conflict_for_each_other(bureau: Bureau) -> None:
    """The first supervisor's value stands; each other one is kept as exactly one conflict."""
    crew, officer = _crew(bureau, 4, "supervisor"), terminal(bureau, "zhang")
    case = officer.create("case")
    officer.done(case)
    values = ["0101", "0102", "0103", "0104"]
    assert CATEGORY not in values
    patches = [own.patch("case", case["record"], 1, category=value) for own, value in zip(crew, values, strict=True)]
    answers = _together([lambda own=own, one=one: own.send(one)[0] for own, one in zip(crew, patches, strict=True)])
    assert sorted(one["outcome"] for one in answers) == ["applied", "merged", "merged", "merged"]
    won = values[[one["outcome"] for one in answers].index("applied")]
    officer.pull()
    assert officer.body(case["record"])["category"] == won
    client, headers = crew[0].handheld.client, crew[0].handheld.bearer
    conflicts = client.get("/api/v1/conflicts", headers=headers).json
    assert sorted(one["mine"] for one in conflicts) == sorted(set(values) - {won})
    assert {(one["theirs"], one["kept"], one["base"]) for one in conflicts} == {(won, "server", CATEGORY)}
