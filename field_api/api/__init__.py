"""Routes, one module per resource; each decodes, delegates, and does nothing else."""

from __future__ import annotations

from flask import Blueprint


def blueprints() -> list[Blueprint]:
    """Every blueprint of the API, in the order of the documentation."""
    from field_api.api import terminals, tokens

    return [terminals.blueprint, tokens.blueprint]
