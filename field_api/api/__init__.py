"""Routes, one module per resource; each decodes, delegates, and does nothing else."""

from __future__ import annotations

from flask import Blueprint

from field_api.api import (
    audits,
    conflicts,
    documentation,
    evidence,
    later,
    ledger,
    quarantine,
    reviews,
    service,
    sync,
    terminals,
    tokens,
    uploads,
)


def blueprints() -> list[Blueprint]:
    """Every blueprint of the API, in the order of the documentation."""
    return [
        service.blueprint,
        terminals.blueprint,
        tokens.blueprint,
        sync.blueprint,
        uploads.blueprint,
        evidence.blueprint,
        conflicts.blueprint,
        quarantine.blueprint,
        reviews.blueprint,
        ledger.blueprint,
        audits.blueprint,
        later.blueprint,
        documentation.blueprint,
    ]
