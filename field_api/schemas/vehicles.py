"""The wire shape of a vehicle's file."""

from __future__ import annotations

from marshmallow import Schema, fields


class VehicleFileDump(Schema):
    """What is known of a plate, and all in the caller's scope that happened to it."""

    plate = fields.String(required=True)
    shape = fields.String(required=True)
    city = fields.String(required=True, allow_none=True)
    vehicle = fields.Dict(required=True, allow_none=True)
    company = fields.Dict(required=True, allow_none=True)
    permits = fields.List(fields.Dict(), required=True)
    watch = fields.Dict(required=True)
    checks = fields.List(fields.Dict(), required=True)
    cases = fields.List(fields.Dict(), required=True)
    measures = fields.List(fields.Dict(), required=True)
    doubts = fields.List(fields.Dict(), required=True)
