"""What the morning page says, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping

MORNING_WORDS: Mapping[str, tuple[str, str]] = {
    "nav.morning": ("早会", "Morning"),
    "nav.registers": ("台账", "Registers"),
    "morning.title": ("早会", "Morning page"),
    "morning.lead": (
        "今天先办什么：逾期、将到期、失联和未上传的，以及等人处理的。",
        "What comes first today: overdue, near its limit, silent or unsent, and what waits for a person.",
    ),
    "morning.at": ("截至 {time}", "as of {time}"),
    "morning.rest": ("还有 {count} 项，全部显示", "{count} more: show all"),
    "morning.whole": ("返回全部栏目", "Back to all parts"),
    "morning.over": ("已逾期", "Overdue"),
    "morning.over.none": ("没有逾期的事项。", "Nothing is overdue."),
    "morning.near": ("将到期（已用五分之四）", "Near its limit (four fifths used)"),
    "morning.near.none": ("没有将到期的事项。", "Nothing is near its limit."),
    "morning.lapsing": ("即将失效的措施", "Measures about to lapse"),
    "morning.lapsing.none": ("没有即将失效的措施。", "No measure is about to lapse."),
    "morning.calls": ("未结束的呼叫", "Open calls"),
    "morning.calls.none": ("没有未响应的呼叫。", "No call is open."),
    "morning.defects": ("程序瑕疵", "Procedure defects"),
    "morning.defects.none": ("没有未处理的程序瑕疵。", "No defect is open."),
    "morning.terminals": ("失联或有未上传内容的终端", "Terminals silent, or with work unsent"),
    "morning.terminals.none": ("终端都按时联系，没有未上传的内容。", "Every terminal reports, and none holds work."),
    "morning.alerts": ("警报", "Alerts"),
    "morning.alerts.none": ("没有警报。", "No alert is open."),
    "morning.to_bank": ("待缴银行的罚款", "Fines to be banked"),
    "morning.to_bank.none": ("没有待缴银行的罚款。", "Nothing waits to be banked."),
    "morning.waiting": ("等人处理", "Waiting for a person"),
    "morning.conflicts": ("冲突 {count}", "Conflicts: {count}"),
    "morning.held": ("报送待处理 {count}", "Deliveries held: {count}"),
    "morning.quarantined": ("隔离区 {count}", "In quarantine: {count}"),
    "morning.waiting.none": ("没有等人处理的冲突、报送或隔离操作。", "No conflict, delivery or operation waits."),
    "morning.due": ("期限 {time}", "due {time}"),
    "morning.stayed": ("中止计算", "stayed"),
    "morning.no_case": ("不属于案件的措施", "a measure without a case"),
    "morning.unsent": ("约 {count} 项未上传", "about {count} unsent"),
    "morning.silent_since": ("上次联系 {time}", "last heard of {time}"),
    "morning.handed_in": ("上交 {time}", "handed in {time}"),
}
