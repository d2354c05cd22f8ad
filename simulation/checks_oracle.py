"""What the oracle says must stand at the end of the day."""

from __future__ import annotations

from typing import Any

from simulation.account import Account
from simulation.cast import CREW

CASEWORK = ("case", "incident", "evidence", "vehicle_check", "task")


def check_39_oracle(account: Account) -> int:
    """Records, who may hold them, and open conflicts are as the oracle worked them out; answers were before."""
    twin = account.world.twin
    if twin is None or twin.parted:
        return 0
    done, wanted = 0, twin.oracle.records()
    rows = {id_: row for id_, row in account.records.items() if row.type in CASEWORK and not _is_of_law(account, row)}
    done += account.require(rows.keys() == wanted.keys(), f"39 records {sorted(rows.keys() ^ wanted.keys())}")
    for id_ in sorted(rows.keys() & wanted.keys()):
        row, one = rows[id_], wanted[id_]
        held = {"type": row.type, "version": row.version, "body": account.bodies[id_], "void": row.void is not None}
        done += account.require(held == one, f"39 {row.type} {id_} is not as expected: {_difference(held, one)}")
    for player in CREW:
        seen = {id_: (row.type, row.version) for id_, row in account.visible(player.username).items() if id_ in rows}
        may = twin.oracle.visible(account.scopes_of(player.username))
        done += account.require(seen == may, f"39 {player.username} may hold {seen.items() ^ may.items()}")
    lasting = {(row.operation, row.field) for row in account.conflicts if row.state == "open"}
    expected = {(twin.inbox_name(operation), field) for operation, field in twin.oracle.open_conflicts()}
    done += account.require(lasting == expected, f"39 open conflicts differ by {lasting ^ expected}")
    twin.counts["oracle_days_to_the_end"] += 1
    return done + twin.counts["oracle_pushes_compared"]


def _is_of_law(account: Account, row: Any) -> bool:
    """Say whether the server wrote a task because of what law says of a case; the oracle knows no law."""
    return bool(row.type == "task" and account.bodies[row.id]["rule"])


def _difference(held: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What is held and what was expected, of each part that differs."""
    pairs = {name: (held[name], expected[name]) for name in held if name != "body"}
    pairs |= {name: (value, expected["body"].get(name)) for name, value in held["body"].items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
