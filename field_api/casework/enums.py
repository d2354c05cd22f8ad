"""The code tables, as terminals show them: name → (code, Chinese, English). Source: data dictionary B.2."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from field_api.casework.procedure_enums import PROCEDURE_ENUMS, Entry


@dataclass(frozen=True, slots=True)
class Category:
    """One small class of events. Source: the event list of the city's standard, 大类 2 + 小类 2 digits."""

    code: str
    major_zh: str
    zh: str
    en: str
    limit: str


def read_categories() -> tuple[Category, ...]:
    """The event categories that ship with the program."""
    text = files("field_api.casework").joinpath("data/event_categories.csv").read_text(encoding="utf-8-sig")
    return tuple(
        Category(
            row["full_code"],
            row["major_zh"],
            row["minor_zh"],
            row["minor_en"],
            row["filing_closing_limit"],
        )
        for row in csv.DictReader(text.splitlines())
    )


CATEGORIES = read_categories()

ENUMS: dict[str, tuple[Entry, ...]] = {
    "category": tuple((one.code, one.zh, one.en) for one in CATEGORIES),
    "source": (
        ("patrol", "采集员巡查", "patrol"),
        ("hotline", "热线", "hotline"),
        ("superior", "上级交办", "superior"),
        ("transfer", "部门移送", "transfer"),
        ("media", "媒体曝光", "media"),
        ("complaint", "群众投诉", "complaint"),
        ("video", "视频监控", "video"),
        ("vehicle_gps", "车载GPS", "vehicle GPS"),
        ("joint", "联合执法", "joint operation"),
        ("self_found", "自查", "self-inspection"),
    ),
    "status": (
        ("draft", "草稿", "draft"),
        ("registered", "已登记", "registered"),
        ("investigating", "取证中", "investigating"),
        ("advised", "已劝导", "advised"),
        ("no_penalty", "不予处罚", "no penalty"),
        ("notified", "已告知", "notified"),
        ("decided", "已决定", "decided"),
        ("served", "已送达", "served"),
        ("paid", "已缴款", "paid"),
        ("filed", "已备案", "filed"),
        ("closed", "已结案", "closed"),
        ("archived", "已归档", "archived"),
        ("converted", "转普通程序", "converted"),
        ("transferred", "已移送", "transferred"),
    ),
    "review": (
        ("none", "未送审", "not under review"),
        ("under_review", "审核中", "under review"),
        ("returned", "退回", "returned"),
        ("passed", "通过", "passed"),
    ),
    "delivery": (
        ("none", "未发送", "not sent"),
        ("waiting", "待发送", "waiting"),
        ("delivering", "发送中", "delivering"),
        ("delivered", "已送达中心", "delivered"),
        ("refused", "被退回", "refused"),
        ("held", "待人工处理", "held"),
    ),
    "evidence_role": (
        ("far", "远景", "far view"),
        ("near", "近景", "near view"),
        ("reference", "参照物", "reference"),
        ("id_card", "证件", "identity card"),
        ("plate", "车牌", "plate"),
        ("vehicle", "车辆", "vehicle"),
        ("spill", "抛撒", "spill"),
        ("document", "文书", "document"),
        ("signature", "签名", "signature"),
        ("handle_before", "处置前", "before handling"),
        ("handle_after", "处置后", "after handling"),
        ("receipt", "票据", "receipt"),
        ("clip", "执法记录", "body camera"),
    ),
    "bytes": (
        ("awaited", "待上传", "awaited"),
        ("received", "已接收", "received"),
        ("verified", "已核对", "verified"),
        ("mismatched", "摘要不符", "mismatched"),
    ),
    "evidence_review": (
        ("pending", "待审", "pending"),
        ("passed", "采用", "passed"),
        ("returned", "退回重拍", "returned"),
        ("rejected", "不采用", "rejected"),
    ),
    "step": (
        ("ids_shown", "出示证件", "identity shown"),
        ("persuade", "说服", "persuaded"),
        ("educate", "教育", "educated"),
        ("guide", "引导", "guided"),
        ("warn", "口头警告", "warned orally"),
        ("permit_lookup", "查询四定许可", "permit looked up"),
        ("correction_ordered", "责令改正", "correction ordered"),
        ("cleared", "当场改正", "cleared on the spot"),
        ("slip_given", "发放温馨提示单", "advisory slip given"),
        ("papers_returned", "退还证件", "papers returned"),
        ("history_lookup", "查询违法记录", "history looked up"),
        ("recusal_asked", "申请回避", "recusal asked"),
        ("recusal_decided", "回避决定", "recusal decided"),
        ("handed_over", "移交", "handed over"),
        ("taken_over", "接收", "taken over"),
        ("centre_refused", "中心退回", "refused by the centre"),
        ("other", "其他", "other"),
    ),
    **PROCEDURE_ENUMS,
    # GA 24.7, 号牌种类.
    "plate_kind": (
        ("01", "大型汽车", "large vehicle"),
        ("02", "小型汽车", "small vehicle"),
        ("03", "使馆汽车", "embassy vehicle"),
        ("04", "领馆汽车", "consulate vehicle"),
        ("05", "境外汽车", "foreign vehicle"),
        ("06", "外籍汽车", "vehicle of a foreigner"),
        ("07", "普通摩托车", "motorcycle"),
        ("08", "轻便摩托车", "light motorcycle"),
        ("13", "低速车", "low-speed vehicle"),
        ("14", "拖拉机", "tractor"),
        ("15", "挂车", "trailer"),
        ("16", "教练汽车", "training vehicle"),
        ("17", "教练摩托车", "training motorcycle"),
        ("20", "临时入境汽车", "vehicle on a temporary entry"),
        ("22", "临时行驶车", "temporary plate"),
        ("23", "警用汽车", "police vehicle"),
        ("24", "警用摩托车", "police motorcycle"),
        ("51", "大型新能源汽车", "large new-energy vehicle"),
        ("52", "小型新能源汽车", "small new-energy vehicle"),
    ),
    "plate_state": (
        ("normal", "正常", "normal"),
        ("none", "无牌", "no plate"),
        ("covered", "遮挡", "covered"),
        ("dirty", "污损", "soiled"),
    ),
    "check_result": (
        ("pass", "合格放行", "passed"),
        ("warned", "口头警告放行", "warned, let go"),
        ("wash_cover", "责令冲洗覆盖后放行", "washed or covered, let go"),
        ("cleaned", "责令清除污染", "ordered to clear the pollution"),
        ("summary_penalty", "当场处罚", "penalised on the spot"),
        ("notice_to_process", "处理通知书", "told to come for processing"),
        ("vehicle_held", "扣留机动车", "vehicle withheld"),
        ("licence_held", "扣留驾驶证", "licence withheld"),
        ("transferred_city", "移交城管立案", "handed to the city unit"),
        ("transferred_police", "移交交警", "handed to the traffic police"),
        ("joint", "联合立案", "filed jointly"),
        ("fled", "逃逸", "fled"),
        ("evidence_only", "仅取证", "evidence only"),
    ),
    "task_kind": (
        ("task", "任务", "task"),
        ("supervise", "督办", "supervision"),
        ("return", "返工", "rework"),
        ("check", "核查", "check"),
        ("correction", "纠正", "correction"),
    ),
    "task_status": (
        ("open", "待接收", "open"),
        ("accepted", "已接收", "accepted"),
        ("answered", "已回复", "answered"),
        ("closed", "已关闭", "closed"),
    ),
    "permit_status": (("valid", "有效", "valid"), ("ended", "终止", "ended")),
}


def label(enum: str, code: str | None, language: str) -> str:
    """A code's word in `zh` or `en`; the code itself where there is none."""
    for known, zh, en in ENUMS[enum]:
        if known == code:
            return zh if language == "zh" else en
    return code or ""
