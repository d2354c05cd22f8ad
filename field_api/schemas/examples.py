"""Examples for the API page; a test loads and dumps each through the schema that serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TERMINAL = "0192f0c1-7a10-7c3e-9d2b-5f1e2a3b4c5d"
_OFFICER = "0192f0c1-8b20-7d4f-8e3c-6a2f3b4c5d6e"
_CASE = "0192f0c2-1c30-7e50-9f4d-7b3a4c5d6e7f"
_STORE = "0192f0c2-2d40-7f61-8a5e-8c4b5d6e7f80"
_BATCH = "0192f0c2-3e50-7a72-9b6f-9d5c6e7f8091"
_OPERATION = "0192f0c2-4f60-7b83-8c70-ae6d7f8091a2"
_EDIT = "0192f0c2-5a70-7c94-9d81-bf7e8091a2b3"
_CONFLICT = "0192f0c2-6b80-7da5-8e92-c08f91a2b3c4"
_INCIDENT = "0192f0c2-7c90-7eb6-9fa3-d190a2b3c4d5"
_SIGNATURE = "A" * 86
_PARTY = "0192f0c2-8da0-7fc7-80b4-e2a1b3c4d5e6"
_OTHER_PARTY = "0192f0c2-9eb0-70d8-91c5-f3b2c4d5e6f7"
_MASKED = {"id": _PARTY, "kind": "citizen", "name": "演示当事人", "shop_name": "演示小店", "id_type": "id_card",
           "uscc": None, "id_no": "5114************35", "phone": "138******00"}

_COPY: dict[str, Any] = {
    "name": "copy",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": ["party", "stub", "thermal", "lines"], "default": "party"},
}
PARAMETERS: Mapping[str, list[dict[str, Any]]] = {
    **{f"GET /{kind}s/{{{kind}}}/documents/{{element}}": [_COPY] for kind in ("case", "proceeding", "measure")},
    "GET /conflicts": [
        {
            "name": "state",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["open", "resolved"], "default": "open"},
        }
    ],
    "GET /sets/{name}": [
        {"name": "since", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 0}},
    ],
    "GET /audits": [
        {
            "name": "month",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "pattern": "^20[0-9]{2}-[01][0-9]$"},
        },
        {"name": "unit", "in": "query", "required": False, "schema": {"type": "string", "maxLength": 32}},
    ],
    "GET /defects": [
        {
            "name": "state",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["open", "cleared", "settled"], "default": "open"},
        },
    ],
    "GET /parties/{party}": [
        {"name": "violation", "in": "query", "required": False, "schema": {"type": "string", "maxLength": 64}},
    ],
    "GET /docs": [
        {
            "name": "lang",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["zh", "en"]},
        }
    ],
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "POST /terminals": {
        "request": {
            "enrolment_code": "K7Q2-M4XD-9HTB",
            "public_key": "A" * 43,
            "model": "演示机",
            "app_version": "1.0.0",
            "signature": _SIGNATURE,
        },
        "answer": {"terminal_id": _TERMINAL, "terminal_no": "t7", "server_keys": {"keys": []}},
    },
    "POST /tokens/challenges": {
        "request": {"terminal_id": _TERMINAL},
        "answer": {"nonce": "c29tZS1ub25jZQ", "expires_at": "2026-11-22T02:01:00.000Z"},
    },
    "POST /tokens": {
        "request": {
            "grant": "password",
            "username": "demo01",
            "password": "correct horse 2026",
            "terminal_id": _TERMINAL,
            "nonce": "c29tZS1ub25jZQ",
            "signature": _SIGNATURE,
        },
        "answer": {
            "access_token": "AZLwwXoQ",
            "expires_in": 900,
            "refresh_token": "AZLwwYsg",
            "offline_until": "2026-11-29T02:00:00.000Z",
            "officer": {"id": _OFFICER, "name": "演示队员", "roles": ["officer"], "unit": "u1"},
        },
    },
    "GET /sync/hello": {
        "answer": {
            "protocol": 1,
            "server_time": "2026-11-22T02:00:00.000+00:00",
            "server_hlc": "01932f0a1b2c-0003-s",
            "epoch": _STORE,
            "schema": {"current": 1, "oldest": 1},
            "limits": {"operations": 500, "bytes": 8388608},
            "safe_before": None,
            "backoff_ms": 0,
            "control": {},
        }
    },
    "POST /law/penalty": {
        "request": {
            "code": "DQ-116-1",
            "party_kind": "org",
            "date": "2026-11-22",
            "factors": ["remedied"],
            "amount_fen": 200000,
            "subject": "city_bureau",
        },
        "answer": {
            "code": "DQ-116-1",
            "valid_from": "2016-01-01",
            "version_by": "act",
            "outcome": "penalty",
            "blocked": False,
            "kinds": ["fine"],
            "min_fen": 200000,
            "max_fen": 2000000,
            "suggested_fen": 200000,
            "step": None,
            "explanation": ["主动消除或者减轻危害后果：应当从轻或者减轻（《行政处罚法》第32条）"],
            "problems": [],
            "summary": {
                "possible": True,
                "limit_fen": 300000,
                "rule": None,
                "message": "罚款不超过3000元时可当场处罚",
            },
            "read": "read",
            "demo": False,
        },
    },
    "POST /sync/import": {
        "request": {"export": "eyJhbGciOiJFZERTQSJ9.e30.AAAA"},
        "answer": {
            "batch": _BATCH,
            "server_hlc": "01932f0a1c00-0000-s",
            "highest_number": 412,
            "missing_numbers": [],
            "backoff_ms": 0,
            "receipt": "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
            "control": {},
            "results": [{"id": _OPERATION, "outcome": "applied", "version": 1}],
        },
    },
    "POST /sync/push": {
        "request": {
            "protocol": 1,
            "schema": 1,
            "app": "1.0.0",
            "batch": _BATCH,
            "store": _STORE,
            "clock": {
                "wall": "2026-11-22T10:00:00.120+08:00",
                "monotonic_ms": 884211,
                "boot": "b9",
                "hlc": "01932f0a1b2c-0003-t7",
            },
            "health": {"pending": 2, "storage_free_bytes": 812345678},
            "operations": [
                {
                    "id": _OPERATION,
                    "number": 412,
                    "action": "create",
                    "type": "case",
                    "record": _CASE,
                    "set": {"incident": _INCIDENT, "category": "0201", "description": "占道经营"},
                    "at": "2026-11-22T09:58:00+08:00",
                    "hlc": "01932f0a1b2c-0001-t7",
                    "boot": "b9",
                    "monotonic_ms": 771200,
                },
                {
                    "id": _EDIT,
                    "number": 413,
                    "action": "patch",
                    "type": "case",
                    "record": _CASE,
                    "base": 3,
                    "set": {"amount_fen": "100"},
                    "at": "2026-11-22T09:59:00+08:00",
                },
            ],
        },
        "answer": {
            "batch": _BATCH,
            "server_hlc": "01932f0a1b2c-0004-s",
            "highest_number": 413,
            "missing_numbers": [[407, 409]],
            "backoff_ms": 0,
            "receipt": "eyJhbGciOiJFZERTQSJ9.e30.c2ln",
            "control": {},
            "results": [
                {"id": _OPERATION, "outcome": "applied", "version": 1},
                {
                    "id": _EDIT,
                    "outcome": "quarantined",
                    "problem": {
                        "code": "invalid_field",
                        "errors": [
                            {
                                "pointer": "/set/amount_fen",
                                "code": "not_integer",
                                "message": "应为整数 · must be an integer",
                            }
                        ],
                    },
                },
            ],
        },
    },
    "POST /sync/pull": {
        "request": {"cursor": None, "limit": 1000, "lanes": ["reference", "records"]},
        "answer": {
            "changes": [
                {
                    "action": "put",
                    "type": "case",
                    "record": _CASE,
                    "version": 5,
                    "body": {"category": "0201", "status": "registered"},
                    "masked": ["case.party.id_no"],
                },
                {"action": "void", "type": "case", "record": _INCIDENT, "version": 7, "reason": "重复登记"},
            ],
            "settled": [],
            "cursor": "b3BhcXVl",
            "more": False,
            "checkpoint": {"count": 1043, "sum": "9f3c5a7d11223344"},
            "control": {},
        },
    },
    "POST /number-blocks": {
        "request": {"id": _EDIT, "kind": "D07.city_bureau", "count": 20, "store": _STORE},
        "answer": {
            "block": _BATCH,
            "kind": "D07.city_bureau.2026",
            "prefix": "城管（代字待配置）D07〔2026〕第",
            "from": 1,
            "to": 20,
            "expires_at": "2026-12-31T16:00:00.000Z",
            "lease": "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
        },
    },
    "POST /conflicts/{conflict}/resolution": {
        "request": {"id": _EDIT, "keep": "theirs", "reason": "现场核实"},
        "answer": {
            "id": _CONFLICT,
            "type": "case",
            "record": _CASE,
            "field": "amount_fen",
            "class": "manual",
            "base": 10000,
            "mine": 20000,
            "theirs": 15000,
            "kept": "server",
            "by": {"mine": _OFFICER, "theirs": _OFFICER},
            "at": {"mine": "2026-11-22T09:59:00+08:00", "theirs": "2026-11-22T09:57:00+08:00"},
            "state": "resolved",
            "resolution": {"keep": "theirs", "reason": "现场核实"},
        },
    },
    "POST /evidence/{evidence}/reviews": {
        "request": {"id": _EDIT, "verdict": "returned", "reason": "车牌看不清"},
        "answer": {"id": _EDIT, "outcome": "applied", "version": 4},
    },
    "POST /law/check": {
        "request": {
            "stage": "check",
            "facts": {
                "act": {"date": "2026-11-20"},
                "case": {"procedure": "summary", "subject": "city_bureau"},
                "party": {"kind": "citizen", "age": 40},
                "decision": {"kinds": ["fine"], "amount_fen": 25000},
            },
        },
        "answer": {
            "allowed": False,
            "version": "2026.1",
            "findings": [
                {
                    "rule": "R03",
                    "check": "R03.citizen",
                    "consequence": "block",
                    "article": "行政处罚法第五十一条",
                    "reason": "对公民当场罚款不得超过 200 元，拟罚 250 元",
                    "remedy": "转为普通程序：立案、调查、审核后再决定，现场不罚款",
                    "law": "适用作出该程序行为时的规定",
                    "values": {"limit_yuan": 200, "amount_yuan": 250},
                }
            ],
        },
    },
    "POST /cases/{case}/reviews": {
        "request": {"id": _EDIT, "verdict": "passed", "base": 8},
        "answer": {"id": _EDIT, "outcome": "applied", "version": 9},
    },
    "POST /parties/search": {"request": {"phone": "13800000000"}, "answer": _MASKED},
    "GET /parties/duplicates": {"answer": {"by": "phone", "parties": [_MASKED, _MASKED | {"id": _OTHER_PARTY}]}},
    "GET /parties/{party}": {"answer": _MASKED | {
        "cases": [{"case": _CASE, "case_no": "511402202611220001", "status": "closed", "unit": "u1",
                   "violations": ["category:0406"], "decided_at": "2026-11-22T02:00:00.000+00:00"}],
        "first_offence": False, "look_back_days": 730,
    }},
    "POST /parties/{party}/merge": {"request": {"into": _OTHER_PARTY}, "answer": {"id": _OTHER_PARTY}},
    "POST /parties/{party}/unmask": {
        "request": {"reason": "核对送达地址"},
        "answer": {"id": _PARTY, "id_no": "511402199003071235", "phone": "13800000000"},
    },
    "GET /vehicles/{plate}": {"answer": {
        "plate": "川Z00000", "shape": "ordinary", "city": "眉山", "vehicle": {"plate_kind": "01"}, "company": None,
        "permits": [], "watch": {"entries": [{"reason": "spills", "note": None, "valid_to": None}],
                                 "imported_at": "2026-11-22T02:00:00.000+00:00"},
        "checks": [], "cases": [], "measures": [], "doubts": [],
    }},
    "GET /sets/{name}": {"answer": {"header": "eyJhbGciOiJFZERTQSJ9.e30.c2ln", "added": "A" * 64, "removed": ""}},
}
