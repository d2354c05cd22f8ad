"""What the pages of alerts and of orders to terminals say; the rest stands in `words`."""

from __future__ import annotations

from collections.abc import Mapping

CARE_WORDS: Mapping[str, tuple[str, str]] = {
    "nav.alerts": ("警报", "Alerts"),
    "alerts.title": ("警报", "Alerts"),
    "alerts.lead": (
        "没有人问、但必须有人知道的情况。情况消除后自动解除；“已知悉”只表示有人看过。",
        "What somebody must know. It ends by itself once its cause is gone; “noted” says that a person has read it.",
    ),
    "alerts.empty": ("没有警报。", "There is no alert."),
    "alerts.over": ("最近解除的", "Lately over"),
    "alerts.over_empty": ("最近没有解除的警报。", "No alert has ended lately."),
    "alerts.new": ("未读", "new"),
    "alerts.seen": ("已知悉：{name}", "noted by {name}"),
    "alerts.mark": ("已知悉", "Note it"),
    "alerts.mark_event": ("已知悉并解除", "Note it and end it"),
    "alerts.raised": ("发生", "Raised"),
    "alerts.last": ("最近变化", "Last changed"),
    "alerts.cleared": ("解除", "Over"),
    "alerts.officer": ("人员", "Officer"),
    "alerts.terminal": ("终端", "Terminal"),
    "alerts.since": ("自", "Since"),
    "alerts.look": ("去处理", "Look into it"),
    "alert.terminal_silent": ("终端失联，至少 {count} 条未发送", "A terminal is silent with at least {count} unsent"),
    "alert.write_once_changed": (
        "只能写一次的内容被改动：{count} 项操作",
        "A field that is written once was contradicted: {count} operations",
    ),
    "alert.parked_overdue": ("等待超过一天：{count} 项操作", "Waiting for more than a day: {count} operations"),
    "alert.number_reused": (
        "操作编号被重复使用：{count} 项，终端可能被复制",
        "Operation numbers were used again: {count}; the terminal may have been cloned",
    ),
    "alert.deadline_near": ("期限将到：{count} 项", "Limits are nearly reached: {count}"),
    "alert.deadline_missed": ("已超期限：{count} 项", "Limits are over: {count}"),
    "alert.receipt_reused": ("票据号重复：{count} 张", "A receipt's number came twice: {count}"),
    "alert.measure_lapsed": ("强制措施或登记保存到期自动解除", "A measure has lapsed by itself"),
    "alert.call_open": ("有人请求支援或受阻碍，尚无人响应", "A call from the street is unanswered"),
    "alert.papers_kept": ("交警简易处罚后未退还证件（R25）", "Papers were kept after a police summary penalty (R25)"),
    "alert.release_unsigned": ("车辆未经双方会签即放行", "A vehicle was released without both signatures"),
    "alert.todo.call_open": (
        "立即派员支援并与其联系；有人响应后自动解除。",
        "Send help and call them at once; it ends when somebody answers.",
    ),
    "alert.todo.papers_kept": (
        "立即退还证件并放行；补记“退还证件”后自动解除。",
        "Return the papers and let go at once; it ends when the return is on record.",
    ),
    "alert.todo.release_unsigned": (
        "请未签一方补签并说明原因。",
        "Have the side that did not sign do so, and say why it came late.",
    ),
    "alert.todo.deadline_near": (
        "请在期限前办理：备案、上交、送达、批准或解除。",
        "See to it in time: filing, handing in, service, approval or release.",
    ),
    "alert.todo.deadline_missed": (
        "立即补办并说明原因；期限从行为发生时起算。",
        "Make it good at once and say why; the limit runs from the act itself.",
    ),
    "alert.todo.receipt_reused": (
        "两笔缴款用了同一票据号。请核对存根，查明哪一张有误。",
        "Two payments bear one receipt number. Compare the stubs and find out which is wrong.",
    ),
    "alert.todo.measure_lapsed": (
        "到期未作决定，措施已自动解除。请立即通知当事人并返还物品。",
        "No decision came in time, so it ended. Tell the party and return the goods at once.",
    ),
    "alert.document_number": (
        "文书编号有误：{count} 个（R10）",
        "Documents bear numbers that they may not: {count} (R10)",
    ),
    "alert.todo.terminal_silent": (
        "联系最后登录的人员，让终端联网同步，防止内容丢失。",
        "Call who signed in last and have the terminal sync before its work is lost.",
    ),
    "alert.todo.write_once_changed": (
        "原值保留。请在隔离区比对并查明原因：可能是程序错误，也可能有人篡改证据。",
        "The first value stands. Compare the two in the quarantine and find out why: a fault, or tampering.",
    ),
    "alert.todo.parked_overdue": (
        "请在隔离区页面下方查看缺什么、由谁补发。",
        "The quarantine's page lists below what is missing and who must send it.",
    ),
    "alert.todo.number_reused": (
        "两套本地库共用一个身份，两边的操作都已保留。请查明后重新登记该终端。",
        "Two stores share one identity; both sets of operations are kept. Find out, then enrol the terminal anew.",
    ),
    "alert.todo.document_number": (
        "文书已送达，不退回。请核对号段去向，由法制人员决定如何更正。",
        "What was served stands. Look at the account of the blocks; the legal officer decides how it is corrected.",
    ),
    "done.seen": ("已记下。", "Noted."),
    "done.wipe_ordered": ("已下达清空命令，终端下次联系时执行。", "Ordered. The terminal obeys at its next word."),
    "health.others": ("也在使用", "Also in use by"),
    "health.kept": ("未生效 {count}", "not applied: {count}"),
    "health.wipe": ("清空…", "Wipe…"),
    "health.wipe_lead": (
        "终端下次联系时删除其上的全部案件、照片和未清理的操作，并退出登录。不能撤回。",
        "At its next word the terminal deletes all its cases, photos and operations and signs out. No way back.",
    ),
    "health.wipe_after": ("先上传未发送的内容，再清空", "Once everything unsent has arrived"),
    "health.wipe_now": ("立即清空，未发送的内容将丢失", "At once: what is unsent is lost"),
    "health.wipe_confirm": ("我确认清空终端 {terminal}", "I confirm that terminal {terminal} is to be wiped"),
    "health.wipe_submit": ("清空终端", "Wipe the terminal"),
    "health.wipe_ordered": ("清空命令", "Wipe ordered"),
    "health.wipe_done": ("已清空", "Wiped"),
    "health.wipe_waits": ("待终端清空", "wipe ordered"),
    "health.wipe_how_after": ("先上传", "after push"),
    "health.wipe_how_now": ("立即", "at once"),
}
