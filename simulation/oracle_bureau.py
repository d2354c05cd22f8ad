"""What the server does of its own accord, as seen from outside: given values, review, delivery, who may hold what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
UNREVIEWED = {"case": "none", "evidence": "pending"}


@dataclass(frozen=True)
class Write:
    """One write to one record: the fields that it changed."""

    type: str
    names: frozenset[str]
    supervisor: bool
    created: bool
    closed: bool
    voided: bool
    server: bool


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


def at_once(case: Record, writes: list[Write], photos: list[Record]) -> dict[str, Any]:
    """What follows from a write to a case before anything else is judged: its review and its delivery."""
    return _of_case(case, writes, photos, judged_anew=False)


def at_the_end(case: Record, of_photos: list[Write], photos: list[Record]) -> Iterator[dict[str, Any]]:
    """What follows once all that came together is done: a number, and what new or judged photos mean."""
    if case.body["status"] != "draft" and case.body["case_no"] is None:
        yield {"case_no": ANY}
    yield _of_case(case, of_photos, photos, judged_anew=bool(of_photos))


def _of_case(case: Record, writes: list[Write], photos: list[Record], *, judged_anew: bool) -> dict[str, Any]:
    body, values = case.body, dict[str, Any]()
    reopened = body["review"] in REOPENED_BY and any(REOPENED_BY[body["review"]](one) for one in writes)
    if reopened or (body["review"] == "none" and body["status"] in FINISHED):
        values["review"] = "under_review"
    settled = all(_settled(one) for one in photos)
    # A photo that is judged otherwise after the case passed on it takes the case back.
    if judged_anew and not settled and body["delivery"] != "none" and body["review"] == "passed":
        values["review"] = "under_review"
    passed = values.get("review", body["review"]) == "passed" and case.void is None
    ready = body["status"] in FINISHED and passed and settled
    if ready and body["delivery"] in ("none", "refused"):
        values["delivery"] = "waiting"
    if not ready and body["delivery"] not in ("none", "refused"):
        values["delivery"] = "none"
    return {name: value for name, value in values.items() if body[name] != value}


def _grown(write: Write) -> bool:
    """Whether a step, a document or a photo was added; what the server notes itself calls for no review."""
    return not write.server and (
        bool(write.names & set(CONTENT_LISTS)) or (write.type == "evidence" and write.created)
    )


def _reopens_passed(write: Write) -> bool:
    return (not write.created and bool(write.names & set(CONTENT))) or _grown(write)


def _reopens_returned(write: Write) -> bool:
    corrected = not write.supervisor and not write.created and bool(write.names & set(CONTENT))
    return corrected or _grown(write) or write.closed


REOPENED_BY: dict[str, Callable[[Write], bool]] = {"passed": _reopens_passed, "returned": _reopens_returned}


def _settled(photo: Record) -> bool:
    review = photo.body["review"]
    return bool(review == "rejected" or (review == "passed" and photo.body["bytes"] == "verified"))
