"""What the law says, asked over HTTP, and the signed rules that terminals judge by."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask

from field_api.auth.signatures import decode_base64url
from field_api.casework import rulebook, schema
from field_api.config import Config, ConfigError
from field_api.schemas.law import MAX_LISTED
from tests.integration.people import Bureau, Handheld, problem
from tests.support.law import VECTORS

PLAN: dict[str, Any] = {
    "act": {"date": "2026-11-20"},
    "case": {"procedure": "summary", "subject": "city_bureau"},
    "party": {"kind": "citizen", "age": 40},
    "decision": {"kinds": ["fine"], "amount_fen": 25000},
}


@pytest.fixture
def handheld(bureau: Bureau) -> Handheld:
    return bureau.signed_in("demo01")


def ask(handheld: Handheld, facts: Any, language: str = "zh-CN", **more: Any) -> Any:
    headers = {**handheld.bearer, "Accept-Language": language}
    return handheld.post("/law/check", {"facts": facts, **more}, headers=headers)


def test_a_fine_above_the_limit_is_answered_with_article_reason_and_remedy(handheld: Handheld) -> None:
    """An officer reads in his language why he may not fine here, and what to do instead."""
    reasons = {"zh-CN": "不得超过 200 元，拟罚 250 元", "en": "may not exceed 200 yuan; 250 are planned"}
    for language, reason in reasons.items():
        answer = ask(handheld, PLAN, language)
        assert answer.status_code == 200
        assert answer.headers["Content-Language"] == language
        body = answer.json
        assert (body["allowed"], body["version"]) == (False, rulebook.shipped().version)
        [finding] = body["findings"]
        assert (finding["rule"], finding["consequence"]) == ("R03", "block")
        assert finding["article"] == "行政处罚法第五十一条"
        assert reason in finding["reason"]
        assert finding["remedy"]


def test_a_lawful_plan_is_allowed_and_needs_no_procedure_named(handheld: Handheld) -> None:
    """The question is of the summary procedure where the caller names none."""
    plan = copy.deepcopy(PLAN)
    plan["decision"]["amount_fen"] = 20000
    del plan["case"]
    assert ask(handheld, plan).json == {"allowed": True, "version": rulebook.shipped().version, "findings": []}
    plan["decision"]["amount_fen"] = 20001
    assert ask(handheld, plan).json["allowed"] is False


def test_what_is_not_configured_is_said_and_forbids(handheld: Handheld) -> None:
    """A limit that nobody has decided is no limit of ours: the answer names what is missing."""
    plan = {**PLAN, "party": {"kind": "individual_business"}}
    body = ask(handheld, plan).json
    assert body["allowed"] is False
    [finding] = body["findings"]
    assert (finding["consequence"], finding["values"]) == ("not_configured", {"missing": "individual_business_as"})


def test_what_is_configured_is_the_bureaus_word(app: Flask, handheld: Handheld) -> None:
    """The configuration decides, and a caller cannot bring one of his own."""
    held = app.extensions["fieldpost"]
    app.extensions["fieldpost"] = replace(held, config=replace(held.config, law={"individual_business_as": "org"}))
    plan = {**PLAN, "party": {"kind": "individual_business"}}
    assert ask(handheld, plan).json["allowed"] is True
    assert problem(ask(handheld, {**plan, "config": {"individual_business_as": "org"}})) == (422, "envelope_invalid")


def test_another_stage_asks_other_rules(handheld: Handheld) -> None:
    """At the decision the notice is asked for; at the first question it is not yet."""
    lawful = copy.deepcopy(PLAN)
    lawful["decision"]["amount_fen"] = 10000
    rules = {one["rule"] for one in ask(handheld, lawful, stage="decide").json["findings"]}
    assert {"R01", "R02", "R06", "R10", "R34", "R41"} <= rules


def test_a_whole_case_may_be_asked(handheld: Handheld) -> None:
    """The shape of the question is the shape of the facts: every section of a whole case is taken."""
    for name, base in VECTORS["bases"].items():
        facts = {section: part for section, part in base.items() if section != "config"}
        answer = ask(handheld, facts, stage="decide")
        assert (answer.status_code, answer.json["allowed"]) == (200, True), name


NO_QUESTIONS: list[Any] = [
    {"party": {"kind": 5}},
    {"party": {"age": "14"}},
    {"party": {"age": 14.5}},
    {"act": {"date": "2026-02-31x"}},
    {"act": {"sunny": True}},
    {"decision": {"amount_fen": 10**13}},
    {"decision": {"amount_fen": True}},
    {"decision": {"kinds": ["fine"] * (MAX_LISTED + 1)}},
    {"officers": [{"id": "o"}] * (MAX_LISTED + 1)},
    {"officers": {"id": "o"}},
    {"case": {"procedure": "s" * 201}},
    {"case": {"contested": 1}},
    {"case": []},
    {"weather": {}},
    [],
    None,
]


def test_what_is_no_question_is_refused_at_its_place(handheld: Handheld) -> None:
    """Wrong kinds, too much and the unknown are errors with a pointer, never a guess."""
    for facts in NO_QUESTIONS:
        answer = ask(handheld, facts)
        assert problem(answer) == (422, "envelope_invalid"), facts
        assert answer.json["errors"][0]["pointer"].startswith("/facts"), facts


def test_only_those_who_sign_in_may_ask(handheld: Handheld) -> None:
    """The question tells of a case."""
    assert handheld.post("/law/check", {"facts": PLAN}).status_code == 401


def test_the_served_rules_are_signed_by_the_key_of_the_receipts(app: Flask, handheld: Handheld) -> None:
    """A terminal can prove offline that the rules it judges by, and the configuration, are the server's."""
    answer = handheld.client.get("/api/v1/sync/schema", headers=handheld.bearer)
    rules = answer.json["rules"]
    canonical = orjson.dumps(rules["bundle"], option=orjson.OPT_SORT_KEYS)
    assert rules["sha256"] == hashlib.sha256(canonical).hexdigest()
    header, payload, signature = rules["signature"].split(".")
    named = orjson.loads(decode_base64url(payload, len(payload) * 3 // 4) or b"")
    assert named == {"rules": {name: rules[name] for name in ("config", "sha256", "version")}}
    [jwk] = app.extensions["fieldpost"].keys.public_jwks()["keys"]
    key = Ed25519PublicKey.from_public_bytes(decode_base64url(jwk["x"], 32) or b"")
    signed = decode_base64url(signature, 64) or b""
    key.verify(signed, f"{header}.{payload}".encode())
    with pytest.raises(InvalidSignature):
        key.verify(signed, f"{header}.{payload}x".encode())


def test_the_schemas_tag_names_key_and_configuration(app: Flask, handheld: Handheld) -> None:
    """The same rules give the same tag in every process; a new key or configuration gives another."""
    keys = app.extensions["fieldpost"].keys
    first = schema.rendered(keys, {})
    assert schema.rendered(keys, {"hearing_org_fen": None}) == first
    assert schema.rendered(keys, {"hearing_org_fen": 5})[1] != first[1]
    tag = handheld.client.get("/api/v1/sync/schema", headers=handheld.bearer).headers["ETag"]
    assert tag == first[1]
    same = handheld.client.get("/api/v1/sync/schema", headers={**handheld.bearer, "If-None-Match": tag})
    assert same.status_code == 304
    keys.rotate(app.extensions["fieldpost"].now())
    other = handheld.client.get("/api/v1/sync/schema", headers={**handheld.bearer, "If-None-Match": tag})
    assert (other.status_code, other.headers["ETag"] == tag) == (200, False)


def test_the_configuration_of_law_is_read_or_refused() -> None:
    """Nothing set is nothing known; what cannot be meant is an error that names its variable."""
    assert set(Config.from_env({}).law.values()) == {None}
    read = Config.from_env(
        {"FIELDPOST_LAW_HEARING_ORG_FEN": "2000000", "FIELDPOST_LAW_INDIVIDUAL_BUSINESS_AS": "citizen"}
    ).law
    assert (read["hearing_org_fen"], read["individual_business_as"]) == (2000000, "citizen")
    for name, value in (("HEARING_ORG_FEN", "-1"), ("CLOCK_SKEW_MINUTES", "x"), ("INDIVIDUAL_BUSINESS_AS", "both")):
        with pytest.raises(ConfigError, match=f"FIELDPOST_LAW_{name}"):
            Config.from_env({f"FIELDPOST_LAW_{name}": value})
