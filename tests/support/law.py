"""The rules' test vectors, which the server's and the browser's judge share."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson

VECTORS: dict[str, Any] = orjson.loads((Path(__file__).parents[1] / "data" / "law_vectors.json").read_bytes())


def facts_of(vector: dict[str, Any]) -> dict[str, Any]:
    """A vector's facts: its base, with a section's field (`case.procedure`) or a whole section set otherwise."""
    facts = copy.deepcopy(VECTORS["bases"][vector["base"]])
    for path, value in vector["set"].items():
        section, _, field = path.partition(".")
        if field:
            facts.setdefault(section, {})[field] = copy.deepcopy(value)
        else:
            facts[section] = copy.deepcopy(value)
    return facts
