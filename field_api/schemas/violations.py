"""The wire shapes of the penalty calculator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from field_api.casework.law.catalogue import CODE, LARGEST_FEN, PARTY_KINDS
from field_api.casework.procedure_enums import PROCEDURE_ENUMS
from field_api.schemas.fields import LoadSchema

_NO_DAY = "应为日期，如 2026-01-31 · must be a day, like 2026-01-31"
_NO_CODE = "不是案由代码 · not a code of a violation"
_SUBJECTS = [code for code, _, _ in PROCEDURE_ENUMS["subject"]]


class Day(fields.String):
    """A day as ISO 8601 writes it; what time it was is not asked."""

    def __init__(self, **options: Any) -> None:
        shape = validate.Regexp(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", error=_NO_DAY)
        super().__init__(validate=[shape, _exists], **options)


def _exists(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValidationError("没有这一天 · there is no such day") from None


@dataclass(frozen=True, slots=True)
class PenaltyQuestion:
    """What is asked of the calculator. act: its day. decided: None where the law of the act alone is asked."""

    code: str
    party_kind: str
    act: date
    factors: tuple[str, ...]
    amount_fen: int | None
    subject: str | None
    decided: date | None


class PenaltyLoad(LoadSchema):
    """An item, a kind of party, the day of the act and what weighs on it."""

    code = fields.String(required=True, validate=validate.Regexp(f"{CODE.pattern}\\Z", error=_NO_CODE))
    party_kind = fields.String(required=True, validate=validate.OneOf(PARTY_KINDS))
    date = Day(required=True)
    factors = fields.List(
        fields.String(validate=validate.Regexp(r"[a-z0-9_]{2,32}\Z", error="不是情节代码 · not a code of a factor")),
        load_default=list,
        validate=validate.Length(max=20),
    )
    amount_fen = fields.Integer(
        strict=True, allow_none=True, load_default=None, validate=validate.Range(1, LARGEST_FEN)
    )
    subject = fields.String(allow_none=True, load_default=None, validate=validate.OneOf(_SUBJECTS))
    decided = Day(allow_none=True, load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> PenaltyQuestion:
        decided = values["decided"]
        return PenaltyQuestion(
            values["code"],
            values["party_kind"],
            date.fromisoformat(values["date"]),
            tuple(values["factors"]),
            values["amount_fen"],
            values["subject"],
            date.fromisoformat(decided) if decided else None,
        )


class ObjectionDump(Schema):
    """What is wrong with the charge or the amount: `block` forbids it, `flag` wants a reason."""

    code = fields.String(required=True)
    action = fields.String(required=True)
    rule = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)


class SummaryDump(Schema):
    """Whether the summary procedure can carry it; `possible` is null where amounts are not configured."""

    possible = fields.Boolean(required=True, allow_none=True)
    limit_fen = fields.Integer(required=True)
    rule = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)


class PenaltyDump(Schema):
    """The figure, its explanation line by line, and what stands against it."""

    code = fields.String(required=True)
    valid_from = fields.String(required=True)
    version_by = fields.String(required=True)
    outcome = fields.String(required=True)
    blocked = fields.Boolean(required=True)
    kinds = fields.List(fields.String(), required=True)
    min_fen = fields.Integer(required=True, allow_none=True)
    max_fen = fields.Integer(required=True, allow_none=True)
    suggested_fen = fields.Integer(required=True, allow_none=True)
    step = fields.String(required=True, allow_none=True)
    explanation = fields.List(fields.String(), required=True)
    problems = fields.List(fields.Nested(ObjectionDump), required=True)
    summary = fields.Nested(SummaryDump, required=True)
    read = fields.String(required=True)
    demo = fields.Boolean(required=True)
