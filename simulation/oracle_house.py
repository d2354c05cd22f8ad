"""The inside of the oracle: what is kept and held, what waits for what, and how one operation takes effect."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation import oracle_bureau as bureau
from simulation.oracle_form import malformed
from simulation.oracle_merge import (
    Author,
    Edit,
    Record,
    Refused,
    Stamp,
    Writer,
    check_step,
    check_values,
    merge_item,
    merge_step,
    merge_values,
    outcome_of,
)
from simulation.oracle_values import ANY, AnyOrder, is_id
from simulation.oracle_void import propose, reason_of, void_element, void_record

FINAL = ("applied", "merged", "proposed", "unchanged", "dismissed")
SERVER = Author("", frozenset(), "", frozenset(), supervisor=False, masked=False, server=True)
Result = dict[str, Any]


@dataclass
class Kept:
    """An operation as the server keeps it."""

    id: str
    payload: dict[str, Any]
    text: str
    terminal: str
    store: str
    author: Author | None
    arrival: tuple[int, int, str]
    flags: list[str]
    clock: str
    schema: int = 1
    seen: int = 0
    copied: bool = False
    result: Result = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    done: int = 0
    authored_ms: float | None = None
    blind: bool = False

    @property
    def outcome(self) -> str:
        return str(self.result.get("outcome", ""))

    @property
    def final(self) -> bool:
        return self.outcome in FINAL


class House:
    """Records, families, operations and conflicts, and the one way in which an operation reaches them."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self.declared = declared
        self.blobs: set[str] = set()
        self._records: dict[str, Record] = {}
        self._families: dict[str, set[str]] = {}
        self._kept: dict[str, Kept] = {}
        self._settled: dict[str, list[Result]] = {}
        self._conflicts: dict[tuple[str, str], dict[str, Any]] = {}
        self._writes: list[tuple[str, bureau.Write]] = []
        self._ended: set[str] = set()
        self._of_photos: dict[str, list[bureau.Write]] = {}
        self._news: set[str] = set()
        self._answering: set[str] = set()
        self._copied: set[str] = set()
        self._turn = 0
        # What was lost: (scope, since, until) by officer. session_ms: how long one may work without a line.
        self._lost: dict[str, list[tuple[str, float, float]]] = {}
        self.session_ms = 0.0
        self._members: dict[tuple[str, str], list[Kept]] = {}

    # Waiting.

    def _effective(self, operation: str) -> bool:
        return operation in self._kept and self._kept[operation].final

    def _operations_needed(self, one: Kept) -> list[str]:
        named = [*(one.payload.get("after") or []), *_named_base(one.payload)]
        return [name for name in dict.fromkeys(named) if not self._effective(name)]

    def _needs(self, one: Kept) -> list[str]:
        """What has not arrived or not taken effect: operations, then records."""
        payload, needs = one.payload, self._operations_needed(one)
        base, record = payload.get("base"), self._records.get(payload["record"])
        if payload["action"] == "create":
            parent = payload.get("set", {}).get(self.declared["types"][payload["type"]]["parent"])
            if is_id(parent) and parent not in self._records:
                needs.append(parent)
        elif record is None or (isinstance(base, int) and base > record.version):
            needs.append(payload["record"])
        return needs

    def _circle(self, one: Kept) -> bool:
        """Whether what an operation waits for waits for it, or for the record that it is to create."""
        own = {one.id, one.payload["record"]} if one.payload["action"] == "create" else {one.id}
        reached, ahead = set[str](), set(one.waits)
        while ahead:
            if ahead & own:
                return True
            reached |= ahead
            parked = [other for other in self._kept.values() if other.outcome == "parked" and other is not one]
            beyond = {name for other in parked if other.id in ahead for name in other.waits}
            beyond |= {
                other.id for other in parked if other.payload["action"] == "create" and other.payload["record"] in ahead
            }
            ahead = beyond - reached
        return False

    def _try_again(self, one: Kept) -> None:
        """Look again at what is sent again; what it names and came in this very batch is left to the waking."""
        named = [*(one.payload.get("after") or []), *_named_base(one.payload)]
        if all(self._effective(name) and self._kept[name].done < self._turn for name in named):
            self._try(one)

    def _try(self, one: Kept) -> None:
        """Apply, park or quarantine an operation as things stand."""
        if self._rests_elsewhere(one):
            one.result = quarantined("invalid_field")
            return
        one.waits = self._needs(one)
        if one.waits:
            circle = self._circle(one)
            one.result = quarantined("cycle") if circle else {"outcome": "parked", "waits_for": AnyOrder(one.waits)}
            return
        try:
            one.result = self._judge(one, one.payload.get("set", {}))
        except Refused as refused:
            one.result = quarantined(refused.code)
            return
        self._took_effect(one)
        self._follow()

    def _took_effect(self, one: Kept) -> None:
        one.done = self._turn
        self._news.add(one.id)
        if one.id not in self._answering:
            self._settled.setdefault(one.terminal, []).append(bare(one.id, one.result, one.flags))

    def _run(self) -> None:
        """Let the server react and wake what waited, until nothing follows."""
        while True:
            self._react()
            news, self._news = self._news, set()
            woken = [one for one in self._kept.values() if one.outcome == "parked" and news & set(one.waits)]
            if not woken:
                return
            for one in sorted(woken, key=lambda each: each.arrival):
                if one.outcome == "parked":
                    self._try(one)

    def _react(self) -> None:
        self._follow()
        while self._ended or self._of_photos:
            cases, of_photos, self._ended, self._of_photos = self._ended, self._of_photos, set(), {}
            for name in sorted({*cases, *of_photos} & set(self._records)):
                for values in bureau.at_the_end(self._records[name], of_photos.get(name, []), self._photos(name)):
                    self._server_writes(name, values)
            self._follow()

    def _follow(self) -> None:
        """Let the server do at once what follows from what was just written."""
        while self._writes:
            name, write = self._writes.pop(0)
            record = self._records[name]
            if record.type == "case":
                self._ended.add(name)
                self._server_writes(name, bureau.at_once(record, [write], self._photos(name)))
            elif record.type == "evidence":
                self._of_photos.setdefault(record.body["case"], []).append(write)

    def _photos(self, case: str) -> list[Record]:
        photos = (one for one in self._records.values() if one.type == "evidence" and one.void is None)
        return [one for one in photos if one.body["case"] == case]

    # Judging.

    def _check_reach(self, one: Kept, record: Record) -> None:
        """Refuse what its author could not reach, neither when it arrived nor when he wrote it."""
        assert one.author is not None
        opened = self._families[record.family]
        if not one.author.scopes & opened:
            if not self._held_then(one) & opened:
                raise Refused("out_of_scope")
            one.blind = True

    def _held_then(self, one: Kept) -> set[str]:
        """The scopes that were lost since an operation was written, and not longer ago than a session lasts."""
        assert one.author is not None
        if one.authored_ms is None:
            return set()
        earliest = max(one.authored_ms, one.arrival[0] - self.session_ms)
        lost = self._lost.get(one.author.officer, [])
        return {scope for scope, since, until in lost if since <= one.authored_ms and until >= earliest}

    def _judge(self, one: Kept, values: Mapping[str, Any]) -> Result:
        assert one.author is not None
        payload, record = one.payload, self._records.get(one.payload["record"])
        one.seen = self._seen(one)
        edit = Edit(
            one.author, payload["action"], payload["type"], payload["record"], values, one.seen, one.clock,
            payload.get("event", ""), payload.get("number"), one.copied, one.id, next(iter(_named_base(payload)), ""),
        )  # fmt: skip
        if edit.action != "create" and (record is None or record.type != edit.type):
            raise Refused("unknown_record")
        if record is not None:
            self._check_reach(one, record)
        if record is None or edit.action == "create":
            return self._create(one, edit, record)
        kind = self.declared["types"][edit.type]
        if record.void is not None:
            return self._answer(one, edit, record, self._after_void(edit, record, payload))
        if edit.action in ("void", "discard"):
            return self._void(one, edit, record, kind)
        stands = self._change(edit, record, kind, payload)
        outcome = outcome_of(edit) if stands else "proposed"
        if edit.changed:
            self._write(record, edit.changed, edit.author, edit.clock, number=edit.number, operation=edit.operation)
        return self._answer(one, edit, record, outcome)

    def _after_void(self, edit: Edit, record: Record, payload: Mapping[str, Any]) -> str:
        """Nothing un-voids: the same void is unchanged, all else is a proposal."""
        again = edit.action in ("void", "discard") and not payload.get("list") and reason_of(payload) == record.void
        return "unchanged" if again else propose(edit, {"action": edit.action}, record.void)

    def _void(self, one: Kept, edit: Edit, record: Record, kind: Mapping[str, Any]) -> Result:
        locked = self._review_begun(record)
        if one.payload.get("list"):
            outcome = void_element(edit, record, kind, one.payload, locked=locked)
        else:
            outcome = void_record(edit, record, one.payload, locked=locked)
            record.void = reason_of(one.payload) if outcome == "applied" else None
        if outcome == "applied":
            self._write(record, edit.changed, edit.author, edit.clock, number=edit.number, operation=edit.operation)
        return self._answer(one, edit, record, outcome)

    def _review_begun(self, record: Record | None) -> bool:
        """Whether review of a record, or of the one above it, has begun."""
        if record is None:
            return False
        first = bureau.UNREVIEWED.get(record.type)
        above = self._records.get(record.body.get(self.declared["types"][record.type]["parent"]) or "")
        return (first is not None and record.body["review"] != first) or self._review_begun(above)

    def _change(self, edit: Edit, record: Record, kind: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        lock = bureau.LOCKED_AFTER.get(edit.type)
        locked = lock is not None and record.body[lock[0]] != lock[1]
        if edit.action == "append":
            merge_item(edit, record, kind, self.declared["enums"], payload["list"], payload["item"])
            return True
        if edit.action == "transition":
            check_step(edit, kind)
        check_values(edit, self.declared, bureau.WITHHELD.get(edit.type, {}))
        if edit.action == "transition":
            return merge_step(edit, record, kind, bureau.FIRST_STATE[edit.type][0], locked=locked)
        merge_values(edit, record, kind, locked=locked)
        return True

    def _rests_elsewhere(self, one: Kept) -> bool:
        """Whether the base names an operation of another record, as far as that has taken effect."""
        base = one.payload.get("base")
        named = self._kept.get(base["operation"]) if isinstance(base, dict) else None
        return named is not None and named.final and named.payload["record"] != one.payload["record"]

    def _seen(self, one: Kept) -> int:
        """What an author had seen: of his own store's operation what that one had seen, else the version it gave."""
        base = one.payload.get("base")
        if isinstance(base, dict):
            named = self._kept[base["operation"]]
            return named.seen if named.store == one.store else int(named.result.get("version", 0))
        return base if isinstance(base, int) else 0

    def _seen_at_last(self, one: Kept) -> int:
        """What an author had seen whose operation a person closes; 0 where that hangs on what never took effect."""
        unknown = malformed(one.payload) or not all(self._effective(name) for name in _named_base(one.payload))
        return 0 if unknown or self._rests_elsewhere(one) else self._seen(one)

    def _create(self, one: Kept, edit: Edit, record: Record | None) -> Result:
        kind = self.declared["types"][edit.type]
        if record is not None:
            same = record.type == edit.type and all(
                name in record.body and record.body[name] == value for name, value in edit.values.items()
            )
            if not same:
                raise Refused("record_exists")
            return {"outcome": "unchanged", "version": record.version}
        parent = self._records.get(edit.values.get(kind["parent"]) or "")
        if parent is not None and edit.type not in bureau.JOINED:
            self._check_reach(one, parent)
        if not set(kind["creatable_by"]) & edit.author.roles:
            raise Refused("not_permitted")
        check_values(edit, self.declared, bureau.WITHHELD.get(edit.type, {}))
        if parent is not None and parent.type != kind["parent"]:
            raise Refused("invalid_field")
        body = bureau.given(edit.type, kind, edit.author, edit.values.get("sha256") in self.blobs)
        family = edit.record if parent is None else parent.family
        record = Record(edit.record, edit.type, 0, body, {}, family, edit.author.officer)
        if edit.values.get("author", edit.author.officer) != edit.author.officer:
            raise Refused("write_once_changed")
        merge_values(edit, record, kind, locked=False)
        stamp = Stamp(1, edit.author.store, edit.author.supervisor, edit.clock, edit.number, edit.operation)
        closed = [name for name, each in kind["fields"].items() if each["class"] == "write_once"]
        born = closed if edit.type == bureau.SIGNED_WHOLE else [name for name in ("author",) if name in body]
        record.stamps |= dict.fromkeys(born, stamp)
        self._records[record.id] = record
        changed, by, clock = edit.changed, edit.author, edit.clock
        self._write(record, changed, by, clock, created=True, number=edit.number, operation=edit.operation)
        return self._answer(one, edit, record, outcome_of(edit, created=True))

    def _write(
        self,
        record: Record,
        changed: Mapping[str, Any],
        author: Author,
        clock: str,
        *,
        created: bool = False,
        number: int | None = None,
        operation: str = "",
    ) -> None:
        closed = changed.get("status") == "closed"
        write = bureau.Write(
            record.type, frozenset(changed), author.supervisor, created, closed, record.void is not None, author.server
        )
        self._writes.append((record.id, write))
        record.version += 1
        record.writers.append(Writer(record.version, author.store, author.officer, author.server))
        record.body |= copy.deepcopy(dict(changed))
        stamp = Stamp(record.version, author.store, author.supervisor, clock, number, operation)
        record.stamps |= dict.fromkeys(changed, stamp)
        self._families.setdefault(record.family, set()).update(bureau.brought(record))
        self._news.add(record.id)

    def _answer(self, one: Kept, edit: Edit, record: Record, outcome: str) -> Result:
        answer: Result = {"outcome": outcome, "version": record.version}
        for conflict in edit.conflicts:
            key = (one.id, conflict["field"])
            self._conflicts[key] = conflict | {"record": record.id, "open": True, "seen": edit.seen}
        if "ignored" in edit.words.values() and "server_owned" not in one.flags:
            one.flags.insert(0, "server_owned")
        if outcome in ("merged", "proposed"):
            lost = [name for name, word in edit.words.items() if word in ("kept_server", "proposed", "ignored")]
            answer["fields"] = dict(edit.words)
            if not one.blind:
                answer["now"] = {name: copy.deepcopy(record.body.get(name)) for name in lost}
            answer["conflicts"] = AnyOrder(
                {"id": ANY, "field": each["field"], "class": each["class"], "kept": each["kept"]}
                for each in edit.conflicts
            )
        return answer

    def _server_writes(self, record: str, values: Mapping[str, Any]) -> None:
        standing = self._records[record]
        changed = {name: value for name, value in values.items() if value is ANY or standing.body[name] != value}
        if changed:
            self._write(standing, changed, SERVER, "")


def quarantined(code: Any) -> Result:
    return {"outcome": "quarantined", "problem": {"code": code, "errors": ANY}}


def bare(operation: str, result: Result, flags: list[str]) -> Result:
    told = {"id": operation, **copy.deepcopy(result)}
    return told | {"flags": list(flags)} if flags else told


def _named_base(payload: Mapping[str, Any]) -> list[str]:
    base = payload.get("base")
    return [base["operation"]] if isinstance(base, dict) else []
