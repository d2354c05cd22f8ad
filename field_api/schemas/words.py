"""What the API page says in Chinese of each call; the English stands beside the code that serves it."""

from __future__ import annotations

TAGS = {
    "identity": ("终端与登录", "Terminals and signing in"),
    "sync": ("同步", "Sync"),
    "evidence": ("照片", "Evidence"),
    "review": ("审核", "Review"),
    "service": ("服务", "The service itself"),
    "other": ("其他", "Other"),
    "later": ("尚未提供", "Not there yet"),
}
SUMMARIES_ZH = {
    "POST /terminals": "登记终端",
    "POST /terminals/{terminal}/revocation": "停用终端",
    "POST /officers/{officer}/disabling": "停用人员账号",
    "POST /tokens/challenges": "索取待签名的随机数",
    "POST /tokens": "登录或续期",
    "DELETE /tokens/current": "退出登录",
    "GET /sync/hello": "打招呼：时钟、限额与数据版本",
    "GET /sync/schema": "记录类型、代码表与规则",
    "POST /sync/push": "上传一批操作",
    "POST /sync/pull": "接收变更",
    "GET /conflicts": "冲突，先来的在前",
    "POST /conflicts/{conflict}/resolution": "处理一项冲突",
    "GET /quarantine": "无法执行而原样保存的操作",
    "POST /evidence/{evidence}/reviews": "照片审核：通过、退回或不合格",
    "POST /cases/{case}/reviews": "案件审核：通过或退回中队",
    "GET /openapi.json": "本接口的 OpenAPI 文档",
    "GET /docs": "接口说明页",
    "GET /docs.css": "接口说明页的样式",
    "POST /sync/repair": "按桶修复本地记录",
    "POST /sync/import": "导入密封的离线包",
    "POST /quarantine/{operation}/replay": "修正隔离的操作后重放",
    "POST /quarantine/{operation}/dismissal": "关闭隔离的操作",
    "POST /number-blocks": "领取文书号段",
    "POST /number-blocks/{block}/return": "交回文书号段",
    "GET /cases/{case}/bundle": "案卷证据包",
    "POST /centre/events": "接收数字城管中心的事件",
}
