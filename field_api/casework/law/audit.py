"""Does a case's file hold together? Completeness and consistency across its documents (案卷评查).

Pure: bodies of records in, a report out; it knows no database and no clock. What law forbids is the rules' matter
(`rules`); this asks what a reader of the finished file asks: is everything there, does it agree with itself.
Source: 行政处罚法 42–71; 城管执法文书规则 49–56; data dictionary B.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = Mapping[str, Any]
Defects = list[tuple[str, str]]
DECISIONS = frozenset({"D07", "D17"})
ORDERS = frozenset({"D03", "D04"})
FULL = 100


@dataclass(frozen=True, slots=True)
class File:
    """The bodies of a case and of what hangs on it; ids of officers by their names in `officers`."""

    case: Body
    evidence: Sequence[Body] = ()
    measures: Sequence[Body] = ()
    proceedings: Sequence[Body] = ()

    def elements(self, name: str) -> list[Body]:
        """The elements of a list, of the case and then of its proceedings, without those that were voided."""
        lists = [body.get(name) or () for body in (self.case, *self.proceedings)]
        return [one for entries in lists for one in entries if not one.get("void")]

    @property
    def is_general(self) -> bool:
        return bool(self.proceedings)

    @property
    def penalised(self) -> bool:
        """Whether a penalty was decided, in either procedure."""
        return self.decision is not None

    @property
    def decision(self) -> Body | None:
        """The decision that stands: the last that no other replaces."""
        decisions = [one for one in self.elements("documents") if one["type"] in DECISIONS]
        replaced = {one.get("replaces") for one in decisions}
        standing = [one for one in decisions if one["id"] not in replaced]
        return standing[-1] if standing else None


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a file. weight: points that a defect costs. judge: → what is wrong, in Chinese and English."""

    code: str
    zh: str
    en: str
    weight: int
    applies: Callable[[File], bool]
    judge: Callable[[File], Defects]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one check; `defects` empty: it holds."""

    check: Check
    defects: Defects = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """All answers, and the score: a hundred less the weight of each check that failed, never below nought."""

    answers: tuple[Answer, ...]

    @property
    def score(self) -> int:
        return max(0, FULL - sum(one.check.weight for one in self.answers if one.defects))

    @property
    def defects(self) -> list[tuple[str, str, str]]:
        """(code, zh, en) of whatever is wrong."""
        return [(one.check.code, zh, en) for one in self.answers for zh, en in one.defects]


def audit(file: File) -> Report:
    """Put every check that applies to a file."""
    return Report(tuple(Answer(check, check.judge(file)) for check in CHECKS if check.applies(file)))


def _always(_file: File) -> bool:
    return True


def _penalised(file: File) -> bool:
    return file.penalised


def _summary(file: File) -> bool:
    return file.penalised and not file.is_general


def _general(file: File) -> bool:
    return file.is_general


def _measured(file: File) -> bool:
    return bool(file.measures)


def _needs(found: bool, zh: str, en: str) -> Defects:
    return [] if found else [(zh, en)]


def _steps(file: File, *names: str) -> list[Body]:
    return [one for one in file.elements("timeline") if one["step"] in names]


def _statements(file: File, kind: str) -> list[Body]:
    return [one for one in file.elements("statements") if one["kind"] == kind]


def _documents(file: File, types: Iterable[str]) -> list[Body]:
    wanted = frozenset(types)
    return [one for one in file.elements("documents") if one["type"] in wanted]


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _identified(file: File) -> Defects:
    party = file.case.get("party") or {}
    found = _needs(bool(party.get("name")), "没有当事人姓名或名称", "the party has no name")
    number = party.get("uscc") if party.get("kind") == "org" else party.get("id_no") or party.get("uscc")
    return found + _needs(bool(number), "没有当事人证件号码", "the party has no identity number")


def _same_party(file: File) -> Defects:
    name = (file.case.get("party") or {}).get("name")
    printed = [(one, ((one.get("content") or {}).get("party") or {}).get("name")) for one in file.elements("documents")]
    return [
        (f"{one['type']} 上的当事人是“{other}”,案件是“{name}”", f"{one['type']} names {other}, the case {name}")
        for one, other in printed
        if other and name and other != name
    ]


def _in_order(file: File) -> Defects:
    stages = [
        ("发生", "the act", file.case.get("occurred_at")),
        ("告知", "the notice", _first(_statements(file, "notice"))),
        ("陈述申辩或放弃", "the statement", _first([*_statements(file, "statement"), *_statements(file, "waiver")])),
        ("决定", "the decision", file.decision["at"] if file.decision else None),
        ("送达", "service", ((file.decision or {}).get("served") or {}).get("at")),
    ]
    known = [(zh, en, moment) for zh, en, at in stages if (moment := _moment(at)) is not None]
    return [
        (f"“{later[0]}”早于“{earlier[0]}”", f"{later[1]} lies before {earlier[1]}")
        for index, earlier in enumerate(known)
        for later in known[index + 1 :]
        if later[2] < earlier[2]
    ]


def _first(elements: Sequence[Body]) -> str | None:
    return min((one["at"] for one in elements), key=datetime.fromisoformat, default=None)


def _ids_shown(file: File) -> Defects:
    shown = {officer for one in _steps(file, "ids_shown") for officer in one.get("officers") or [one.get("by")]}
    needed = 1 if file.case.get("subject") == "traffic_police" and not file.is_general else 2
    return _needs(
        len(shown) >= needed,
        f"出示证件的人员不足 {needed} 人",
        f"fewer than {needed} officers showed their identity",
    )


def _has_evidence(file: File) -> Defects:
    good = [one for one in file.evidence if one.get("bytes") == "verified" and one.get("review") != "rejected"]
    return _needs(bool(good), "没有可用的证据照片", "no photo stands as evidence")


def _evidence_in_time(file: File) -> Defects:
    decided = _moment(file.decision["at"]) if file.decision else None
    late = [one for one in file.evidence if decided and (at := _moment(one.get("captured_at"))) and at > decided]
    roles = ("handle_after", "receipt", "document", "signature")
    return [
        ("有现场证据拍摄于决定之后", "a photo of the act was taken after the decision")
        for one in late
        if one.get("role") not in roles
    ][:1]


def _noticed(file: File) -> Defects:
    notices = _statements(file, "notice") or _documents(file, {"D09"})
    return _needs(bool(notices), "没有处罚前告知", "no notice before the penalty")


def _heard(file: File) -> Defects:
    spoke, waived = _statements(file, "statement"), _statements(file, "waiver")
    if not spoke and not waived:
        return [("没有陈述申辩,也没有放弃的签名", "neither a statement nor a signed waiver")]
    if spoke and not _statements(file, "recheck"):
        return [("听取陈述申辩后没有复核记录", "a statement was made, but not checked")]
    signed = {one["id"] for one in file.elements("signatures")}
    unsigned = [one for one in waived if one.get("signature") not in signed]
    return [] if spoke or not unsigned else [("放弃陈述申辩没有签名", "the waiver is not signed")]


def _corrected(file: File) -> Defects:
    found = _steps(file, "correction_ordered") or _documents(file, ORDERS)
    return _needs(bool(found), "没有责令改正的记录", "no order to correct")


def _numbered(file: File) -> Defects:
    numbers = [one["number"] for one in file.elements("documents") if one.get("number")]
    doubled = sorted({one for one in numbers if numbers.count(one) > 1})
    missing = _needs(bool((file.decision or {}).get("number")), "决定书没有编号", "the decision has no number")
    return missing + [(f"编号 {one} 用了不止一次", f"number {one} was used twice") for one in doubled]


def _signed(file: File) -> Defects:
    decision = file.decision or {}
    signatures = [one for one in file.elements("signatures") if one.get("document") in (None, decision.get("id"))]
    party = [one for one in signatures if one["signer"] == "party"]
    refused = [one for one in party if one.get("method") == "refused"]
    served = decision.get("served") or {}
    is_signed = bool(party) or bool(served.get("refused"))
    found = _needs(is_signed, "当事人没有签名,也没有拒签记录", "not signed by the party")
    if refused and not any(one.get("note") for one in refused) and not served.get("note"):
        found.append(("拒签没有注明情况", "the refusal to sign is not explained"))
    officers = {one.get("officer") or one.get("name") for one in signatures if one["signer"] == "officer"}
    needed = 1 if file.case.get("subject") == "traffic_police" else 2
    return found + _needs(len(officers) >= needed, "执法人员签名不足", "too few officers signed")


def _served(file: File) -> Defects:
    decision = file.decision or {}
    served = decision.get("served") or {}
    return _needs(bool(served.get("at")) or bool(_documents(file, {"D26"})), "没有送达记录", "no record of service")


def _amounts_agree(file: File) -> Defects:
    decided = [file.case.get("amount_fen"), *(one.get("amount_fen") for one in file.proceedings)]
    printed = ((file.decision or {}).get("content") or {}).get("amount_fen")
    said = {amount for amount in [*decided[-1:], printed] if amount is not None}
    paid = sum(one["amount_fen"] for one in file.elements("payments") if one["mode"] not in ("late", "waived"))
    found = _needs(len(said) <= 1, "案件与决定书的罚款数额不一致", "case and decision name different amounts")
    return found + _needs(not said or paid <= max(said), "收款多于罚款", "more was collected than was fined")


def _receipts(file: File) -> Defects:
    collected = [one for one in file.elements("payments") if one["mode"] == "on_spot"]
    bare = [one for one in collected if not one.get("receipt_no")]
    return _needs(not bare, "当场收缴没有专用票据号", "money was collected without a receipt's number")


def _basis(file: File) -> Defects:
    basis = file.case.get("legal_basis") or [law for one in file.proceedings for law in one.get("legal_basis") or ()]
    return _needs(bool(basis), "没有写明法律依据", "no legal basis is named")


def _looked_up(file: File) -> Defects:
    found = _needs(bool(_steps(file, "permit_lookup")), "没有查询四定许可", "the permit was not looked up")
    return found + _needs(bool(_steps(file, "history_lookup")), "没有查询违法记录", "earlier acts were not looked up")


def _replaced(file: File) -> Defects:
    known = {one["id"] for one in file.elements("documents")}
    lost = [one for one in file.elements("documents") if one.get("replaces") and one["replaces"] not in known]
    return _needs(not lost, "更正文书所更正的文书不在卷内", "a corrected document is not in the file")


def _measures_whole(file: File) -> Defects:
    found: Defects = []
    for one in file.measures:
        if not one.get("approved_at") and one.get("status") not in ("lifted", "returned"):
            found.append(("强制措施没有批准", "a measure was not approved"))
        if one.get("kind") in ("seal", "seize", "register_evidence") and (one.get("list_copies") or 0) < 2:
            found.append(("清单不足一式二份", "the list was not made in duplicate"))
        if not one.get("goods") and one.get("kind") in ("seize", "register_evidence"):
            found.append(("没有物品清单", "no list of goods"))
    return list(dict.fromkeys(found))


def _proceeding_whole(file: File) -> Defects:
    approvals = [one for one in file.elements("approvals") if one.get("granted")]
    kinds = {one["kind"] for one in approvals}
    found = _needs("filing" in kinds or bool(_documents(file, {"D08"})), "没有立案审批", "no approval to file")
    if file.decision:
        found += _needs(bool(_documents(file, {"D09"})), "没有事先告知书", "no written prior notice")
        reviewed = bool(_documents(file, {"D15"})) or not any(one.get("major") for one in file.proceedings)
        found += _needs(reviewed, "重大案件没有法制审核意见", "a major case without a legal review")
    return found


def _no_penalty_taught(file: File) -> Defects:
    taught = _steps(file, "educate", "persuade", "guide", "warn")
    return _needs(bool(taught), "不予处罚没有教育记录", "no penalty, and nobody was educated")


def _slip(file: File) -> Defects:
    found = _documents(file, {"D05", "D06"}) or _steps(file, "slip_given")
    return _needs(bool(found), "劝导案件没有提示单", "an advised case without a slip")


def _lenient(file: File) -> bool:
    return bool(file.case.get("no_penalty_reason")) and not file.penalised


def _advised(file: File) -> bool:
    return file.case.get("procedure") == "advice"


CHECKS: tuple[Check, ...] = (
    Check("A01", "案件有编号", "the case has a number", 5, _always,
          lambda file: _needs(bool(file.case.get("case_no")), "案件没有编号", "the case has no number")),
    Check("A02", "当事人身份清楚", "the party is identified", 8, _penalised, _identified),
    Check("A03", "各文书当事人一致", "all documents name one party", 10, _always, _same_party),
    Check("A04", "时间先后合理", "dates are in order", 10, _always, _in_order),
    Check("A05", "出示执法证件", "identity was shown", 8, _penalised, _ids_shown),
    Check("A06", "有现场证据", "there is evidence", 10, _penalised, _has_evidence),
    Check("A07", "证据形成于决定之前", "evidence came before the decision", 6, _penalised, _evidence_in_time),
    Check("A08", "处罚前告知", "notice came first", 10, _penalised, _noticed),
    Check("A09", "听取陈述申辩", "the party was heard", 10, _penalised, _heard),
    Check("A10", "责令改正", "correction was ordered", 6, _penalised, _corrected),
    Check("A11", "决定书编号", "the decision is numbered", 6, _penalised, _numbered),
    Check("A12", "签名齐全", "it is signed", 8, _penalised, _signed),
    Check("A13", "送达有据", "it was served", 8, _penalised, _served),
    Check("A14", "金额一致", "amounts agree", 10, _penalised, _amounts_agree),
    Check("A15", "收缴有票据", "money has receipts", 8, _penalised, _receipts),
    Check("A16", "法律依据", "legal basis", 6, _penalised, _basis),
    Check("A17", "查询许可与违法记录", "permit and history looked up", 3, _summary, _looked_up),
    Check("A18", "更正有原件", "what was corrected is there", 4, _always, _replaced),
    Check("A19", "强制措施手续", "measures are whole", 10, _measured, _measures_whole),
    Check("A20", "普通程序手续", "the general procedure is whole", 10, _general, _proceeding_whole),
    Check("A21", "不予处罚有教育", "no penalty with education", 5, _lenient, _no_penalty_taught),
    Check("A22", "劝导有提示单", "advice with a slip", 3, _advised, _slip),
)
