"""What the sync server must answer, worked out again from the protocol's words.

It shares no code with the server: plain dictionaries, readable rules. One oracle stands beside one server, is told
of everything that reaches it in the same order, and predicts each answer and each record. What only the server can
know is predicted as `ANY`. See `oracle_merge` for the merge classes, `oracle_house` for what waits and takes effect,
and `oracle_bureau` for the server's own moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from simulation import oracle_bureau as bureau
from simulation.oracle_form import malformed
from simulation.oracle_group import GroupHouse
from simulation.oracle_house import Kept, Result, bare, quarantined
from simulation.oracle_merge import Author, Edit, merge_values
from simulation.oracle_values import ANY, authored_ms, canonical, clock_of, hlc_ms, is_id, wall_ms

# What an operation is kept under whose id came before with another payload.
SET_ASIDE = "reused:"


class Oracle(GroupHouse):
    """One server's twin. `poison` names operations that must end quarantined, whatever the code."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        super().__init__(declared)
        self.poison: set[str] = set()
        self._people: dict[str, Author] = {}
        self._sessions: dict[tuple[str, str], tuple[float, float]] = {}
        self._terminal_no: dict[str, str] = {}
        self._numbers: dict[str, dict[int, str]] = {}
        self._again: set[str] = set()
        self._held_since: dict[tuple[str, str], float] = {}

    # People and terminals.

    def person(
        self,
        officer: str,
        roles: set[str],
        unit: str,
        scopes: set[str],
        *,
        supervisor: bool,
        masked: bool,
        now_ms: float = 0.0,
    ) -> None:
        """Tell of an officer, or that he has changed just now; scopes are named `unit:…` and `grid:…`."""
        own, known = frozenset(scopes), self._people.get(officer)
        before = known.scopes if known is not None else own
        for scope in before - own:
            since = self._held_since.pop((officer, scope), float("-inf"))
            self._lost.setdefault(officer, []).append((scope, since, now_ms))
        self._held_since |= {(officer, scope): now_ms for scope in own - before}
        self._people[officer] = Author(officer, frozenset(roles), unit, own, supervisor=supervisor, masked=masked)

    def terminal(self, terminal: str, number: str) -> None:
        """Tell a terminal's number, which stands in the clock of an element that brought none."""
        self._terminal_no[terminal] = number

    def session(self, officer: str, terminal: str, since_ms: float, until_ms: float) -> None:
        """Tell when an officer may have worked on a terminal, for what another hands in for him."""
        self._sessions[officer, terminal] = (since_ms, until_ms)

    # Push.

    def push(
        self, *, officer: str, terminal: str, envelope: Mapping[str, Any], now_ms: int, revoked: bool = False
    ) -> list[Result]:
        """Predict the results of a batch, in order."""
        self._turn += 1
        self._answering, self._again = set(), set()
        handled = [
            self._receive(payload, officer, terminal, envelope, now_ms, revoked=revoked)
            for payload in envelope["operations"]
        ]
        self._run()
        self._answering = set()
        return [one() for one in handled]

    def _receive(
        self,
        payload: Any,
        officer: str,
        terminal: str,
        envelope: Mapping[str, Any],
        now_ms: int,
        *,
        revoked: bool,
    ) -> Callable[[], Result]:
        """Take one operation in; returns what tells its result once the whole batch is done."""
        clock = envelope["clock"]
        moments = [wall_ms(clock.get("wall")), hlc_ms(clock.get("hlc"))]
        if not isinstance(payload, dict) or not is_id(payload.get("id")):
            strange = bare(ANY, quarantined(ANY), ["clock_suspect"] * _is_ahead(moments, now_ms))
            return lambda: strange
        store, text, known = envelope["store"], canonical(payload), self._kept.get(payload["id"])
        reused = self._count(store, payload)
        name = payload["id"]
        if known is not None and known.text != text:
            name = self.set_aside(payload)
            known = self._kept.get(name)
            if known is not None:
                other = known
                return lambda: self._told(other, duplicate=True) | {"id": payload["id"]}
        if known is not None:
            repeated = known.final or known.id in self._answering
            if known.outcome == "parked" and known.id not in self._again:
                self._again.add(known.id)
                self._try_again(known)
            return lambda: self._told(known, duplicate=repeated)
        ahead = _is_ahead([*moments, hlc_ms(payload.get("hlc"))], now_ms)
        flags = ["clock_suspect"] * ahead + ["number_reused"] * reused
        one = Kept(
            name, payload, text, terminal, store, self._author(payload, officer, terminal, store),
            (now_ms, payload.get("number") or 0, payload["id"]), flags,
            clock_of(payload.get("hlc"), now_ms, self._terminal_no.get(terminal, "")), envelope["schema"],
        )  # fmt: skip
        one.authored_ms = authored_ms(payload, clock, now_ms)
        if reused:
            self._copied.add(store)
        one.copied = store in self._copied
        self._kept[one.id] = one
        self._answering.add(one.id)
        self._again.add(one.id)
        code = "terminal_revoked" if revoked else self._refused_whole(one)
        if name != payload["id"]:
            one.payload = {part: value for part, value in payload.items() if part != "group"}
            one.result = quarantined("operation_id_reused")
            return lambda: bare(payload["id"], one.result, [])
        if code is None:
            self._try(one)
        else:
            one.result = quarantined(code)
            if revoked and not malformed(payload) and payload.get("group"):
                self._members.setdefault((store, payload["group"]["id"]), []).append(one)
        return lambda: self._told(one, duplicate=False)

    def _count(self, store: str, payload: Mapping[str, Any]) -> bool:
        """Count an operation's number for its store; True when another operation came under it."""
        number = payload.get("number")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**53:
            return False
        return bool(self._numbers.setdefault(store, {}).setdefault(number, payload["id"]) != payload["id"])

    def _author(self, payload: Mapping[str, Any], officer: str, terminal: str, store: str) -> Author | None:
        """Whose operation this is, or None where the name on it is not believed."""
        named = payload.get("officer")
        if named is None:
            named = officer
        if not isinstance(named, str):
            return None
        if named != officer:
            since, until = self._sessions.get((named, terminal), (1.0, 0.0))
            if not since <= (wall_ms(payload.get("at")) or 0) <= until:
                return None
        return replace(self._people[named], store=store)

    def _refused_whole(self, one: Kept) -> Any:
        """Why an operation is set aside before anybody looks at what it asks."""
        if one.schema != self.declared["schema"]:
            return "unknown_schema"
        if one.id in self.poison or malformed(one.payload):
            return ANY  # the code is not the oracle's business
        if one.payload.get("type") not in self.declared["types"]:
            return "unknown_type"
        return "not_permitted" if one.author is None else None

    def _told(self, one: Kept, *, duplicate: bool) -> Result:
        told = bare(one.id, one.result, one.flags)
        return told | {"duplicate": True} if duplicate and one.final else told

    # What does not come from terminals.

    def server_patch(self, record: str, values: Mapping[str, Any]) -> None:
        """The server itself writes: bytes verified, a task number, a delivery's progress."""
        self._server_writes(record, values)
        self._run()

    def server_append(self, record: str, name: str, element: Mapping[str, Any]) -> None:
        """The server itself adds to a list, under its own clock."""
        standing = self._records[record]
        both = sorted([*standing.body[name], dict(element)], key=lambda one: (one["hlc"], one["id"]))
        self._server_writes(record, {name: both})
        self._run()

    def verdict(self, record: str, word: str, officer: str, reason: str) -> Result:
        """A verdict that the server accepted."""
        standing = self._records[record]
        values = {"review": word, "review_reason": reason}
        changed = {name: value for name, value in values.items() if standing.body[name] != value}
        if changed:
            self._write(standing, changed, self._people[officer], "")
        given = {"outcome": "applied" if changed else "unchanged", "version": standing.version}
        self._run()
        return given

    def resolve(self, conflict_key: tuple[str, str], officer: str, keep: str, value: Any = None) -> bool:
        """A person settles the conflict of (operation, field); False when the step he accepts is still not legal."""
        conflict = self._conflicts[conflict_key]
        standing, name = self._records[conflict["record"]], conflict["field"]
        author = self._people[officer]
        if name == "void":
            return self._let_void(conflict, author, keep)
        if conflict["class"] == "state" and keep == "mine":
            return self._accept_step(conflict_key[0], conflict, author)
        if conflict["class"] == "state" and keep == "value" and standing.body["status"] != value:
            self._write(standing, {"status": value}, author, "")
        wanted = conflict["mine"] if keep == "mine" else value
        if conflict["kept"] == "mine" and keep == "theirs":
            wanted, keep = conflict["theirs"], "value"
        if conflict["class"] != "state" and keep != "theirs" and standing.body[name] != wanted:
            self._write(standing, {name: wanted}, author, "")
        conflict["open"] = False
        self._run()
        return True

    def _let_void(self, conflict: dict[str, Any], author: Author, keep: str) -> bool:
        """Only a void that was proposed can be let stand; an edit of what is voided cannot."""
        record = self._records[conflict["record"]]
        if keep == "mine":
            if conflict["mine"].get("action") != "void" or record.void is not None:
                return False
            record.void = conflict["mine"]["reason"]
            self._write(record, {}, author, "")
        conflict["open"] = False
        self._run()
        return True

    def _accept_step(self, operation: str, conflict: dict[str, Any], author: Author) -> bool:
        one, record = self._kept[operation], self._records[conflict["record"]]
        kind = self.declared["types"][record.type]
        named = one.payload["event"]
        legal = any(each["event"] == named and record.body["status"] in each["from"] for each in kind["transitions"])
        if not legal and record.body["status"] != conflict["mine"]:
            return False
        values = one.payload.get("set", {})
        edit = Edit(
            replace(author, store=one.store), "patch", record.type, record.id, values, conflict["seen"], one.clock
        )
        lock = bureau.LOCKED_AFTER.get(record.type)
        locked = lock is not None and record.body[lock[0]] != lock[1]
        merge_values(edit, record, kind, locked=locked)
        if legal:
            edit.changed["status"] = conflict["mine"]
        if edit.changed:
            self._write(record, edit.changed, author, one.clock)
        conflict["open"] = False
        self._run()
        return True

    def replay(self, operation: str, values: Mapping[str, Any] | None, officer: str) -> Result:
        """A person has a quarantined operation tried again, with corrections."""
        one = self._kept[operation]
        standing = one.payload.get("set", {})
        if values:
            one.payload = one.payload | {"set": {**(standing if isinstance(standing, dict) else {}), **values}}
        self.poison.discard(operation)
        self._answering = set()
        code = self._refused_whole(one)
        if code is None:
            self._try(one)
        else:
            one.result = quarantined(code)
        self._run()
        return bare(one.id, one.result, one.flags)

    def set_aside(self, payload: Mapping[str, Any]) -> str:
        """The name that an operation is kept under whose id came before with another payload."""
        return SET_ASIDE + canonical(payload)

    def dismiss(self, operation: str, officer: str, reason: str) -> Result:
        """A person closes a quarantined operation."""
        one = self._kept[operation]
        one.result = {"outcome": "dismissed", "reason": reason}
        one.seen = self._seen_at_last(one)
        self._answering = set()
        self._took_effect(one)
        self._run()
        return bare(one.id, one.result, one.flags)

    # What stands.

    def numbers(self, store: str) -> tuple[int, list[list[int]]]:
        """The highest number that a store has sent, and the first hundred gaps below it."""
        sent = sorted(self._numbers.get(store, {}))
        pairs: Iterable[tuple[int, int]] = zip([0, *sent], sent, strict=False)
        gaps = [[low + 1, high - 1] for low, high in pairs if high - low > 1]
        return (sent[-1] if sent else 0), gaps[:100]

    def settled(self, terminal: str) -> list[Result]:
        """All that has become final later for this terminal, since the beginning; each comes in one pull only."""
        return list(self._settled.get(terminal, []))

    def open_conflicts(self) -> list[tuple[str, str]]:
        """The keys (operation, field) of what nobody has settled."""
        return [key for key, one in self._conflicts.items() if one["open"]]

    def records(self) -> dict[str, dict[str, Any]]:
        """Every record as it must stand."""
        return {
            name: {"type": one.type, "version": one.version, "body": one.body, "void": one.void is not None}
            for name, one in self._records.items()
        }

    def visible(self, scopes: set[str]) -> dict[str, tuple[str, int]]:
        """What may be held by whoever has these scopes: id → (type, version)."""
        return {
            name: (one.type, one.version)
            for name, one in self._records.items()
            if scopes & self._families[one.family]
        }


def _is_ahead(moments: Iterable[float | None], now_ms: int) -> bool:
    """Whether any of a device's clocks is more than five minutes ahead."""
    return any(moment > now_ms + 300_000 for moment in moments if moment is not None)
