"""The catalogue of problems: every error that a caller can see, once, in Chinese and English.

Nothing else in the application knows a status code of an error. RFC 9457; the table of `retry` is the
protocol's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Retry = str


@dataclass(frozen=True, slots=True)
class Kind:
    """One code: how a client must react, and what a person reads."""

    code: str
    status: int
    retry: Retry
    zh: str
    en: str
    todo_zh: str
    todo_en: str


def _kind(code: str, status: int, retry: Retry, zh: str, en: str, todo_zh: str, todo_en: str) -> Kind:
    return Kind(code, status, retry, zh, en, todo_zh, todo_en)


_K = [
    _kind("malformed_body", 400, "fix", "请求内容无法读懂", "The body cannot be read",
          "这是程序错误：请将此请求交管理员。",
          "This is a fault of the program: show this request to the administrator."),
    _kind("body_damaged", 400, "later", "请求内容在途中损坏", "The body was damaged on its way",
          "原样再发一次即可。", "Send the same again."),
    _kind("envelope_invalid", 422, "fix", "批次的外层不合规定", "The batch's envelope is not as agreed",
          "这是程序错误：请看 errors 所指之处。",
          "This is a fault of the program: see the places in errors."),
    _kind("invalid_field", 422, "fix", "有字段填写不正确", "A field is not valid",
          "请按 errors 所指改正后再发。", "Correct what errors points at and send again."),
    _kind("unsupported_encoding", 415, "fix", "不支持这种内容编码", "This content encoding is not supported",
          "请用 gzip、zstd 或不压缩。", "Use gzip, zstd or none."),
    _kind("unsupported_media", 415, "fix", "不支持这种内容类型", "This content type is not supported",
          "请按接口说明发送。", "Send what the API page describes."),
    _kind("not_found", 404, "fix", "没有找到", "Not found",
          "请核对编号；可能不在您的范围内。", "Check the id; it may lie outside your scope."),
    _kind("method_not_allowed", 405, "fix", "此处不接受这种操作", "This method is not allowed here",
          "请查看接口说明。", "See the API page."),
    _kind("batch_too_large", 413, "split", "一次发送得太多", "The batch is too large",
          "请分成两半再发。", "Halve it and send again."),
    _kind("token_missing", 401, "login", "尚未登录", "You are not signed in",
          "请登录；未同步的内容仍在。", "Sign in; what is unsent is kept."),
    _kind("token_expired", 401, "login", "登录已过期", "The sign-in has expired",
          "请重新登录；未同步的内容仍在。", "Sign in again; what is unsent is kept."),
    _kind("token_revoked", 401, "login", "登录已作废", "The sign-in was revoked",
          "请重新登录；未同步的内容仍在。", "Sign in again; what is unsent is kept."),
    _kind("credentials_wrong", 401, "login", "账号、密码或终端签名不对",
          "Name, password or terminal signature is wrong",
          "请重新输入；多次失败请找管理员。", "Try again; if it keeps failing ask the administrator."),
    _kind("terminal_revoked", 403, "stop", "此终端已停用", "This terminal was revoked",
          "请交回终端，未同步的内容会被保留。", "Hand the terminal in; what is unsent is kept."),
    _kind("officer_disabled", 403, "stop", "此账号已停用", "This officer's account is disabled",
          "请联系管理员。", "Ask the administrator."),
    _kind("not_permitted", 403, "stop", "您的岗位不能做这件事", "Your role may not do this",
          "请由有权限的人员办理。", "Somebody with the right must do it."),
    _kind("out_of_scope", 403, "stop", "不在您的管辖范围内", "This lies outside your scope",
          "请由该单位的人员办理。", "Somebody of that unit must do it."),
    _kind("csrf_failed", 403, "stop", "页面已过期或请求来源不对",
          "The page is out of date or the request came from elsewhere",
          "请刷新页面后再试。", "Reload the page and try again."),
    _kind("schema_too_old", 426, "stop", "终端程序过旧", "The terminal's program is too old",
          "请更新程序；未同步的内容仍在。", "Update it; what is unsent is kept."),
    _kind("cursor_expired", 410, "resync", "同步位置已失效", "The cursor has expired",
          "终端会从头拉取，未同步的内容不受影响。", "The terminal pulls afresh; what is unsent is kept."),
    _kind("cursor_invalid", 409, "resync", "同步位置不是本机所发", "The cursor is not one of ours",
          "终端会从头拉取，未同步的内容不受影响。", "The terminal pulls afresh; what is unsent is kept."),
    _kind("push_in_flight", 429, "later", "上一次同步还在进行", "Another push of this terminal is under way",
          "请稍候。", "Wait a moment."),
    _kind("export_invalid", 422, "fix", "不是有效的离线包", "This is not a valid sealed export",
          "请从终端重新导出；文件被改动、终端未登记或签名不符时不能导入。",
          "Export it from the terminal again: the file was changed, or none of ours signed it."),
    _kind("too_many_requests", 429, "later", "请求太频繁", "Too many requests",
          "请稍候。", "Wait a moment."),
    _kind("unavailable", 503, "later", "服务暂时不可用", "The service is unavailable for the moment",
          "会自动再试；没有内容丢失。", "It is tried again; nothing is lost."),
    _kind("storage_full", 507, "later", "服务器空间不足", "The server's storage is full",
          "请通知管理员；内容仍在终端。", "Tell the administrator; everything is kept on the terminal."),
    _kind("enrolment_invalid", 403, "stop", "登记码无效或已过期",
          "The enrolment code is invalid or has expired",
          "请向管理员要新的登记码。", "Ask the administrator for a new one."),
    _kind("not_implemented", 501, "fix", "此功能尚未提供", "This feature is not there yet",
          "请看 README 的状态一节。", "See the status section of the README."),
    _kind("internal_error", 500, "later", "服务器内部出错", "Something failed inside the server",
          "会自动再试；请把请求编号告诉管理员。",
          "It is tried again; tell the administrator the request id."),
    # On operations. Their status is used where a call carries one operation only.
    _kind("unknown_type", 422, "fix", "没有这种记录", "There is no such record type",
          "请更新程序后重放。", "Update the program and replay."),
    _kind("unknown_schema", 422, "fix", "不认识这一数据版本", "This schema number is not known",
          "请更新服务器后重放。", "Update the server and replay."),
    _kind("unknown_record", 422, "fix", "服务器上还没有这条记录", "The server does not hold this record yet",
          "其上级记录到达后由人重放。", "A person replays it once its parent has arrived."),
    _kind("unknown_event", 422, "fix", "没有这种状态变更", "There is no such event",
          "请更新程序后重放。", "Update the program and replay."),
    _kind("record_exists", 409, "fix", "同一编号的记录已存在且内容不同", "Another record has this id already",
          "请审核人员比对后处理。", "A supervisor compares the two."),
    _kind("operation_id_reused", 409, "fix", "同一操作编号带着不同内容",
          "This operation id came with another content before",
          "请审核人员比对后处理。", "A supervisor compares the two."),
    _kind("write_once_changed", 409, "fix", "只能写一次的内容被改动",
          "A field that is written once was changed",
          "原值保留；请审核人员查明。", "The first value stands; a supervisor looks into it."),
    _kind("group_incomplete", 409, "fix", "同组操作不齐", "The group of operations is not complete",
          "组内另一操作未能执行，处理该操作后全组一并执行。",
          "Another of the group could not be applied; once it can, all are."),
    _kind("cycle", 422, "fix", "操作互相等待", "The operations wait for each other",
          "请审核人员处理。", "A supervisor must settle it."),
    _kind("text_not_storable", 422, "fix", "文字里有无法保存的字符",
          "The text holds characters that cannot be stored",
          "请删去后再保存。", "Remove them and save again."),
    # Documents.
    _kind("document_incomplete", 409, "fix", "文书缺少法定内容，不能出具",
          "The document lacks what the law wants in it",
          "请按 errors 所列补齐后再出具；机关名称等由管理员配置。",
          "Supply what errors lists; the authority's name is the administrator's to configure."),
    _kind("document_form_unknown", 409, "fix", "没有适用于该日期的文书格式",
          "There is no form of this document for its day",
          "请核对文书种类和日期。", "Check its type and its date."),
    # Uploads.
    _kind("upload_offset_wrong", 409, "later", "续传位置不对", "The upload's offset is another",
          "请先询问当前位置再续传。", "Ask for the offset, then go on from there."),
    _kind("upload_busy", 423, "later", "此文件正在接收", "This upload is being written by another request",
          "请稍候。", "Wait a moment."),
    _kind("upload_too_long", 413, "fix", "发来的比宣布的长", "More bytes came than were announced",
          "请核对文件。", "Check the file."),
    _kind("upload_gone", 410, "later", "此次上传已过期或取消", "This upload has expired or was ended",
          "请重新建立上传。", "Create the upload again."),
    _kind("upload_complete", 409, "fix", "已收齐的照片不能取消", "A finished upload cannot be ended",
          "照片已是证据，不能这样删除。", "The photo is evidence by now; it is not deleted this way."),
    _kind("key_reused", 422, "fix", "此幂等键已用于另一张照片", "This idempotency key was used for another photo",
          "这是程序错误：请为每张照片另取一个键。",
          "This is a fault of the program: take a new key for each photo."),
    _kind("checksum_mismatch", 460, "later", "这一段在途中损坏", "This chunk was damaged on its way",
          "已丢弃，请再发这一段。", "It was dropped; send it again."),
    _kind("digest_mismatch", 409, "later", "文件与登记的摘要不符",
          "The file is not the one that was announced",
          "已另行保存，请从原件再传。", "It was set aside; send the original again."),
    _kind("not_a_photo", 422, "fix", "这不是可读的照片", "This is not a readable photo",
          "文件已原样保存，请审核人员查看。", "The file is kept as it came; a supervisor looks at it."),
    _kind("protocol_version", 412, "fix", "上传协议版本不符", "The upload protocol version is not supported",
          "请更新程序。", "Update the program."),
    _kind("own_case", 403, "stop", "不能审核自己办理的案件", "One's own case cannot be reviewed",
          "请由其他审核人员办理。", "Another supervisor must do it."),
    _kind("evidence_not_ready", 409, "fix", "照片未核对或签名不符", "The photo is not verified, or signed wrongly",
          "请等照片到齐；签名不符的请退回重拍。", "Wait for its bytes; return one whose signature does not hold."),
    _kind("not_quarantined", 409, "fix", "此操作已不在隔离区", "This operation no longer waits for a person",
          "请刷新查看结果。", "Reload to see what became of it."),
    _kind("conflicts_open", 409, "fix", "案件还有未处理的冲突", "The case has conflicts that nobody has settled",
          "请先处理冲突。", "Settle them first."),
    _kind("case_not_closed", 409, "fix", "案件尚未结案", "The case is not closed yet",
          "结案后再审核通过；需要补充的可以退回。", "Pass it once its unit has closed it; it may be returned before."),
    _kind("step_not_open", 409, "fix", "当前状态不能办理这一步", "This step cannot be taken as things stand",
          "请刷新查看当前状态。", "Reload to see how things stand."),
    _kind("term_over", 409, "fix", "期限届满后不得延长（R22）", "The term is over and can not be extended (R22)",
          "请立即解除并返还。", "Lift the measure and return what was taken at once."),
    _kind("signoffs_missing", 409, "fix", "会签未完成，不能放行", "Not both sides have signed for the release",
          "请由 errors 所列一方先会签。", "The side named in errors must sign first."),
    _kind("changed_meanwhile", 409, "fix", "您查看之后内容又有改动", "It was changed after you looked at it",
          "请刷新，看过新内容再作决定。", "Reload, look at what is new, and decide again."),
    _kind("already_merged", 409, "fix", "此当事人已合并", "This party was merged already",
          "请刷新，从合并后的当事人继续。", "Reload, and go on from the party it was merged into."),
    _kind("already_resolved", 409, "fix", "此冲突已有处理结果", "This conflict was settled already",
          "请刷新查看结果。", "Reload to see how."),
    _kind("amount_differs", 409, "fix", "金额与所列各笔之和不符", "The amount is not the sum of what is listed",
          "请逐笔核对收据与现金。", "Compare receipts and cash one by one."),
    _kind("cash_moved", 409, "fix", "款项已上交、缴存或冲销", "This cash was handed in, banked or taken back already",
          "请刷新后按现状办理。", "Reload and go on from how it stands."),
    # Blocks of document numbers.
    _kind("numbers_unaccounted", 409, "fix", "此终端手中未交代的文书编号过多",
          "This terminal holds too many numbers that nobody has accounted for",
          "请先交回已用完或不用的号段。", "Return the blocks that are used up or not needed first."),
    _kind("lease_invalid", 409, "fix", "号段凭证无效或不属于此终端",
          "The lease of this block is not this terminal's, or does not hold",
          "请停用此号段，另领新号段。", "Stop using this block and lease another."),
    _kind("block_closed", 409, "fix", "此号段已另行交代", "This block was accounted for otherwise before",
          "以先交的为准；请审核人员查明。", "The first account stands; a supervisor looks into it."),
]  # fmt: skip

CATALOGUE: dict[str, Kind] = {kind.code: kind for kind in _K}


class Problem(Exception):
    """Raised anywhere in the application; `endpoint` turns it into problem+json.

    errors: `[{"pointer", "code", "message"}]`, pointers being RFC 6901.
    keeps: what the transaction wrote before the problem is committed (a counted attempt, a revocation).
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[dict[str, str]] = (),
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
        keeps: bool = False,
    ) -> None:
        super().__init__(detail or code)
        self.kind = CATALOGUE[code]
        self.detail = detail
        self.errors = list(errors)
        self.retry_after_s = retry_after_s
        self.headers = headers or {}
        self.extra = extra or {}
        self.keeps = keeps


def document(problem: Problem, language: str, request_id: str) -> dict[str, Any]:
    """The RFC 9457 body of a problem, in `zh` or `en`."""
    kind = problem.kind
    zh = language == "zh"
    body: dict[str, Any] = {
        "type": f"/problems/{kind.code}",
        "title": kind.zh if zh else kind.en,
        "status": kind.status,
        "detail": problem.detail or (kind.todo_zh if zh else kind.todo_en),
        "instance": request_id,
        "code": kind.code,
        "retry": kind.retry,
    }
    if problem.errors:
        body["errors"] = [one | {"message": in_language(one["message"], language)} for one in problem.errors]
    return body | problem.extra


def in_language(message: str, language: str) -> str:
    """One half of a message that is kept in both languages, `中文 · English`."""
    zh, both, en = message.partition(" · ")
    return en if both and language == "en" else zh
