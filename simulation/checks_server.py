"""What must hold of the server's tables, whatever happened. The numbers are those of docs/simulation.md."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from reference.terminal.keys import ServerKeys
from simulation.account import FINAL, Account

ACKNOWLEDGED = ("applied", "merged", "proposed", "unchanged")
SUPERVISING = {"supervisor", "legal"}
EVIDENCE = (
    "case", "role", "sha256", "size", "media_type", "captured_at", "position", "terminal", "officer", "signature",
)  # fmt: skip


def check_01_no_loss(account: Account) -> int:
    """Whatever was answered is in the inbox, and so is all that a terminal holds as received."""
    done = 0
    for heard in account.world.network.heard:
        for result in heard.answer["results"]:
            done += account.require(_kept(account, result["id"]), f"01 answered and lost: {result}")
    for device in account.world.devices:
        if account.may_have_lost(device):
            continue
        for row in device.terminal.store.all(
            "SELECT id, state FROM operation WHERE state NOT IN ('pending', 'retry', 'set_aside')"
        ):
            done += account.require(row["id"] in account.operations, f"01 {device.name} relies on a lost operation")
    for row in account.operations.values():
        if row.outcome == "parked":
            done += account.require(row.id in account.waiting, f"01 parked and waited for by nothing: {row.id}")
    return done


def _kept(account: Account, id_: Any) -> bool:
    return not isinstance(id_, str) or id_ in account.operations


def check_02_no_phantom_acknowledgement(account: Account) -> int:
    """Every good word that was sent stands in the database, with its version."""
    done = 0
    for heard in account.world.network.heard:
        for result in heard.answer["results"]:
            row = account.operations.get(result["id"])
            if result["outcome"] in ACKNOWLEDGED and row is not None:
                stands = row.outcome == result["outcome"] and row.version == result.get("version")
                done += account.require(stands, f"02 told {result}, holds {row.outcome} {row.version}")
    return done


def check_03_at_most_once(account: Account) -> int:
    """A record's version counts its effective operations, one by one."""
    done = 0
    for id_, row in account.records.items():
        versions = [one.version for one in account.history.get(id_, [])]
        told = f"03 {row.type} {id_} at {row.version} has effective versions {versions}"
        done += account.require(versions == list(range(1, row.version + 1)), told)
    return done


def check_04_same_answer(account: Account) -> int:
    """A final answer never changes, however often its operation comes."""
    first: dict[str, dict[str, Any]] = {}
    done = 0
    for heard in account.world.network.heard:
        for operation, result in zip(heard.envelope["operations"], heard.answer["results"], strict=True):
            if result["outcome"] not in FINAL:
                continue
            bare = {name: value for name, value in result.items() if name != "duplicate"}
            key = result["id"] + orjson.dumps(operation, option=orjson.OPT_SORT_KEYS).decode()
            done += account.require(first.setdefault(key, bare) == bare, f"04 told {first[key]}, then {bare}")
    return done


def check_08_evidence_immutable(account: Account) -> int:
    """An evidence field keeps the value that it was created with, on the server and on every terminal."""
    done = 0
    for id_, rows in account.history.items():
        if rows[0].type != "evidence":
            continue
        said = account.payload(rows[0])["set"]
        for name in EVIDENCE:
            same = account.bodies[id_].get(name) == said.get(name)
            done += account.require(same, f"08 evidence {id_} changed its {name}")
        for device in account.world.devices:
            held = device.terminal.record(id_)
            if held is not None:
                same = all(held.body.get(name) == said.get(name) for name in EVIDENCE)
                done += account.require(same, f"08 {device.name} holds another evidence {id_}")
    return done


def check_09_append_only(account: Account) -> int:
    """A list holds exactly what was appended and took effect, less what was voided."""
    done = 0
    for id_, rows in account.history.items():
        expected: dict[str, set[str]] = {}
        for row in rows:
            said = account.payload(row)
            if row.action == "append":
                expected.setdefault(said["list"], set()).add(said["item"]["id"])
        for name, ids in expected.items():
            held = [one["id"] for one in account.bodies[id_][name]]
            done += account.require(len(held) == len(set(held)), f"09 {id_} {name} holds an element twice")
            done += account.require(set(held) == ids, f"09 {id_} {name} holds {held}, was given {ids}")
    return done


def check_10_state_machine(account: Account) -> int:
    """Every step that a state took is one that is declared, from where it stood."""
    done = 0
    for rows in account.history.values():
        declared = account.declared[rows[0].type]
        state = next((name for name, one in declared["fields"].items() if one["class"] == "state"), None)
        legal = {(source, one["to"]) for one in declared["transitions"] for source in _sources(one)}
        for row in rows:
            step = (row.changed or {}).get(state)
            if step is not None and tuple(step) not in legal:
                done += account.require(row.id in _resolutions(account), f"10 {row.type} {row.record} went {step}")
            done += step is not None
    return done


def _sources(transition: dict[str, Any]) -> list[str]:
    source = transition["from"]
    return source if isinstance(source, list) else [source]


def _resolutions(account: Account) -> set[str]:
    """The operations that supervisors made at the desk."""
    return {row.id for row in account.operations.values() if row.store.startswith("console:")}


def check_11_supervisor_wins(account: Account) -> int:
    """Once a supervisor has set such a field, no officer's operation changes it."""
    done = 0
    for rows in account.history.values():
        fields = account.declared[rows[0].type]["fields"]
        for name in (name for name, one in fields.items() if one["class"] == "supervisor_wins"):
            decided = False
            for row in rows:
                created = row.action == "create" and name in account.payload(row).get("set", {})
                if name not in (row.changed or {}) and not created:
                    continue
                supervisor = bool(account.roles(row.officer) & SUPERVISING)
                if decided and row.officer in account.officers:
                    done += account.require(supervisor, f"11 {row.record} {name} was taken from a supervisor")
                decided = decided or supervisor
    return done


