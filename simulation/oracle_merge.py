"""The protocol's table of merge classes, on plain dictionaries: one operation on one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation.oracle_values import fits, is_id


@dataclass(frozen=True)
class Author:
    """Who speaks, with his rights as of the operation's arrival."""

    officer: str
    roles: frozenset[str]
    unit: str
    scopes: frozenset[str]
    supervisor: bool
    masked: bool
    store: str = ""
    server: bool = False


@dataclass(frozen=True)
class Stamp:
    """Who gave a field its standing value, and at which version."""

    version: int
    store: str
    supervisor: bool
    clock: str
    number: int | None = None
    operation: str = ""


@dataclass(frozen=True)
class Writer:
    """Who wrote one version."""

    version: int
    store: str
    officer: str
    server: bool


@dataclass
class Record:
    """What the server holds of one record."""

    id: str
    type: str
    version: int
    body: dict[str, Any]
    stamps: dict[str, Stamp]
    family: str
    creator: str = ""
    void: str | None = None
    writers: list[Writer] = field(default_factory=list)


class Refused(Exception):
    """The operation is quarantined."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass
class Edit:
    """An operation on its way into a record."""

    author: Author
    action: str
    type: str
    record: str
    values: Mapping[str, Any]
    seen: int
    clock: str
    event: str = ""
    number: int | None = None
    copied: bool = False
    operation: str = ""
    rests_on: str = ""
    words: dict[str, str] = field(default_factory=dict)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, Any] = field(default_factory=dict)


def check_values(edit: Edit, declared: Mapping[str, Any], closed: Mapping[str, Any]) -> None:
    """Refuse what no record could take; `closed` has the fields with a part that is withheld from some."""
    kind = declared["types"][edit.type]
    codes = [_fault(edit, name, value, kind, declared["enums"], closed) for name, value in edit.values.items()]
    if edit.action == "create":
        missing = [name for name, one in kind["fields"].items() if one["required"] and edit.values.get(name) is None]
        codes += ["invalid_field"] * len(missing)
    for code in ("not_permitted", "invalid_field"):
        if code in codes:
            raise Refused(code)


def _fault(
    edit: Edit, name: str, value: Any, kind: Mapping[str, Any], enums: Mapping[str, Any], closed: Mapping[str, Any]
) -> str:
    if name not in kind["fields"]:
        return "invalid_field"
    one = kind["fields"][name]
    if one["writable_by"] is not None and not edit.author.server and not set(one["writable_by"]) & edit.author.roles:
        return "not_permitted"
    if edit.author.masked and name in closed:
        parts = closed[name]
        if edit.action != "create" or (isinstance(value, dict) and set(parts) & set(value)):
            return "not_permitted"
    if one["class"] == "state":
        return "invalid_field"
    if one["class"] == "server_owned" and not edit.author.server:
        return ""
    return "" if fits(value, one, enums) else "invalid_field"


def merge_values(edit: Edit, record: Record, kind: Mapping[str, Any], *, locked: bool) -> None:
    """Judge each value by its class; raises for what is written once."""
    for name, value in edit.values.items():
        word = _judge(edit, record, name, value, kind, locked=locked)
        edit.words[name] = word
        if word == "applied":
            edit.changed[name] = value


def _judge(edit: Edit, record: Record, name: str, value: Any, kind: Mapping[str, Any], *, locked: bool) -> str:
    class_, standing, stamp = kind["fields"][name]["class"], record.body.get(name), record.stamps.get(name)
    if class_ == "server_owned" and not edit.author.server:
        return "ignored"
    if standing == value:
        return "unchanged"
    if name == kind["parent"] and record.version > 0:
        raise Refused("write_once_changed" if stamp is not None else "invalid_field")
    if stamp is None:
        return "applied"
    if class_ == "write_once":
        raise Refused("write_once_changed")
    own = bool(edit.author.store) and stamp.store == edit.author.store
    own = own and (not edit.copied or stamp.operation == edit.rests_on)
    if own and edit.number is not None and stamp.number is not None and edit.number < stamp.number:
        return "kept_server"
    if class_ == "supervisor_wins" and stamp.supervisor and not edit.author.supervisor:
        return _lose(edit, name, value, standing, class_, "proposed")
    if stamp.version <= edit.seen or own:
        return "applied"
    return _judge_unseen(edit, name, value, standing, class_, stamp, locked=locked)


def _judge_unseen(
    edit: Edit, name: str, value: Any, standing: Any, class_: str, stamp: Stamp, *, locked: bool
) -> str:
    """Another has changed the field since: here, and only here, the class decides."""
    if class_ == "latest":
        return "applied" if edit.clock > stamp.clock else "kept_server"
    by_supervisor = class_ == "supervisor_wins" and edit.author.supervisor
    if by_supervisor and not stamp.supervisor:
        _conflict(edit, name, value, standing, class_, "mine")
        return "applied"
    if class_ == "manual" or by_supervisor or not locked:
        return _lose(edit, name, value, standing, class_, "kept_server")
    return _lose(edit, name, value, standing, class_, "proposed")


def _lose(edit: Edit, name: str, value: Any, standing: Any, class_: str, word: str) -> str:
    _conflict(edit, name, value, standing, class_, "server")
    return word


def _conflict(edit: Edit, name: str, value: Any, standing: Any, class_: str, kept: str) -> None:
    edit.conflicts.append({"field": name, "class": class_, "kept": kept, "mine": value, "theirs": standing})


def merge_step(edit: Edit, record: Record, kind: Mapping[str, Any], state: str, *, locked: bool) -> bool:
    """Judge an event on the current state; False when it is only proposed."""
    steps = [one for one in kind["transitions"] if one["event"] == edit.event]
    standing = record.body[state]
    target = steps[0]["to"]
    legal = any(standing in one["from"] for one in steps)
    if not legal and standing != target:
        edit.words.update(
            {name: "ignored" if kind["fields"][name]["class"] == "server_owned" else "proposed" for name in edit.values}
        )
        _conflict(edit, state, target, standing, "state", "server")
        return False
    merge_values(edit, record, kind, locked=locked)
    if legal and standing != target:
        edit.changed[state] = target
    return True


def check_step(edit: Edit, kind: Mapping[str, Any]) -> None:
    """Refuse an event that does not exist, or that is not this author's."""
    steps = [one for one in kind["transitions"] if one["event"] == edit.event]
    if not steps:
        raise Refused("unknown_event")
    if not any(set(one["roles"]) & edit.author.roles for one in steps):
        raise Refused("not_permitted")


