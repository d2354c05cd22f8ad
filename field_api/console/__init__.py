"""The supervisor's pages, made on the server: they work without JavaScript, and by keyboard with it."""

from __future__ import annotations

from flask import Blueprint

from field_api.console import (
    alerts,
    audits,
    cases,
    checking,
    conflicts,
    defects,
    delivery,
    health,
    imports,
    ledger,
    morning,
    numbers,
    parties,
    pictures,
    problem_pages,
    quarantine,
    sign_in,
    vehicles,
    violations,
)


def blueprints() -> list[Blueprint]:
    """Every blueprint of the console."""
    return [
        sign_in.front,
        sign_in.blueprint,
        cases.blueprint,
        pictures.blueprint,
        conflicts.blueprint,
        delivery.blueprint,
        quarantine.blueprint,
        health.blueprint,
        alerts.blueprint,
        imports.blueprint,
        violations.blueprint,
        morning.blueprint,
        defects.blueprint,
        vehicles.blueprint,
        parties.blueprint,
        ledger.blueprint,
        numbers.blueprint,
        audits.blueprint,
        problem_pages.blueprint,
        checking.blueprint,
    ]
