"""From a case's record and one element of its `documents` to what a paper says. Pure: values in, values out.

Whatever people wrote comes out fit for paper (glyphs.py): bounded, visible, as plain strings. Times are the
bureau's wall clock. What nobody configured stays empty here; the page prints that it is not configured.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson

from field_api.casework.documents import remedies
from field_api.casework.documents.authority import Authority
from field_api.casework.documents.glyphs import LONGEST, fit
from field_api.casework.documents.templates import Template
from field_api.casework.documents.words import CODED
from field_api.casework.enums import label
from sync.engine.kinds import parse_time

# China keeps one zone and no summer time.
CHINA = timezone(timedelta(hours=8))
SHORT, MIDDLE, MAX_ENTRIES, MAX_DEPTH = 200, 1000, 100, 4
# All texts of one content together: some thirty pages.
LONGEST_CONTENT = 40_000
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PARTY = ("name", "gender", "birth", "id_type", "id_no", "uscc", "legal_rep", "address", "phone", "shop_name")
_WORK = ("employer", "position")
_ITEM = ("name", "spec", "unit", "quantity", "condition", "note")
_VEHICLE = (
    *("plate", "trailer_plate", "kind", "type", "colour", "owner", "company"),
    *("licence_no", "driver", "cargo", "plate_state"),
)
_SIGNED = {"stroke": "屏幕签名", "paper": "已在纸质文书上签名", "fingerprint": "已按指印", "seal": "已盖章"}


@dataclass(frozen=True, slots=True)
class Source:
    """What a paper is made of.

    case: the record's body, over that of the case it belongs to. element: of its `documents`. officers: reference
    bodies, the one in charge first. capitals: fen → the amount in capitals. demo: mark the paper as 演示数据.
    """

    case: Mapping[str, Any]
    element: Mapping[str, Any]
    officers: Sequence[Mapping[str, Any]] = ()
    authority: Authority = field(default_factory=Authority)
    capitals: Callable[[int], str] | None = None
    demo: bool = False

    @property
    def content(self) -> Mapping[str, Any]:
        """What was handed over, over what the record says of it."""
        own = self.element.get("content")
        return _of_record(self.case) | (dict(own) if isinstance(own, Mapping) else {})

    @property
    def served(self) -> Mapping[str, Any]:
        given = self.element.get("served")
        return given if isinstance(given, Mapping) else {}

    def signatures(self, signer: str) -> list[Mapping[str, Any]]:
        """The signatures under this paper, of one kind of signer."""
        return [
            one
            for one in _mappings(self.case.get("signatures"))
            if one.get("document") == self.element.get("id") and one.get("signer") == signer
        ]


def made_at(element: Mapping[str, Any]) -> datetime | None:
    """When a paper was made; None where its element holds no time."""
    moment = parse_time(element.get("at"))
    return moment.astimezone(CHINA) if moment else None


def build(template: Template, source: Source) -> dict[str, Any]:
    """Everything that the template may print, as strings, lists and objects of strings."""
    case, element, content, served = source.case, source.element, source.content, source.served
    electronic = served.get("mode") == "electronic"
    return {
        "type": template.type,
        "version": template.version,
        "title": template.zh,
        "signs": list(template.signs),
        "number": _line(element.get("number")),
        "made": _day_words(made_at(element)),
        "case_no": _line(case.get("case_no")),
        "authority": {name: fit(value, MIDDLE) for name, value in asdict(source.authority).items()},
        "party": _party(_first_mapping(content.get("party"), case.get("party")), case),
        "officers": [_officer(one, source.signatures("officer")) for one in source.officers[:6]],
        "facts": _text(element.get("facts") or content.get("facts")),
        "occurred": _time(content.get("occurred_at") or case.get("occurred_at")),
        "place": _line(content.get("place") or case.get("address"), MIDDLE),
        "violated": _listed(content.get("violated")),
        "basis": _listed(content.get("basis") or case.get("legal_basis")),
        "penalty": _penalty(content, case, source.capitals),
        "items": _items(content.get("items")),
        "vehicle": _vehicle(content, case),
        "served": _served(served, element),
        "refusal": _refusal(source),
        "signed": {who: _signed(source.signatures(who)) for who in ("party", "witness", "approver")},
        "content": _opened(content),
        "demo": source.demo,
        "remedy": remedies.words(template.remedy, source.authority.bodies, electronic=electronic)
        if template.remedy
        else "",
    }


def missing(template: Template, context: Mapping[str, Any], *, police: bool = False) -> list[str]:
    """The paths of what this paper may not be printed without and lacks (R09), in the template's order."""
    wanted = list(template.required)
    if "penalty.kinds" in wanted and label("penalty_kind", "fine", "zh") in context["penalty"]["kinds"]:
        wanted += ["penalty.amount", "penalty.capitals"] + (["content.pay"] if template.type == "D07" else [])
    lacking = [path for path in wanted if not _at(context, path)]
    needed = min(template.officers, 1) if police else template.officers
    if sum(bool(one["name"] and one["cert_no"]) for one in context["officers"]) < needed:
        lacking.append("officers")
    return lacking


