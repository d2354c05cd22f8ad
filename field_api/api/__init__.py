"""Routes, one module per resource; each decodes, delegates, and does nothing else."""

from __future__ import annotations

from flask import Blueprint

from field_api.api import (
    audits,
    conflicts,
    defects,
    documentation,
    documents,
    evidence,
    later,
    law,
    ledger,
    number_blocks,
    parties,
    quarantine,
    reviews,
    service,
    sets,
    steps,
    sync,
    terminals,
    tokens,
    uploads,
    vehicles,
    violations,
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
        documents.blueprint,
        conflicts.blueprint,
        quarantine.blueprint,
        reviews.blueprint,
        steps.blueprint,
        parties.blueprint,
        vehicles.blueprint,
        sets.blueprint,
        audits.blueprint,
        law.blueprint,
        defects.blueprint,
        violations.blueprint,
        ledger.blueprint,
        number_blocks.blueprint,
        later.blueprint,
        documentation.blueprint,
    ]
