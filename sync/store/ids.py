"""New identifiers: UUID version 7, which sort by time and so keep indexes dense."""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    return str(uuid_utils.uuid7())
