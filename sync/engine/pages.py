"""The order inside a page: by change sequence, but no child before its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def parents_first(records: Sequence[str], parent_of: Mapping[str, str | None]) -> list[str]:
    """Order records (given by sequence) so that each one's ancestors in `parent_of` stand before it."""
    placed: dict[str, None] = {}
    for record in records:
        line: list[str] = []
        step: str | None = record
        while step is not None and step in parent_of and step not in placed and step not in line:
            line.append(step)
            step = parent_of[step]
        placed.update(dict.fromkeys(reversed(line)))
    return list(placed)
