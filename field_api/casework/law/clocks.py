"""The clocks themselves, as data.

`is_read`: the text was read. Where it was not, the length is common knowledge of the field, and an installation may
set another. Short periods in days are working days where the law that sets them says so (行政处罚法 85: two, three,
five and seven days; 行政强制法 69: up to ten); all others are calendar days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from field_api.casework.law.calendar import Unit


class Duty(StrEnum):
    """Who must do it in time."""

    OFFICER = "officer"
    AGENCY = "agency"
    CITIZEN = "citizen"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Clock:
    """One limit. on: the thing that it runs on; starts, meets: names of facts, any one of `meets` is enough.

    when, unless: tags that the thing must and must not bear. lapses: what was not done in time falls by itself (a
    measure ends, a right is gone), where otherwise a duty stays broken. not_before: a waiting time, not a limit.
    extension: by how much the one extension may lengthen it. stays: reasons for which time does not count.
    """

    id: str
    zh: str
    en: str
    article: str
    on: str
    unit: Unit
    length: int | Fraction
    starts: str
    meets: tuple[str, ...]
    duty: Duty
    when: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    lapses: bool = False
    not_before: bool = False
    extension: int = 0
    stays: tuple[str, ...] = ()
    is_read: bool = True

    @property
    def is_configurable(self) -> bool:
        """Say whether an installation may set another length: never one that the law was read to say."""
        return not self.is_read


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CASE = (
    Clock(
        "clue_check", "线索核查", "checking a clue", "住建部令55号", "case", Unit.NATURAL_DAY, 15,
        "found", ("opened", "closed", "transferred"), Duty.AGENCY, when=_tags("clue"), extension=10, is_read=False,
    ),
    Clock(
        "transfer_out", "移送有管辖权的部门", "passing a report on", "地方综合执法规定", "case", Unit.WORK_DAY, 7,
        "found", ("transferred",), Duty.AGENCY, when=_tags("out_of_scope"), is_read=False,
    ),
    Clock(
        "file_city", "当场处罚备案", "filing a summary decision", "行政处罚法 52、住建部令55号", "case",
        Unit.WORK_DAY, 3, "decided", ("filed",), Duty.OFFICER, when=_tags("summary city"), is_read=False,
    ),
    Clock(
        "file_police", "简易程序决定备案", "filing a police summary decision", "道交违法处理程序规定 44", "case",
        Unit.WORK_DAY, 2, "decided", ("filed",), Duty.OFFICER, when=_tags("summary police"),
    ),
    Clock(
        "decide", "作出处罚决定", "deciding the case", "行政处罚法 60", "case", Unit.NATURAL_DAY, 90,
        "opened", ("decided", "closed", "transferred"), Duty.AGENCY, when=_tags("general"), extension=30,
        stays=("hearing", "notice", "appraisal"),
    ),
    Clock(
        "serve", "送达处罚决定书", "serving the decision", "行政处罚法 61", "case", Unit.WORK_DAY, 7,
        "decided", ("served",), Duty.AGENCY, when=_tags("penalty"),
    ),
    Clock(
        "pay", "缴纳罚款", "paying the fine", "行政处罚法 67", "case", Unit.NATURAL_DAY, 15,
        "served", ("paid", "revoked"), Duty.CITIZEN, when=_tags("fine"), unless=_tags("deferred"),
    ),
    Clock(
        "review", "申请行政复议", "asking for a review", "行政复议法 20", "case", Unit.NATURAL_DAY, 60,
        "served", ("review_opened",), Duty.CITIZEN, when=_tags("penalty"), lapses=True,
    ),
    Clock(
        "suit", "直接提起行政诉讼", "suing without a review", "行政诉讼法 46", "case", Unit.MONTH, 6,
        "served", ("suit_opened", "review_opened"), Duty.CITIZEN, when=_tags("penalty general"), lapses=True,
        is_read=False,
    ),
    Clock(
        "suit_after_review", "复议后提起诉讼", "suing after a review", "行政诉讼法 45", "case", Unit.NATURAL_DAY, 15,
        "review_closed", ("suit_opened",), Duty.CITIZEN, lapses=True, is_read=False,
    ),
    Clock(
        "hearing_request", "要求听证", "asking for a hearing", "行政处罚法 64", "case", Unit.WORK_DAY, 5,
        "hearing_offered", ("hearing_requested", "hearing_waived"), Duty.CITIZEN, lapses=True,
    ),
    Clock(
        "hearing_notice", "听证通知提前期", "notice before a hearing", "行政处罚法 64", "case", Unit.WORK_DAY, 7,
        "hearing_notified", ("hearing_held",), Duty.AGENCY, not_before=True,
    ),
    Clock(
        "publish", "公示处罚决定", "publishing the decision", "行政处罚法 48、住建部令55号 10", "case",
        Unit.WORK_DAY, 7, "decided", ("published",), Duty.AGENCY, when=_tags("public penalty"), is_read=False,
    ),
    Clock(
        "withdraw", "撤回已公示的决定", "withdrawing a published decision", "行政处罚法 48", "case", Unit.WORK_DAY, 3,
        "revoked", ("withdrawn",), Duty.AGENCY, when=_tags("public"),
    ),
    Clock(
        "enforce_wait", "加处罚款后强制执行", "enforcing after the late fee", "行政强制法 46", "case",
        Unit.NATURAL_DAY, 30, "late_from", ("enforced",), Duty.AGENCY, not_before=True,
    ),
    Clock(
        "court_wait", "催告后申请法院", "waiting after the demand", "行政强制法 54", "case", Unit.WORK_DAY, 10,
        "demanded", ("court_applied",), Duty.AGENCY, not_before=True,
    ),
    Clock(
        "court_apply", "申请法院强制执行", "applying to the court", "行政强制法 53", "case", Unit.MONTH, 3,
        "remedies_ended", ("court_applied", "paid", "revoked"), Duty.AGENCY, when=_tags("fine"), lapses=True,
    ),
)  # fmt: skip
_PAYMENT = (
    Clock(
        "hand_in", "当场收缴罚款上交", "handing in cash", "行政处罚法 71", "payment", Unit.WORK_DAY, 2,
        "collected", ("handed_in",), Duty.OFFICER, when=_tags("cash"),
    ),
    Clock(
        "bank_in", "罚款缴付银行", "banking the cash", "行政处罚法 71", "payment", Unit.WORK_DAY, 2,
        "handed_in", ("banked",), Duty.AGENCY, when=_tags("cash"),
    ),
)  # fmt: skip
_POLICE = "道交违法处理程序规定"
_MEASURE = (
    Clock(
        "register_evidence", "先行登记保存处理", "deciding on registered evidence", "行政处罚法 56", "measure",
        Unit.WORK_DAY, 7, "begun", ("disposed", "lifted"), Duty.AGENCY, when=_tags("register_evidence"), lapses=True,
    ),
    Clock(
        "seizure", "查封扣押期限", "term of a seizure", "行政强制法 25", "measure", Unit.NATURAL_DAY, 30,
        "begun", ("lifted", "disposed"), Duty.AGENCY, when=_tags("seizure"), lapses=True, extension=30,
        stays=("testing",),
    ),
    Clock(
        "late_approval", "当场强制补办批准", "late approval of an urgent measure", "行政强制法 19", "measure",
        Unit.URGENT_HOUR, 24, "begun", ("approved", "lifted"), Duty.OFFICER, when=_tags("urgent"),
    ),
    Clock(
        "police_report", "强制措施报告补批", "reporting a police measure", f"{_POLICE} 25", "measure",
        Unit.URGENT_HOUR, 24, "begun", ("approved", "lifted"), Duty.OFFICER, when=_tags("police"),
        unless=_tags("urgent"),
    ),
    Clock(
        "deliver", "车辆证件移交", "delivering the vehicle or licence", f"{_POLICE} 28、32", "measure",
        Unit.URGENT_HOUR, 24, "begun", ("delivered", "lifted"), Duty.OFFICER, when=_tags("held"),
    ),
    Clock(
        "come", "当事人接受处理", "coming for processing", f"{_POLICE} 26", "measure", Unit.NATURAL_DAY, 15,
        "begun", ("appeared", "lifted"), Duty.CITIZEN, when=_tags("police"),
    ),
    Clock(
        "return_check", "退还车辆核实", "checking before a return", _POLICE, "measure", Unit.NATURAL_DAY, 10,
        "proved", ("lifted",), Duty.AGENCY, when=_tags("held"), extension=5,
    ),
    Clock(
        "police_notice", "处理通知书备案", "filing a notice to process", f"{_POLICE} 28", "notice",
        Unit.URGENT_HOUR, 24, "issued", ("filed",), Duty.OFFICER, when=_tags("police"),
    ),
    Clock(
        "police_decide", "到案后作出决定", "deciding once the party came", _POLICE, "notice",
        Unit.URGENT_HOUR, 24, "appeared", ("decided",), Duty.OFFICER, when=_tags("police"),
    ),
)  # fmt: skip
_STAGE = "数字城管时限(地方)"
_TASK = (
    Clock(
        "centre_accept", "受理", "accepting a report", _STAGE, "task", Unit.URGENT_HOUR, Fraction(1, 4),
        "reported", ("accepted",), Duty.CENTRE, stays=("verifying",), is_read=False,
    ),
    Clock(
        "centre_dispatch", "派遣", "dispatching", _STAGE, "task", Unit.URGENT_HOUR, Fraction(1, 4),
        "accepted", ("dispatched",), Duty.CENTRE, is_read=False,
    ),
    Clock(
        "centre_check", "核实核查", "verifying and checking", _STAGE, "task", Unit.URGENT_HOUR, Fraction(1, 2),
        "check_asked", ("checked",), Duty.CENTRE, is_read=False,
    ),
)  # fmt: skip
CLOCKS: Mapping[str, Clock] = {one.id: one for one in (*_CASE, *_PAYMENT, *_MEASURE, *_TASK)}
