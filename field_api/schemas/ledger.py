"""The wire shapes of the cash of fines, and of reviews and suits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from field_api.casework.cashier import Banking, HandIn, Reversal
from field_api.casework.clock_tables import REMEDY_KINDS, RESULTS
from field_api.casework.remedies import Noted
from field_api.schemas.fields import Instant, LoadSchema, Text, UuidText
from sync.engine.kinds import parse_time

MOST = 200
AMOUNT = validate.Range(1, 10**13)


class Moment(fields.Field[datetime]):
    """A time as terminals write it: RFC 3339 with an offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_options: Any) -> datetime:
        moment = parse_time(value)
        if moment is None:
            raise ValidationError("Not a time of RFC 3339 with an offset.")
        return moment


def _ids() -> fields.List[str]:
    return fields.List(UuidText(), required=True, validate=validate.Length(1, MOST))


class HandInLoad(LoadSchema):
    """Cash that an officer hands in, receipt by receipt."""

    id = UuidText(required=True)
    officer = UuidText(required=True)
    receipts = _ids()
    amount_fen = fields.Integer(required=True, strict=True, validate=AMOUNT)
    at = Moment(required=True)
    slip_no = Text(64, load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> HandIn:
        return HandIn(**values)


class BankingLoad(LoadSchema):
    """Cash that the agency pays into the bank, hand-in by hand-in."""

    id = UuidText(required=True)
    hand_ins = _ids()
    amount_fen = fields.Integer(required=True, strict=True, validate=AMOUNT)
    at = Moment(required=True)
    slip_no = Text(64, load_default=None)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Banking:
        return Banking(**values)


class ReversalLoad(LoadSchema):
    """Which hand-in or banking is taken back, and why."""

    id = UuidText(required=True)
    transaction = UuidText(required=True)
    reason = Text(500, required=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Reversal:
        return Reversal(**values)


class TransactionDump(Schema):
    """One movement of cash."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    officer = fields.String(required=True, allow_none=True)
    amount_fen = fields.Integer(required=True)
    at = Instant(required=True)
    noted_at = Instant(required=True)
    noted_by = fields.String(required=True)
    slip_no = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    reverses = fields.String(required=True, allow_none=True)


class ReceiptDump(Schema):
    """One amount taken on the spot that its officer still holds."""

    id = fields.String(required=True)
    record = fields.String(required=True)
    payment = fields.String(required=True)
    amount_fen = fields.Integer(required=True)
    collected_at = Instant(required=True)
    receipt_no = fields.String(required=True, allow_none=True)
    contested = fields.Boolean(required=True)


class HoldingDump(Schema):
    """How an officer stands."""

    officer = fields.String(required=True)
    balance_fen = fields.Integer(required=True)
    receipts = fields.List(fields.Nested(ReceiptDump), required=True)
    transactions = fields.List(fields.Nested(TransactionDump), required=True)


class RemedyLoad(LoadSchema):
    """A review or suit: that it was opened, or, under the same id, how it ended."""

    id = UuidText(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(REMEDY_KINDS))
    opened_at = Moment(required=True)
    closed_at = Moment(load_default=None, allow_none=True)
    result = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(RESULTS))
    note = Text(500, load_default=None, allow_none=True)

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Noted:
        return Noted(**values)


class RemedyDump(Schema):
    """A review or suit as it stands."""

    id = fields.String(required=True)
    case = fields.String(required=True)
    kind = fields.String(required=True)
    opened_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)
    result = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    by = fields.String(required=True)
    noted_at = Instant(required=True)