def merge_item(
    edit: Edit, record: Record, kind: Mapping[str, Any], enums: Mapping[str, Any], name: str, item: Mapping[str, Any]
) -> bool:
    """Unite one element with its list; True when it is new."""
    if name not in kind["lists"]:
        raise Refused("invalid_field")
    fields = kind["lists"][name]
    values = {key: value for key, value in item.items() if key != "id"}
    bad = not is_id(item.get("id")) or any(key not in fields for key in values)
    if bad or any(not fits(values.get(key), one, enums) for key, one in fields.items()):
        raise Refused("invalid_field")
    for standing in record.body[name]:
        if standing["id"] == item["id"]:
            if any(standing.get(key) != values.get(key) for key in fields):
                raise Refused("write_once_changed")
            return False
    element = {key: values.get(key) for key in fields if key in values}
    element |= {"id": item["id"], "by": edit.author.officer, "hlc": edit.clock}
    edit.changed[name] = sorted([*record.body[name], element], key=lambda one: (one["hlc"], one["id"]))
    return True


def outcome_of(edit: Edit, *, created: bool = False) -> str:
    """What the words of all fields come to."""
    words = set(edit.words.values())
    if words and words == {"proposed"} and not edit.changed:
        return "proposed"
    if words & {"kept_server", "proposed", "ignored"}:
        return "merged"
    return "applied" if edit.changed or created else "unchanged"
