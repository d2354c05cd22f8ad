"""What must hold between terminals, server and centre when all is quiet."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from simulation.account import Account
from simulation.device import Device

WAITING = ("parked", "quarantined")


def check_20_convergence(account: Account) -> int:
    """Every terminal holds exactly its officer's records, and nothing waits but what a person must see to."""
    done = 0
    for device in account.world.devices:
        if device.revoked:
            continue
        expected = {id_: (row.type, row.version) for id_, row in account.visible(device.player.username).items()}
        held = device.terminal.confirmed()
        done += account.require(held == expected, f"20 {device.name} holds {_difference(held, expected)}")
        done += _bodies(account, device)
        for queued in device.terminal.queue():
            done += account.require(queued.state in WAITING, f"20 {device.name} still keeps {queued.id} {queued.state}")
    return done


def _difference(held: dict[str, Any], expected: dict[str, Any]) -> str:
    names = sorted(set(held.items()) ^ set(expected.items()))
    return f"{len(held)} of {len(expected)}: {[(one, held.get(one[0]), expected.get(one[0])) for one in names[:2]]}"


def _bodies(account: Account, device: Device) -> int:
    """Compare what is stored, part by part, with what the server has, less what is withheld."""
    done = 0
    masked = account.roles(account.world.site.officers[device.player.username]) == {"auxiliary"}
    for row in device.terminal.store.all("SELECT id, version, body FROM record WHERE evicted = 0 AND void = 0"):
        standing = account.records.get(row["id"])
        if standing is None or standing.version != row["version"]:
            continue
        body = copy.deepcopy(account.bodies[row["id"]])
        if masked and isinstance(body.get("party"), dict):
            for part in ("id_no", "phone"):
                body["party"].pop(part, None)
        done += account.require(json.loads(row["body"]) == body, f"20 {device.name} holds another body of {row['id']}")
    return done


def check_24_revoked_work_kept(account: Account) -> int:
    """What a revoked terminal still sent is all there, in quarantine."""
    done = 0
    for device in account.world.devices:
        if not device.revoked or account.may_have_lost(device):
            continue
        for queued in device.terminal.queue():
            row = account.operations.get(queued.id)
            done += account.require(row is not None, f"24 {device.name} was revoked and {queued.id} is lost")
    return done


def check_27_attachments(account: Account) -> int:
    """A photo that is called verified is on the disk, whole."""
    done = 0
    blobs = account.world.site.app.extensions["fieldpost"].blobs
    for id_, body in account.bodies.items():
        if account.records[id_].type == "evidence" and body["bytes"] == "verified":
            content = blobs.path(body["sha256"]).read_bytes()
            good = hashlib.sha256(content).hexdigest() == body["sha256"] and len(content) == body["size"]
            done += account.require(good, f"27 evidence {id_} is verified and not so")
    return done


def check_28_purge_safety(account: Account) -> int:
    """No original is gone from a terminal unless the server holds it."""
    done = 0
    for device in account.world.devices:
        for row in device.terminal.store.all("SELECT evidence, sha256, state FROM photo"):
            if not (device.folder / "originals" / row["sha256"]).exists():
                done += account.require(row["sha256"] in account.blobs, f"28 {device.name} deleted {row['sha256']}")
    return done


def check_30_forwarder(account: Account) -> int:
    """The centre saw each version of a case once, in order, with the evidence it names."""
    centre, done = account.centre, 0
    if account.world.counts["server_restored"]:
        # A restored server counts again from its backup: the same number may name another version.
        return 0
    done += account.require(not centre.wrong, f"30 {centre.wrong}")
    last: dict[str, int] = {}
    for case, version in centre.order:
        done += account.require(version > last.get(case, 0), f"30 case {case} came as {version} after {last.get(case)}")
        last[case] = version
    return done


def check_31_outbox(account: Account) -> int:
    """A case waits for delivery exactly where an open row says so."""
    done = 0
    waiting = {row.subject for row in account.outbox if row.kind == "deliver" and row.state in ("waiting", "running")}
    for id_, body in account.bodies.items():
        if account.records[id_].type == "case":
            said = body["delivery"] in ("waiting", "delivering")
            done += account.require(said == (id_ in waiting), f"31 case {id_} says {body['delivery']}")
    return done
