"""The console's words for what law asks of records: key → (Chinese, English)."""

from __future__ import annotations

from collections.abc import Mapping

LAW_WORDS: Mapping[str, tuple[str, str]] = {
    "field.procedure": ("程序", "Procedure"),
    "field.subject": ("执法主体", "Enforcing body"),
    "field.violations": ("案由", "Violations"),
    "field.penalty_kinds": ("处罚种类", "Penalties"),
    "field.discretion": ("裁量", "Discretion"),
    "field.no_penalty_reason": ("不予处罚理由", "Why no penalty"),
    "field.officers": ("办案人员", "Officers"),
    "field.disputed": ("当事人有异议", "Contested"),
    "field.rule_set": ("规则版本", "Rules"),
    "field.statements": ("告知与陈述", "Statements"),
    "field.signatures": ("签名", "Signatures"),
    "field.payments": ("缴款", "Payments"),
}
