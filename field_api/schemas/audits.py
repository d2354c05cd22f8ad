"""The wire shapes of audits and of who did what when."""

from __future__ import annotations

from marshmallow import Schema, fields

from field_api.schemas.fields import Instant


class DefectDump(Schema):
    """What a check found wrong."""

    code = fields.String(required=True)
    check = fields.String(required=True)
    weight = fields.Integer(required=True)
    message = fields.String(required=True)


class AuditDump(Schema):
    """One file's score, a hundred at best, and its defects. `asked`: how many checks applied."""

    score = fields.Integer(required=True)
    asked = fields.Integer(required=True)
    defects = fields.List(fields.Nested(DefectDump), required=True)


class AuditedCaseDump(Schema):
    """A case of the month."""

    case = fields.String(required=True)
    case_no = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True)
    status = fields.String(required=True)
    score = fields.Integer(required=True)
    defects = fields.List(fields.String(), required=True)


class MonthDump(Schema):
    """A month's pack (每月评案), worst first. `by_check`: how many files failed each; `mean` is null without a file."""

    month = fields.String(required=True)
    files = fields.Integer(required=True)
    mean = fields.Float(required=True, allow_none=True)
    by_check = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    cases = fields.List(fields.Nested(AuditedCaseDump), required=True)


class DeedDump(Schema):
    """Who did what when. `at` is as his clock had it, `received_at` as the server's."""

    kind = fields.String(required=True)
    record_type = fields.String(required=True)
    record = fields.String(required=True)
    officer = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    terminal_no = fields.String(required=True, allow_none=True)
    at = fields.String(required=True)
    received_at = Instant(required=True)
    outcome = fields.String(required=True, allow_none=True)
    changed = fields.Dict(required=True, allow_none=True)
