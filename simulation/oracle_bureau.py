"""What the server does of its own accord, as seen from outside: given values, review, delivery, who may hold what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulation.oracle_merge import Author, Record
from simulation.oracle_values import ANY

FIRST_STATE = {"case": ("status", "draft"), "task": ("status", "open")}
LOCKED_AFTER = {"case": ("review", "none")}
WITHHELD: dict[str, dict[str, tuple[str, ...]]] = {"case": {"party": ("id_no", "phone")}}
# A change of these is what a reviewer judged and what the centre is sent; a note, a hint or a grid is not.
CONTENT = (
    "category", "description", "address", "position", "plates", "shop_name", "party", "amount_fen", "legal_basis",
    "occurred_at",
)  # fmt: skip
CONTENT_LISTS = ("timeline", "documents")
# Whoever opens a check or a case of an incident joins it; a photo needs a case that one may see.
JOINED = ("case", "vehicle_check")
SIGNED_WHOLE = "evidence"
FINISHED = ("closed", "archived")


def given(type_: str, kind: Mapping[str, Any], author: Author, known_bytes: bool) -> dict[str, Any]:
    """The body that a record has before its creator's values."""
    body: dict[str, Any] = dict.fromkeys(kind["fields"])
    body |= {name: [] for name in kind["lists"]}
    if type_ in FIRST_STATE:
        name, value = FIRST_STATE[type_]
        body[name] = value
    if type_ == "case":
        body |= {"review": "none", "delivery": "none"}
    if type_ == "evidence":
        body |= {"review": "pending", "bytes": "verified" if known_bytes else "awaited"}
        body |= {"authentic": ANY, "captured_at_corrected": ANY}
    for name, value in (("author", author.officer), ("unit", author.unit)):
        if name in body:
            body[name] = value
    return body


def brought(record: Record) -> set[str]:
    """The scopes that a record opens its family to."""
    names = {"unit": "unit:", "for_unit": "unit:", "grid": "grid:"}
    return {prefix + str(record.body[name]) for name, prefix in names.items() if record.body.get(name) is not None}


def reactions(
    records: Mapping[str, Record], before: Mapping[str, dict[str, Any] | None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the server changes once these records have changed; `before` has each one's earlier body."""
    cases = {name for name in before if records[name].type == "case"}
    cases |= {str(records[name].body["case"]) for name in before if records[name].type == "evidence"}
    for name in sorted(cases & set(records)):
        case = records[name]
        photos = [one for one in records.values() if one.type == "evidence" and one.body["case"] == name]
        added = any(one.id in before and before[one.id] is None for one in photos)
        dropped = any(_dropped(one, before.get(one.id)) for one in photos)
        values = _of_case(case, before.get(name), photos, added=added, dropped=dropped)
        if values:
            yield name, values


def _dropped(photo: Record, before: dict[str, Any] | None) -> bool:
    return before is not None and before["review"] == "passed" and photo.body["review"] != "passed"


def _of_case(
    case: Record, before: dict[str, Any] | None, photos: list[Record], *, added: bool, dropped: bool
) -> dict[str, Any]:
    body, values = case.body, dict[str, Any]()
    old = body if before is None else before
    if body["status"] != "draft" and body["case_no"] is None:
        values["case_no"] = ANY
    changed = [name for name in CONTENT if old[name] != body[name]]
    grown = any(old[name] != body[name] for name in CONTENT_LISTS) or added
    corrected = grown or any(not case.stamps[name].supervisor for name in changed)
    reopened = (body["review"] == "passed" and (changed or grown or dropped)) or (
        body["review"] == "returned" and corrected
    )
    if reopened or (body["review"] == "none" and body["status"] in FINISHED):
        values["review"] = "under_review"
    ready = body["status"] in FINISHED and values.get("review", body["review"]) == "passed"
    ready = ready and all(_settled(one) for one in photos)
    if ready and body["delivery"] == "none":
        values["delivery"] = "waiting"
    if not ready and body["delivery"] != "none" and body["delivery"] != "refused":
        values["delivery"] = "none"
    return values


def _settled(photo: Record) -> bool:
    review = photo.body["review"]
    return bool(review == "rejected" or (review == "passed" and photo.body["bytes"] == "verified"))
