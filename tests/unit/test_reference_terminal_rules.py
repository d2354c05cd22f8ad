"""The terminal's own judge says what the shared vectors say, and only by rules that the server signed."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from field_api.casework import rulebook
from reference.terminal.keys import ServerKeys, TerminalKey, b64url
from reference.terminal.rules import Rules, RulesRefusedError
from tests.support.law import VECTORS, facts_of

BUNDLE: dict[str, Any] = orjson.loads(orjson.dumps(rulebook.shipped().document))
RULES = Rules(BUNDLE, {})
KEY = Ed25519PrivateKey.generate()
KEYS = ServerKeys([{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": b64url(KEY.public_key().public_bytes_raw())}])


def served(**changed: Any) -> dict[str, Any]:
    """The rules of a schema, signed by a key that the terminal knows; `changed` replaces what is signed."""
    named = {"config": {"hearing_citizen_fen": 1}, "sha256": rulebook.digest(), "version": BUNDLE["version"]} | changed
    token = TerminalKey(KEY).sign_jws(orjson.dumps({"rules": named}), "k1", "JWS")
    return {"bundle": copy.deepcopy(BUNDLE), "config": {}, "signature": token}


@pytest.mark.parametrize("check", sorted({one["check"] for one in VECTORS["vectors"]}))
def test_the_terminal_finds_what_the_vectors_say(check: str) -> None:
    """Consequence and values of each check are those of its vectors."""
    for vector in (one for one in VECTORS["vectors"] if one["check"] == check):
        found = RULES.judge_whole(facts_of(vector), None, None)
        finding = next((one for one in found if one.check == check), None)
        assert (finding.consequence if finding else None) == vector["expect"], vector
        expected = vector.get("values", {})
        assert {name: finding.values[name] for name in expected} == expected if finding else not expected, vector


@pytest.mark.parametrize("name", sorted(VECTORS["bases"]))
def test_a_lawful_case_is_let_pass(name: str) -> None:
    """Nothing is said of facts that are in order."""
    assert RULES.judge_whole(VECTORS["bases"][name], None, None) == []


def test_signed_rules_are_taken_with_the_signed_configuration() -> None:
    """What stands beside the signature is not believed; what was signed is."""
    rules = Rules.opened(served(), KEYS)
    assert rules.version == BUNDLE["version"]
    whole = rules._complete({"config": rules._config})
    assert whole["config"]["hearing_citizen_fen"] == 1


def test_changed_or_foreign_rules_are_refused() -> None:
    """A changed limit, another version, another signer, no rules at all: nothing is judged by any of them."""
    changed = served()
    changed["bundle"]["rules"][0]["consequence"] = "flag"
    foreign = ServerKeys([])
    for one, keys in ((changed, KEYS), (served(version="x"), KEYS), (served(), foreign), ({}, KEYS), (None, KEYS)):
        with pytest.raises(RulesRefusedError):
            Rules.opened(one, keys)