def digest(context: Mapping[str, Any]) -> str:
    """The digest of what a paper says, printed on it: one for all its copies."""
    return hashlib.sha256(orjson.dumps(context, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _at(context: Any, path: str) -> Any:
    value = context
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _first_mapping(*values: Any) -> Mapping[str, Any]:
    return next((value for value in values if isinstance(value, Mapping)), {})


def _text(value: Any, longest: int = LONGEST) -> str:
    """A text of several lines; what is no text is none."""
    return fit(value.strip(), longest) if isinstance(value, str) else ""


def _line(value: Any, longest: int = SHORT) -> str:
    return " ".join(_text(value, longest).split("\n"))


def _listed(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "；".join(part for part in (_line(one, MIDDLE) for one in value[:MAX_ENTRIES]) if part)
    return _text(value, MIDDLE)


def _time(value: Any) -> str:
    moment = parse_time(value)
    if moment is None:
        return ""
    local = moment.astimezone(CHINA)
    return f"{_day_words(local)}{local.hour:02}时{local.minute:02}分"


def _day_words(day: date | None) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


def _party(party: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, str]:
    told = {name: _line(party.get(name), MIDDLE if name == "address" else SHORT) for name in (*_PARTY, *_WORK)}
    kind = party.get("kind")
    told["shop_name"] = told["shop_name"] or _line(case.get("shop_name"))
    # A shop is fined under its name but answers with its owner's: only an organisation leaves his column empty.
    told["form"] = "org" if kind == "org" or (not kind and told["uscc"]) else "person"
    return told


def _officer(body: Mapping[str, Any], signatures: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    own = [one for one in signatures if one.get("officer") == body.get("id")]
    cert_no = body.get("cert_no") or body.get("badge_no")
    return {"name": _line(body.get("name")), "cert_no": _line(cert_no), "signed": _signed(own)}


def _signed(signatures: Sequence[Mapping[str, Any]]) -> str:
    """How and when somebody signed, with the signature's digest; empty where he has not."""
    for one in signatures:
        method = one.get("method")
        if isinstance(method, str) and method in _SIGNED:
            mark = _line(one.get("strokes_sha256") or one.get("sha256"))[:16]
            seen = f"，签名摘要{mark}" if mark else ""
            return f"（{_SIGNED[method]}，{_time(one.get('at'))}{seen}）"
    return ""


def _penalty(
    content: Mapping[str, Any], case: Mapping[str, Any], capitals: Callable[[int], str] | None
) -> dict[str, Any]:
    given = content.get("penalty_kinds") or case.get("penalty_kinds") or []
    codes = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    fen = content.get("amount_fen", case.get("amount_fen"))
    fined = type(fen) is int and fen > 0 and ("fine" in codes or not codes)
    kinds = [_label("penalty_kind", code) for code in (codes or (["fine"] if fined else []))]
    return {
        "kinds": [kind for kind in kinds if kind],
        "amount": _yuan(fen) if fined else "",
        "capitals": _capitals(fen, content, capitals) if fined else "",
        "words": _text(content.get("penalty"), MIDDLE),
    }


def _capitals(fen: int, content: Mapping[str, Any], capitals: Callable[[int], str] | None) -> str:
    """The amount in capitals: ours, else as it stood on what was handed over."""
    return fit(capitals(fen), SHORT) if capitals else _line(content.get("amount_capitals"))


def _label(enum: str, code: Any) -> str:
    """A code's Chinese word; what is no code of the table says nothing."""
    if not isinstance(code, str):
        return ""
    word = label(enum, code, "zh")
    return "" if word == code else word


def _yuan(fen: int) -> str:
    whole, part = divmod(fen, 100)
    return f"¥{whole:,}.{part:02}"


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [one for one in listed[:MAX_ENTRIES] if isinstance(one, Mapping)]


def _items(value: Any) -> list[dict[str, str]]:
    return [{name: _plain(one.get(name)) for name in _ITEM} for one in _mappings(value)]


def _plain(value: Any) -> str:
    return str(value) if type(value) is int else _line(value)


def _vehicle(content: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, str]:
    own = dict(_first_mapping(content.get("vehicle")))
    plates = case.get("plates")
    own["plate"] = own.get("plate") or case.get("plate") or (plates[0] if isinstance(plates, list) and plates else "")
    told = {name: _line(own.get(name)) for name in _VEHICLE}
    for name, enum in (("kind", "plate_kind"), ("plate_state", "plate_state")):
        told[name] = _label(enum, own.get(name)) or told[name]
    return told


def _served(served: Mapping[str, Any], element: Mapping[str, Any]) -> dict[str, str]:
    return {
        "mode": _label("service_mode", served.get("mode")),
        "at": _time(served.get("at")),
        "to": _line(served.get("to") or element.get("served_to")),
        "note": _text(served.get("note"), MIDDLE),
    }


def _refusal(source: Source) -> dict[str, Any]:
    """Whether the party refused to sign, what was noted of it, and who saw it."""
    served = source.served
    unsigned = [one for one in source.signatures("party") if one.get("method") == "refused"]
    refused = bool(unsigned) or served.get("refused") is True or served.get("mode") == "refused_on_site"
    note = next((one.get("note") for one in unsigned), None) or served.get("note")
    return {"refused": refused, "note": _text(note, MIDDLE), "witness": _line(served.get("witness"))}


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a measure's record, or a case's statements, say already; nobody types it twice."""
    told: dict[str, Any] = {
        "measure": record.get("kind"),
        "ground": record.get("ground"),
        "stored_at": record.get("storage"),
        "approved_by": record.get("approved_by"),
        "approved_at": record.get("approved_at"),
        "reason": record.get("lift_reason") or record.get("reason"),
        "items": record.get("goods"),
        "pay": next((one.get("mode") for one in _mappings(record.get("payments"))), None),
    }
    for one in _mappings(record.get("statements")):
        if one.get("kind") == "statement":
            told["statement"] = one.get("response")
        elif one.get("kind") == "recheck":
            told["recheck"] = one.get("response") or one.get("reason")
            told["accepted"] = "yes" if one.get("accepted") else "no"
    return {name: value for name, value in told.items() if value is not None}


def _opened(content: Mapping[str, Any]) -> dict[str, Any]:
    opened = _Opening().of(content, 0)
    for name, enum in CODED.items():
        word = _label(enum, content.get(name))
        if word:
            opened[name], opened[f"{name}_code"] = word, content[name]
    return dict(opened)


class _Opening:
    """Makes whatever an element's content holds into plain strings, bounded in number and in all."""

    def __init__(self) -> None:
        self.left = LONGEST_CONTENT

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            entries = list(value.items())[:MAX_ENTRIES]
            return {fit(str(name), 64): self.of(part, depth + 1) for name, part in entries}
        if isinstance(value, list | tuple) and depth < MAX_DEPTH:
            return [self.of(part, depth + 1) for part in value[:MAX_ENTRIES]]
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return str(value)
        if not isinstance(value, str) or not value:
            return ""
        shown = _date(value) or _time(value) or _text(value, min(LONGEST, self.left))
        self.left = max(0, self.left - len(shown))
        return shown


def _date(text: str) -> str:
    day = _DAY.fullmatch(text)
    return f"{int(day[1])}年{int(day[2])}月{int(day[3])}日" if day else ""


def stamp_of(element: Mapping[str, Any]) -> int:
    """The moment that a PDF says it was made at: the paper's own, so that the same paper has the same bytes."""
    moment = made_at(element)
    return int(moment.astimezone(UTC).timestamp()) if moment else 0
