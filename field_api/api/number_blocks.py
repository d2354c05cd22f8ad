"""`/number-blocks`: document numbers that a terminal may use offline, and what became of them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint

from field_api.casework import block_accounts, blocks
from field_api.casework.blocks import Returned, Wanted
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.number_blocks import AccountDump, BlockDump, BlockLoad, ReturnLoad

blueprint = Blueprint("number_blocks", __name__, url_prefix="/api/v1")


@blueprint.post("/number-blocks")
@endpoint(
    "Lease a block of document numbers, or present one again",
    mode="write",
    load=BlockLoad,
    dump=BlockDump,
    status=201,
    tag="numbers",
    problems=(
        "not_permitted",
        "invalid_field",
        "operation_id_reused",
        "numbers_unaccounted",
        "lease_invalid",
        "unavailable",
    ),
)
def lease(context: Context, wanted: Wanted) -> Answer:
    words = dict(context.config.number_words)
    row, is_new = blocks.lease(context.session, context.identity, context.keys, words, wanted, context.now)
    return Answer(BlockDump().dump(blocks.wire(row)), 201 if is_new else 200)


@blueprint.post("/number-blocks/<uuid:block>/return")
@endpoint(
    "Account for a block: what was used, what is void; the rest was never used",
    mode="write",
    load=ReturnLoad,
    dump=AccountDump,
    tag="numbers",
    problems=("not_found", "invalid_field", "block_closed"),
)
def give_back(context: Context, account: Returned, *, block: UUID) -> Answer:
    row = blocks.give_back(context.session, context.identity, str(block), account, context.now)
    [told] = block_accounts.accounts(context.session, None, context.now, block=row.id)
    return Answer(AccountDump().dump(block_accounts.wire(told)))


@blueprint.get("/number-blocks")
@endpoint(
    "Blocks of one's units with the fate of every number, newest first",
    caller="either",
    dump=AccountDump,
    many=True,
    tag="numbers",
    problems=("not_permitted",),
)
def index(context: Context) -> Answer:
    found = block_accounts.accounts(context.session, context.identity, context.now)
    return Answer(AccountDump(many=True).dump([block_accounts.wire(one) for one in found]))
