"""The wire shape of asking for a paper: which copy."""

from __future__ import annotations

from collections.abc import Mapping

from field_api.casework.documents.tables import VIEWED
from field_api.problems import Problem


def read_copy(arguments: Mapping[str, str]) -> str:
    """The copy asked for; the party's where none is named.

    Raises:
        Problem: invalid_field.
    """
    kind = arguments.get("copy", "party")
    if kind not in VIEWED:
        message = f"应为 {'、'.join(VIEWED)} 之一 · must be one of these"
        raise Problem("invalid_field", errors=[{"pointer": "/copy", "code": "not_in_list", "message": message}])
    return kind
