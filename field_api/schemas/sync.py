"""The wire shapes of sync. Operations stay raw here: one bad one must not refuse its neighbours."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load, pre_load, validate

from field_api.schemas.fields import LoadSchema, Text, UuidText
from sync.engine.cursor import BUCKETS
from sync.service.pull import LANES, MAX_LIMIT, Asked
from sync.service.push import Batch

MAX_CURSOR = 2_000
_SUM = re.compile("[0-9a-f]{16}")


class ClockLoad(Schema):
    """How the terminal's clocks stand at the moment of sending."""

    class Meta:
        unknown = EXCLUDE

    wall = Text(64, required=True)
    monotonic_ms = fields.Integer(strict=True)
    boot = Text(64)
    hlc = Text(64)


class Operations(fields.Field[list[Any]]):
    """The operations as they came. A field for each of what may be millions would take minutes."""

    default_error_messages = {"invalid": "Not a valid list."}  # noqa: RUF012 - marshmallow's own

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


class PushLoad(Schema):
    """A batch. Unknown parts of the envelope are ignored: a newer terminal is never refused for them."""

    class Meta:
        unknown = EXCLUDE

    protocol = fields.Integer(required=True, strict=True, validate=validate.Equal(1))
    schema = fields.Integer(required=True, strict=True)
    app = Text(32)
    batch = Text(64, required=True)
    store = UuidText(required=True)
    clock = fields.Nested(ClockLoad, required=True)
    health = fields.Dict(allow_none=True, load_default=None)
    control_done = fields.List(Text(64), load_default=list, validate=validate.Length(max=100))
    operations = Operations(
        required=True,
        metadata={"type": "array", "maxItems": 500, "items": {"$ref": "#/components/schemas/Operation"}},
    )

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Batch:
        return Batch(
            id=values["batch"],
            store=values["store"],
            operations=values["operations"],
            clock=values["clock"],
            health=_bounded(values["health"]),
            schema=values["schema"],
            app=values.get("app", ""),
            control_done=tuple(values["control_done"]),
        )


class ImportLoad(LoadSchema):
    """A sealed export: a compact JWS, signed by its terminal's key. It may also be the whole body, as JOSE."""

    export = fields.String(required=True, validate=validate.Length(min=1))

    @pre_load
    def wrap(self, value: Any, **_options: Any) -> Any:
        return {"export": value} if isinstance(value, str) else value

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> str:
        return str(values["export"])


_HEALTH = ("pending", "oldest_pending_at", "storage_free_bytes")


def _bounded(health: dict[str, Any] | None) -> dict[str, Any] | None:
    """Keep of a terminal's health what we show, and nothing long."""
    if health is None:
        return None
    return {name: value for name in _HEALTH if _is_brief(value := health.get(name))}


def _is_brief(value: Any) -> bool:
    """Say whether it is a small number, or a short text that can be stored: no lone surrogate, no NUL."""
    if isinstance(value, str):
        return len(value) <= 40 and value.isprintable()
    return isinstance(value, int) and abs(value) < 2**53


class ConflictBrief(Schema):
    """A conflict as a push answers it."""

    id = fields.String()
    field = fields.String()
    merge = fields.String(data_key="class")
    kept = fields.String()


class ResultDump(Schema):
    """What became of one operation."""

    id = fields.String(required=True)
    outcome = fields.String(required=True)
    version = fields.Integer()
    fields_ = fields.Dict(data_key="fields", keys=fields.String(), values=fields.String())
    now = fields.Dict()
    conflicts = fields.List(fields.Nested(ConflictBrief))
    waits_for = fields.List(fields.String())
    problem = fields.Dict()
    flags = fields.List(fields.String())
    reason = fields.String()
    duplicate = fields.Boolean()


class PushDump(Schema):
    """The answer to a batch, made from what was committed."""

    batch = fields.String(required=True)
    server_hlc = fields.String(required=True)
    highest_number = fields.Integer(required=True)
    missing_numbers = fields.List(fields.List(fields.Integer()), required=True)
    backoff_ms = fields.Integer(required=True)
    receipt = fields.String(required=True)
    control = fields.Dict(required=True)
    results = fields.List(fields.Nested(ResultDump), required=True)


class PullLoad(LoadSchema):
    """Where a terminal stands and how much it wants."""

    cursor = Text(MAX_CURSOR, allow_none=True, load_default=None)
    limit = fields.Integer(strict=True, load_default=1_000, validate=validate.Range(1, MAX_LIMIT))
    lanes = fields.List(
        fields.String(validate=validate.OneOf(LANES)), load_default=list(LANES), validate=validate.Length(1, 2)
    )

    @post_load
    def make(self, values: dict[str, Any], **_options: Any) -> Asked:
        return Asked(values["cursor"], values["limit"], tuple(values["lanes"]), values.get("buckets"))


class Sums(fields.Field[list[int]]):
    """256 sums as 16 hex digits each; a field for each would cost more than what they are for."""

    default_error_messages = {"invalid": "Not 256 sums of 16 hex digits."}  # noqa: RUF012 - marshmallow's own

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[int]:
        if not isinstance(value, list) or len(value) != BUCKETS:
            raise self.make_error("invalid")
        if not all(isinstance(one, str) and _SUM.fullmatch(one) for one in value):
            raise self.make_error("invalid")
        return [int(one, 16) for one in value]


class RepairLoad(PullLoad):
    """Where a terminal stands, and the sum of what it holds in each bucket."""

    buckets = Sums(
        required=True,
        metadata={
            "type": "array",
            "minItems": BUCKETS,
            "maxItems": BUCKETS,
            "items": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        },
    )


class ChangeDump(Schema):
    """One record's newest version, or word that it is gone."""

    action = fields.String(required=True, validate=validate.OneOf(["put", "evict", "void"]))
    type = fields.String(required=True)
    record = fields.String(required=True)
    version = fields.Integer()
    body = fields.Dict()
    masked = fields.List(fields.String())
    reason = fields.String()


class CheckpointDump(Schema):
    """How many records the terminal must hold now, and their sum."""

    count = fields.Integer(required=True)
    sum = fields.String(required=True)


class PullDump(Schema):
    """A page of changes."""

    changes = fields.List(fields.Nested(ChangeDump), required=True)
    settled = fields.List(fields.Dict(), required=True)
    cursor = fields.String(required=True)
    more = fields.Boolean(required=True)
    checkpoint = fields.Nested(CheckpointDump)
    control = fields.Dict(required=True)


class RepairDump(PullDump):
    """A page of changes; `replaced`, on the first: the buckets to be emptied and refilled."""

    replaced = fields.List(fields.Integer(), required=True)


class HelloDump(Schema):
    """What a terminal must know before it syncs."""

    protocol = fields.Integer(required=True)
    server_time = fields.String(required=True)
    server_hlc = fields.String(required=True)
    epoch = fields.String(required=True)
    schema = fields.Dict(required=True)
    limits = fields.Dict(required=True)
    safe_before = fields.String(allow_none=True, required=True)
    backoff_ms = fields.Integer(required=True)
    control = fields.Dict(required=True)


class SchemaDump(Schema):
    """All that a terminal needs to show and to judge offline."""

    schema = fields.Integer(required=True)
    types = fields.Dict(required=True)
    enums = fields.Dict(required=True)
    rules = fields.Dict(required=True)
    words = fields.Dict(required=True)
