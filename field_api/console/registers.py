"""The registers beside the daily desk: which there are, and for whom."""

from __future__ import annotations

from collections.abc import Sequence

from field_api.auth.identity import CONSOLE_ROLES, Identity
from field_api.casework import audits, block_accounts, cashier
from field_api.casework.parties import people
from field_api.casework.vehicles import dossier

# Path below /console/, its word, and who may open it.
REGISTERS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("violations", "nav.violations", CONSOLE_ROLES),
    ("defects", "nav.defects", frozenset({"supervisor", "legal", "admin", "auditor"})),
    ("vehicles", "nav.vehicles", frozenset(dossier.READERS)),
    ("parties", "nav.parties", frozenset(people.READERS)),
    ("ledger", "nav.ledger", frozenset(cashier.READERS)),
    ("numbers", "nav.numbers", frozenset(block_accounts.READERS)),
    ("audits", "nav.audits", frozenset(audits.AUDITORS)),
)


def registers_of(who: Identity | None) -> Sequence[tuple[str, str]]:
    """The registers that a person may open: path and word."""
    held = who.roles if who else frozenset()
    return [(path, word) for path, word, roles in REGISTERS if held & roles]
