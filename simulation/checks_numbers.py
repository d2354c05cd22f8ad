"""What must hold of document numbers when all is quiet: none on two documents, and each accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from field_api.casework.block_accounts import Account as BlockAccount
from field_api.casework.block_accounts import SeriesAccount, series_accounts
from field_api.casework.series import written
from simulation.account import Account

# What a terminal may cause that lost a part of its memory; everything else would be a number of another's.
EXCUSED = {"voided", "returned"}


def check_40_numbers_unique(account: Account) -> int:
    """No two documents ever bear one number: not on paper, on a terminal, on the wire or on the server."""
    done = 0
    bearers: dict[str, str] = {}
    for text, document in _borne(account):
        first = bearers.setdefault(text, document)
        done += account.require(first == document, f"40 {text} is on {first} and on {document}")
    shown = [text for text, _ in account.world.papers]
    return done + account.require(len(shown) == len(set(shown)), "40 a number was given out twice")


def _borne(account: Account) -> Iterator[tuple[str, str]]:
    yield from account.world.papers
    for row in account.operations.values():
        yield from _number(json.loads(row.payload))
    for heard in account.world.network.heard:
        for operation in heard.envelope["operations"]:
            yield from _number(operation)
    for device in account.world.devices:
        for row in device.terminal.store.all("SELECT payload FROM operation"):
            yield from _number(json.loads(row["payload"]))


def _number(operation: Any) -> Iterator[tuple[str, str]]:
    item = operation.get("item") if isinstance(operation, dict) else None
    if isinstance(item, dict) and isinstance(item.get("number"), str):
        yield item["number"], item["id"]


def check_41_numbers_accounted(account: Account) -> int:
    """Every number up to the last is in one block or was skipped, and has one fate; none is open or unexplained."""
    now = account.world.site.clock.at
    found: list[SeriesAccount] = account.world.site.look(lambda session: series_accounts(session, now))
    done = 0
    for device in account.world.devices:
        states = {one["state"] for one in device.terminal.numbers.accounts()} if not device.revoked else set()
        done += account.require(states <= {"closed"}, f"41 {device.name} has blocks that are {states}")
    for series in found:
        held = sorted([(one.block.first, one.block.last) for one in series.blocks] + list(series.skipped))
        at = 1
        for first, last in held:
            done += account.require(first == at, f"41 {series.prefix}: {at} is in nothing, or in two blocks")
            at = last + 1
        done += account.require(at == series.value + 1, f"41 {series.prefix}: {at} to {series.value} are in nothing")
        for block in series.blocks:
            done += _fates(account, block)
            done += _shown(account, series.prefix, block)
    return done


def _fates(account: Account, block: BlockAccount) -> int:
    name = f"{block.block.first} to {block.block.last} of {block.terminal_no}"
    size = block.block.last - block.block.first + 1
    done = account.require(sum(block.count(fate) for fate in block.fates) == size, f"41 {name}: not one fate each")
    silent = block.fates["open"] + block.fates["missing"]
    done += account.require(not silent or block.state == "revoked", f"41 {name} is {block.state}: {silent}")
    wrong = {one["finding"] for one in block.documents} - {None} - EXCUSED
    return done + account.require(not wrong, f"41 {name} has findings: {wrong}")


def _shown(account: Account, prefix: str, block: BlockAccount) -> int:
    """Require that nothing which anybody saw counts as never used."""
    free = {
        written(prefix, number) for first, last in block.fates["free"] for number in range(first, last + 1)
    }
    seen = sorted(free.intersection(text for text, _ in account.world.papers))
    return account.require(not seen, f"41 {seen} were given out and count as free")