def check_13_conflicts(account: Account) -> int:
    """One conflict row for each lost value that was promised one, with what the author wrote."""
    done = 0
    rows = {(row.operation, row.field): row for row in account.conflicts}
    done += account.require(len(rows) == len(account.conflicts), "13 two conflicts of one operation's field")
    for heard in account.world.network.heard:
        for result in heard.answer["results"]:
            for told in result.get("conflicts", []):
                row = rows.get((result["id"], told["field"]))
                done += account.require(row is not None and row.id == told["id"], f"13 no row for {told}")
                if row is not None:
                    written = account.payload(account.operations[row.operation]).get("set", {})
                    mine = written.get(told["field"], row.mine)
                    done += account.require(row.mine == mine, f"13 not his value: {told}")
    return done


def check_13_nothing_overwritten_unseen(account: Account) -> int:
    """What takes another's value away that its author had not seen left a conflict behind."""
    done, known = 0, {(row.operation, row.field) for row in account.conflicts}
    for rows in account.history.values():
        fields = account.declared[rows[0].type]["fields"]
        for row in rows:
            seen = _seen(account, row)
            if seen is None or row.action not in ("patch", "transition"):
                continue
            for name in row.changed or {}:
                if fields.get(name, {}).get("class") not in ("manual", "officer_until_lock"):
                    continue
                overtaken = [one.id for one in rows if _unseen(one, row, seen, name)]
                told = f"13 {row.id} took {row.type}.{name} from {overtaken}, seen was {seen}"
                done += account.require(not overtaken or (row.id, name) in known, told)
    return done


def _seen(account: Account, row: Any) -> int | None:
    """The version that an operation's author names as seen; None for whoever is not at a terminal."""
    if row.terminal is None:
        return None
    base = account.payload(row).get("base")
    if isinstance(base, dict):
        named = account.operations.get(str(base.get("operation")))
        return named.version if named is not None else None
    return base if isinstance(base, int) else None


def _unseen(one: Any, row: Any, seen: int, name: str) -> bool:
    """Say whether another changed the field between what was seen and what was done."""
    return seen < one.version < row.version and one.store != row.store and name in (one.changed or {})


def check_15_clock(account: Account) -> int:
    """No device drives the server's clock more than five minutes ahead, and it never goes back."""
    now_ms = int(account.world.site.clock.at.timestamp() * 1000)
    done = account.require(account.sequence.hlc_ms <= now_ms + 300_000, "15 the server's clock was driven ahead")
    last = ""
    for heard in account.world.network.heard:
        told = heard.answer["server_hlc"]
        done += account.require(told >= last, f"15 the server's clock went back from {last} to {told}")
        last = told
    return done


def check_29_receipts(account: Account) -> int:
    """Every receipt verifies, and those of one store hang together without a gap."""
    keys = ServerKeys([])
    keys.learn(account.world.site.app.extensions["fieldpost"].keys.public_jwks())
    chains: dict[str, dict[str | None, str]] = {}
    for row in account.receipts:
        said = keys.open(row.jws)
        whole = hashlib.sha256(row.jws.encode()).hexdigest()
        account.require(whole == row.sha256 and said["store"] == row.store, f"29 receipt {row.sha256} is another's")
        chain = chains.setdefault(row.store, {})
        account.require(said["previous"] not in chain, f"29 two receipts follow one of {row.store}")
        chain[said["previous"]] = whole
    for store, chain in chains.items():
        at: str | None = None
        for _ in range(len(chain)):
            at = chain.get(at)
        account.require(at is not None and at not in chain, f"29 the chain of {store} is broken")
    return len(account.receipts)


def check_37_authority(account: Account) -> int:
    """Nobody but the server changed what it owns, nor a verdict but a supervisor."""
    done = 0
    for rows in account.history.values():
        fields = account.declared[rows[0].type]["fields"]
        for row in rows:
            if row.officer not in account.officers:
                continue
            for name in row.changed or {}:
                declared = fields.get(name.split("/", 1)[0])
                if declared is None:
                    continue
                told = f"37 {row.action} {row.id} of {sorted(account.roles(row.officer))} changed {row.type}.{name}"
                done += account.require(declared["class"] != "server_owned", told)
                if name in ("review", "review_reason"):
                    done += account.require(bool(account.roles(row.officer) & SUPERVISING), told)
    return done


def check_38_log_complete(account: Account) -> int:
    """The history, played again, gives each record as it stands."""
    done = 0
    for id_, rows in account.history.items():
        body, fields = account.bodies[id_], account.declared[rows[0].type]["fields"]
        standing: dict[str, Any] = {}
        if rows[0].action == "create":
            said = account.payload(rows[0]).get("set", {})
            standing = {name: said[name] for name in said if fields.get(name, {}).get("class") != "server_owned"}
        for row in rows[1:]:
            for name, (old, new) in (row.changed or {}).items():
                if "/" in name or name not in fields:
                    continue
                if name in standing:
                    done += account.require(standing[name] == old, f"38 {id_}.{name}: {old} was {standing[name]}")
                standing[name] = new
        for name, value in standing.items():
            done += account.require(body.get(name) == value, f"38 {id_}.{name} is {body.get(name)}, played {value}")
    return done
