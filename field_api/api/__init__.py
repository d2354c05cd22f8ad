"""Routes, one module per resource; each decodes, delegates, and does nothing else."""

from __future__ import annotations

from flask import Blueprint

from field_api.api import (
    audits,
    conflicts,
    documentation,
    documents,
    evidence,
    later,
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
        documents.blueprint,
        conflicts.blueprint,
        quarantine.blueprint,
        reviews.blueprint,
        audits.blueprint,
        later.blueprint,
        documentation.blueprint,
    ]
