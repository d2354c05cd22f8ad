"""演示数据: one made-up paper of each type, for the documents' pictures and the tests. Nothing here is real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from field_api.casework.documents.authority import Authority

CITY = Authority(
    kind="city",
    name="演示市城市管理行政执法局",
    seal="演示市城市管理行政执法局",
    address="演示市演示区演示大道1号",
    phone="000-12319",
    review="演示市人民政府",
    review_address="演示市演示区市民中心行政复议窗口",
    court="演示区人民法院",
    channel="https://fuyi.example",
    bank="演示银行演示支行",
    account_name="演示市财政局（非税）",
    account_no="0000 0000 0000 0000",
    pay_note="凭编号在银行柜台或者手机银行缴纳",
)
POLICE = Authority(
    kind="police",
    name="演示市公安局交通警察支队",
    seal="演示市公安局交通警察支队",
    address="演示市演示区交警大道1号",
    phone="000-122",
    review="演示市人民政府",
    court="演示区人民法院",
    bank="演示银行演示支行",
    account_name="演示市财政局（非税）",
    account_no="0000 0000 0000 0001",
)
OFFICERS = (
    {"id": "a", "name": "演示执法员甲", "cert_no": "YS-0001"},
    {"id": "b", "name": "演示执法员乙", "cert_no": "YS-0002"},
)
# The two fines of the samples in capitals; the program's own converter is `law/money.py`.
CAPITALS = {10_000: "壹佰元整", 500_000: "伍仟元整"}
MADE_AT = "2026-11-22T15:10:00+08:00"
PERSON = {
    "kind": "individual_business",
    "name": "演示当事人",
    "gender": "女",
    "id_no": "11010519491231002X",
    "phone": "13800000000",
    "address": "演示市演示区演示街道1号",
    "shop_name": "演示果蔬店",
}
ORGANISATION = {
    "kind": "org",
    "name": "演示运输有限公司",
    "uscc": "91350100M000100Y43",
    "legal_rep": "演示负责人",
    "phone": "000-0000000",
    "address": "演示市演示区物流园8号",
}
# type → (facts, content); what is not in them comes from the case below.
CONTENTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    kind: (one["facts"], one["content"])
    for kind, one in orjson.loads(Path(__file__).with_name("paper_contents.json").read_bytes()).items()
}
POLICE_TYPES = frozenset({"D37", "D38", "D39", "D40"})


def case(kind: str = "D07") -> dict[str, Any]:
    """A case's body to which a sample paper of this type belongs."""
    return {
        "case_no": "演示-2026-0001",
        "address": "演示市演示区演示路12号门前人行道",
        "occurred_at": "2026-11-22T14:05:00+08:00",
        "party": PERSON,
        "amount_fen": 10_000,
        "subject": "traffic_police" if kind in POLICE_TYPES else "city_bureau",
        "officers": [one["id"] for one in OFFICERS],
    }


def element(kind: str, at: str = MADE_AT) -> dict[str, Any]:
    """A sample paper of this type, as an element of a case's `documents`."""
    facts, content = CONTENTS[kind]
    made: dict[str, Any] = {
        "id": f"00000000-0000-7000-8000-0000000000{kind[1:]}",
        "type": kind,
        "at": at,
        "number": f"演城{kind}字〔2026〕第0001号",
        "content": dict(content),
        "served": {"mode": "on_site", "at": at, "to": "演示当事人"},
    }
    return made | ({"facts": facts} if facts else {})
