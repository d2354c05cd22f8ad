"""The rules of law that ship with the program: read from their files once, and served with the server's signature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from field_api.auth.keys import Keys
from field_api.casework.law import bundle, facts
from field_api.casework.law.judge import judge

FOLDER = "data/law"
PARTS = ("parameters", "officers", "summary", "fairness", "money", "measures", "process")


@cache
def shipped() -> bundle.Bundle:
    """The rules of this release. Raises: bundle.BundleError (the tests read them; a release has none)."""
    folder = files("field_api.casework").joinpath(FOLDER)
    document: dict[str, Any] = {"facts": facts.shape(), "rules": []}
    for name in PARTS:
        part: dict[str, Any] = orjson.loads(folder.joinpath(f"{name}.json").read_bytes())
        document = {**document, **part, "rules": document["rules"] + part.get("rules", [])}
    document["rules"].sort(key=lambda one: (one["id"], one["valid_from"] or ""))
    return bundle.read(document)


def warm() -> None:
    """Read the rules and compile them, so that nobody's first question waits for it."""
    judge(shipped(), {})


@cache
def digest() -> str:
    """The hex SHA-256 of the bundle as canonical JSON (RFC 8785: it holds texts and whole numbers only)."""
    return hashlib.sha256(orjson.dumps(shipped().document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def named(configured: Mapping[str, Any]) -> dict[str, Any]:
    """What the server signs of the rules: their version and digest, and what the bureau says itself."""
    config = {name: configured.get(name) for name in facts.SECTIONS["config"]}
    return {"config": config, "sha256": digest(), "version": shipped().version}


def sign(keys: Keys, configured: Mapping[str, Any]) -> str:
    """A compact JWS over `{"rules": {"config", "sha256", "version"}}`, by the key that signs receipts."""
    return keys.sign_jws({"rules": named(configured)})
