"""What the public page of a paper says; the rest stands in `words`."""

from __future__ import annotations

from collections.abc import Mapping

CHECKING_WORDS: Mapping[str, tuple[str, str]] = {
    "checked.title": ("文书查验", "Check a document"),
    "checked.valid": ("有效", "Valid"),
    "checked.replaced": ("已被更正文书替代", "Replaced by a corrected document"),
    "checked.voided": ("已作废", "Voided"),
    "checked.valid_lead": (
        "本文书由下列机关作出，目前有效。请核对纸上的编号与校验码是否与下面一致。",
        "The authority below made this document, and it stands. Compare number and check code with your paper.",
    ),
    "checked.replaced_lead": (
        "本文书已由另一份文书更正，以更正后的文书为准。",
        "Another document has corrected this one; the later one counts.",
    ),
    "checked.voided_lead": (
        "本文书已作废，不再有效。如有疑问，请联系作出文书的机关。",
        "This document was voided and no longer stands. Ask the authority if in doubt.",
    ),
    "checked.number": ("编号", "Number"),
    "checked.made": ("日期", "Date"),
    "checked.authority": ("作出机关", "Authority"),
    "checked.digest": ("校验码", "Check code"),
    "checked.file": ("电子件摘要（SHA-256）", "Digest of the electronic copy (SHA-256)"),
    "checked.replaced_by": ("更正文书编号", "Number of the corrected document"),
    "checked.none": ("无编号", "none"),
    "checked.unset": ("未配置", "not configured"),
    "checked.privacy": (
        "为保护当事人，本页不显示姓名、地址、事实和金额。编号或者校验码不一致的，可能是伪造文书，请向作出机关核实。",
        "This page names no person, address, fact or amount. If number or code differ, ask the authority.",
    ),
}
