"""What clocks, remedies and the ledger are called, for people: Chinese, then English."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, tuple[str, str]]

STATES: Words = {
    "open": ("进行中", "running"),
    "met": ("按期", "in time"),
    "missed": ("逾期", "late"),
    "lapsed": ("期满失效", "lapsed"),
}
LIGHTS: Words = {
    "green": ("绿灯", "green"),
    "yellow": ("黄灯:将到期", "yellow: nearly over"),
    "red": ("红灯:已逾期", "red: over"),
}
DUTIES: Words = {
    "officer": ("执法人员", "officer"),
    "agency": ("执法机关", "agency"),
    "citizen": ("当事人", "party"),
    "centre": ("数字城管中心", "centre"),
}
PROVISIONAL = ("放假安排未公布，期限待定", "provisional: the year's holidays are not published")
REMEDIES: Words = {"review": ("行政复议", "administrative review"), "suit": ("行政诉讼", "suit")}
RESULTS: Words = {
    "upheld": ("维持", "upheld"),
    "changed": ("变更", "changed"),
    "revoked": ("撤销", "revoked"),
    "withdrawn": ("撤回申请", "withdrawn"),
    "settled": ("调解结案", "settled"),
}
ACCOUNTS: Words = {
    "officer": ("人员持有现金", "cash with the officer"),
    "agency": ("机关现金", "cash at the agency"),
    "bank": ("已缴银行", "at the bank"),
    "fines": ("罚款", "fines"),
    "refunds": ("应退还", "owed back"),
}
TRANSACTIONS: Words = {
    "collection": ("当场收缴", "collected on the spot"),
    "hand_in": ("上交", "handed in"),
    "banking": ("缴存", "banked"),
    "reversal": ("冲销", "taken back"),
}
