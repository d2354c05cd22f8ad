"""What the protocol promises and this release does not have yet: it says so by name, and pretends nothing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from field_api.endpoint import Answer, Context, endpoint
from field_api.problems import Problem

blueprint = Blueprint("later", __name__, url_prefix="/api/v1")

# path, method, the feature's name; the README's status lists the same.
NOT_YET = (
    ("/cases/<case>/bundle", "GET", "evidence bundle"),
    ("/centre/events", "POST", "centre events"),
)


def _refuse(path: str, method: str, feature: str) -> None:
    @endpoint(f"Not there yet: {feature}", caller="anyone", mode="own", status=501, tag="later")
    def view(_context: Context, **_path: Any) -> Answer:
        raise Problem("not_implemented", feature)

    blueprint.add_url_rule(path, f"{method} {path}".replace(".", "_"), view, methods=[method])


for _path, _method, _feature in NOT_YET:
    _refuse(_path, _method, _feature)
