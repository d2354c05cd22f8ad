"""Document numbers and a server that was restored: what it forgot is never given out again, and comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from field_api.alerts import Alert
from field_api.auth.keys import encode_base64url
from field_api.casework.block_accounts import series_accounts
from sync.store.tables import Sequence
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau, now, problem
from tests.support.numbers import Backup, ask, decide, give_back, leased, text


@pytest.fixture
def own(bureau: Bureau) -> Terminal:
    return terminal(bureau, "zhang")


def overlap(blocks: list[dict[str, Any]]) -> bool:
    """Say whether any two blocks of one prefix share a number."""
    taken = [(one["prefix"], number) for one in blocks for number in range(one["from"], one["to"] + 1)]
    return len(taken) != len(set(taken))


def begin(bureau: Bureau, ago_s: int = 60) -> None:
    """Have the present epoch begin some time ago, so that a lease need not wait."""
    ms = int((now() - timedelta(seconds=ago_s)).timestamp() * 1000)
    old = bureau.change(lambda session: session.scalar(sa.select(Sequence.epoch)))
    bureau.change(
        lambda session: session.execute(
            sa.update(Sequence).values(epoch=f"{ms:012x}"[:8] + "-" + f"{ms:012x}"[8:] + old[13:])
        )
    )


def brought(own: Terminal, block: dict[str, Any], request: str, count: int) -> Any:
    return ask(own, count, id=request, lease=block["lease"])


def test_a_restored_server_gives_nothing_out_twice(bureau: Bureau, own: Terminal) -> None:
    """Restored twice from one backup, which knew the series or did not: no two blocks of any life overlap."""
    empty = Backup(bureau)
    blocks = [leased(own, 5)]
    known = Backup(bureau)
    blocks.append(leased(own, 5))
    for hours_ago, backup in ((4, known), (3, known), (2, empty), (1, known)):
        backup.restore()
        begin(bureau, hours_ago * 3600)
        blocks += [leased(own, 5), leased(own, 7)]
    assert not overlap(blocks)


def test_a_lease_right_after_a_restore_waits(bureau: Bureau, own: Terminal) -> None:
    """A series never counts further than its seconds, so that the next restore is beyond it again."""
    backup = Backup(bureau)
    backup.restore()
    answer = ask(own, 90)
    assert problem(answer) == (503, "unavailable")
    assert 1 <= int(answer.headers["Retry-After"]) <= 90


def test_a_terminal_brings_its_block_back(bureau: Bureau, own: Terminal) -> None:
    """By its lease, once or often; the account is as whole as if nothing had been lost, but for what was skipped."""
    backup = Backup(bureau)
    request = "0192f0c2-3e50-7a72-9b6f-9d5c6e7f8091"
    block = leased(own, 5, id=request)
    backup.restore()
    decide(own, text(block, 2))
    first, again = (brought(own, block, request, 5) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json == block
    told = give_back(own, block["block"], [2], n1="写坏").json
    assert (told["used"], told["free"]) == ([[2, 2]], [[3, 5]])
    [series] = bureau.change(lambda session: series_accounts(session, now()))
    assert [(one.block.first, one.block.last) for one in series.blocks] == [(1, 5)]
    assert series.skipped == ((6, series.value),)
    assert bureau.change(lambda session: list(session.scalars(sa.select(Alert.kind)))) == []


def test_a_late_repeat_is_closed_as_never_received(bureau: Bureau, own: Terminal) -> None:
    """What a restored server gave for a request that its terminal has an older answer to is nobody's."""
    backup = Backup(bureau)
    request = "0192f0c2-3e50-7a72-9b6f-9d5c6e7f8091"
    block = leased(own, 5, id=request)
    backup.restore()
    begin(bureau)
    late = leased(own, 5, id=request)
    assert late["from"] > block["to"]
    assert brought(own, block, request, 5).json == block
    [series] = bureau.change(lambda session: series_accounts(session, now()))
    assert [one.fates["free"] for one in series.blocks] == [(), ((late["from"], late["to"]),)]


def test_only_the_terminals_own_signed_lease_is_believed(bureau: Bureau, own: Terminal) -> None:
    """Another terminal's, another request's, a changed one, something else that we signed, or no JWS at all."""
    other = terminal(bureau, "wang")
    request = "0192f0c2-3e50-7a72-9b6f-9d5c6e7f8091"
    backup = Backup(bureau)
    block = leased(own, 5, id=request)
    backup.restore()
    head, body, signature = block["lease"].split(".")
    longer = encode_base64url(orjson.dumps({"purpose": "number-block", "from": 1, "to": 50}))
    receipt = own.push(own.create("case"))["receipt"]
    unsigned = encode_base64url(orjson.dumps({"alg": "none"}))
    for lease in (f"{head}.{longer}.{signature}", receipt, "x", "..", f"{unsigned}.{body}.", f"é.{body}.{signature}"):
        answer = ask(own, 5, id=request, lease=lease)
        assert problem(answer) == (409, "lease_invalid"), lease
    assert problem(brought(other, block, request, 5)) == (409, "lease_invalid")
    assert problem(brought(own, block, request, 4)) == (409, "lease_invalid")
    assert problem(ask(own, 5, id=own.store, lease=block["lease"])) == (409, "lease_invalid")
    assert problem(ask(own, 5, "D17.city_bureau", id=request, lease=block["lease"])) == (409, "lease_invalid")
    assert brought(own, block, request, 5).status_code == 201
