"""Every code that a push may answer, in words for the officer who stands outside: what happened, what to do.

Pure data, Chinese first. Served to terminals in `/sync/schema`, read by the console, printed in
docs/protocol.md; a test holds all three to the code that gives the codes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from field_api.problems import CATALOGUE


@dataclass(frozen=True, slots=True)
class Word:
    """What happened (`zh`, `en`), and what to do about it (`do_zh`, `do_en`)."""

    zh: str
    en: str
    do_zh: str
    do_en: str


_KEEP = ("内容已保存，无需操作。", "It is kept. There is nothing to do.")

OUTCOMES: Mapping[str, Word] = {
    "applied": Word("生效", "applied", *_KEEP),
    "merged": Word("合并", "merged",
        "有的内容以别人的为准，请看标出的几项。", "For some of it another value stands: look at what is marked."),
    "proposed": Word("作为建议保留", "kept as a proposal",
        "等审核人员决定。", "Wait: a supervisor decides."),
    "unchanged": Word("无变化", "unchanged",
        "本来就是这样，无需操作。", "It was so already. There is nothing to do."),
    "dismissed": Word("已驳回", "dismissed",
        "没有执行，请看驳回理由。", "It was not applied: read the reason."),
    "parked": Word("等待中", "parked",
        "等前面的内容到达后自动执行，请保持同步。", "It waits for something earlier: keep syncing."),
    "quarantined": Word(
        "隔离", "quarantined", "没有执行，内容完整保留；请看原因，由审核人员处理。",
        "Not applied, but kept whole: read why; a supervisor deals with it.",
    ),
    "retry": Word("稍后重发", "to be sent again",
        "服务器一时有误，终端会自动再发。", "A passing fault: the terminal sends it again."),
}  # fmt: skip

FLAGS: Mapping[str, Word] = {
    "clock_suspect": Word("终端时钟偏快", "the terminal's clock is ahead",
        "内容照常生效；请校准终端时间。", "It counts all the same; set the terminal's clock."),
    "number_reused": Word(
        "操作号重复", "an operation number came twice", "内容照常处理；请告诉管理员，终端可能被复制。",
        "It was dealt with; tell the administrator, the terminal may have been copied.",
    ),
    "procedure_defect": Word(
        "程序有瑕疵", "a defect of procedure", "文书已送达，不会退回；请与法制人员商量补正。",
        "What was served stands; ask the legal officer how to mend it.",
    ),
    "possible_duplicate": Word("可能重复", "possibly a duplicate",
        "请查看是否同一件事已有案件。", "Look whether a case of the same matter exists."),
    "late": Word("补录", "recorded late",
        "内容照常生效；请说明为何晚报。", "It counts all the same; say why it came late."),
    "server_owned": Word(
        "有的项由系统填写", "the system fills some of it", "您填的那一项没有采用，无需操作。",
        "Your value there was not used. There is nothing to do.",
    ),
}  # fmt: skip

FIELDS: Mapping[str, Word] = {
    "applied": Word("已采用", "used", *_KEEP),
    "unchanged": Word("本来如此", "as it was",
        "无需操作。", "There is nothing to do."),
    "kept_server": Word(
        "保留了别人的值", "another's value stands", "您的值也已保留，等人决定；不对请告诉审核人员。",
        "Yours is kept too; if theirs is wrong, tell the supervisor.",
    ),
    "proposed": Word("作为建议", "kept as a proposal",
        "等审核人员决定。", "Wait: a supervisor decides."),
    "ignored": Word("由系统填写", "filled by the system",
        "无需操作。", "There is nothing to do."),
}  # fmt: skip

CLASSES: Mapping[str, Word] = {
    "write_once": Word("只写一次", "written once",
        "写好就不能再改。", "Once written it never changes."),
    "append_only": Word("只增不改", "only added to",
        "各人添加的都保留。", "What everybody adds is kept."),
    "state": Word("按步骤走", "moves by steps",
        "走不通的步骤成为建议。", "A step that does not fit becomes a proposal."),
    "supervisor_wins": Word("审核人员为准", "the supervisor's stands",
        "审核人员定过，您的成为建议。", "After his, yours becomes a proposal."),
    "officer_until_lock": Word("送审前先到为准", "first come until review",
        "送审后再改成为建议。", "After review began, a change is a proposal."),
    "manual": Word("由人决定", "a person decides",
        "两个值不同，由审核人员选。", "Where two differ, a supervisor chooses."),
    "latest": Word("以最晚为准", "the latest stands",
        "无需操作。", "There is nothing to do."),
    "server_owned": Word("由系统填写", "filled by the system",
        "您不用填。", "You need not fill it."),
}  # fmt: skip

ACTIONS: Mapping[str, Word] = {
    "create": Word("新建", "created", *_KEEP),
    "patch": Word("修改", "changed", *_KEEP),
    "append": Word("追加", "added", *_KEEP),
    "transition": Word("状态变更", "moved on", *_KEEP),
    "void": Word("作废", "voided",
        "原内容仍可查。", "What was there can still be seen."),
    "discard": Word("丢弃草稿", "discarded",
        "只能丢弃自己未上报的草稿。", "Only one's own draft that was never submitted."),
}

_TYPED = ("请改正后再保存。", "Correct it and save again.")
_PROGRAM = ("这是程序错误：请告诉管理员。", "This is a fault of the program: tell the administrator.")

FAULTS: Mapping[str, Word] = {
    # What an officer typed or chose.
    "required": Word("必须填写", "required",
        "请补填。", "Fill it in."),
    "not_text": Word("应为文字", "must be a text", *_TYPED),
    "too_long": Word("太长", "too long",
        "请写短些。", "Make it shorter."),
    "too_large": Word("内容过多", "too much, or too deep",
        "请写短些。", "Make it shorter."),
    "wrong_form": Word("格式不对", "does not have the expected form", *_TYPED),
    "not_integer": Word("应为整数", "must be a whole number", *_TYPED),
    "out_of_range": Word("超出范围", "out of range", *_TYPED),
    "not_boolean": Word("应为是或否", "must be yes or no", *_TYPED),
    "not_time": Word("时间不对", "not a time", *_TYPED),
    "not_position": Word("位置不对", "not a position",
        "请重新定位。", "Take the position again."),
    "not_in_list": Word("不在可选范围内", "not one of the choices",
        "请从列表中选。", "Choose from the list."),
    "not_list": Word("应为清单，或项数太多", "must be a list, or has too many entries", *_TYPED),
    "not_object": Word("应为一组内容", "must be a group of parts", *_TYPED),
    "text_not_storable": Word("有无法保存的字符", "holds characters that cannot be stored",
        "请删去后再保存。", "Remove them and save."),
    # What he may not do, or not any more.
    "not_permitted": Word("无权填写", "not yours to fill",
        "请由有权限的人员填写。", "Somebody with the right must fill it."),
    "not_signed_in": Word("该人员当时未在本终端登录", "he was not signed in here then",
        "请由审核人员核实作者。", "A supervisor must find out who wrote it."),
    "state": Word("状态不能直接改", "the status is not set directly",
        "请用办理步骤。", "Use the steps."),
    "at_creation_only": Word("只能在新建时填写", "set at creation only",
        "请新建一条。", "Make a new one."),
    "write_once_changed": Word("只能写一次", "written once",
        "原值保留；有误请告诉审核人员。", "The first stands; tell a supervisor if it is wrong."),
    # What a program of ours should not have sent.
    "not_identifier": Word("编号不对", "not an id", *_PROGRAM),
    "not_digest": Word("摘要不对", "not a digest", *_PROGRAM),
    "unknown_field": Word("没有这一项", "there is no such field",
        "请更新程序。", "Update the program."),
    "unknown_element": Word("清单中没有此项", "there is no such entry in the list",
        "请核对后重新作废。", "Check the list, then void it again."),
    "member_refused": Word("同组的另一操作未能执行", "another operation of its group could not be applied",
        "该操作处理后，全组自动执行。", "Once that one is dealt with, all are applied."),
    "member_dismissed": Word("同组的另一操作已被关闭", "another operation of its group was dismissed",
        "请审核人员一并关闭。", "A supervisor dismisses this one too."),
    "sizes_differ": Word("同组操作所报数目不一", "the operations of its group name different sizes", *_PROGRAM),
    "too_many": Word("同组操作多于所报数目", "there are more operations in its group than it says", *_PROGRAM),
    "wrong_type": Word("类型不对", "wrong type", *_PROGRAM),
    "not_of_its_schema": Word("不是终端程序当时的数据版本的值", "not a value of the schema it was written under",
        "请更新程序；已存的请审核人员改正。", "Update the program; a supervisor corrects what is kept."),
    "not_json": Word("内容无法读懂", "cannot be read", *_PROGRAM),
    "not_jws": Word("不是密封文件", "not a sealed file",
        "请选终端导出的文件。", "Choose the file that the terminal wrote."),
    "not_an_export": Word("不是密封的离线包", "not a sealed export",
        "请选终端导出的文件。", "Choose the file that the terminal wrote."),
    "terminal_unknown": Word("不是本局登记的终端", "not a terminal of ours",
        "请告诉管理员。", "Tell the administrator."),
    "signature_wrong": Word("签名不符，文件可能被改动", "its signature does not hold",
        "请重新导出；再不行就告诉管理员。", "Export it again; if it stays so, tell the administrator."),
    "of_another_record": Word("依据的操作属于另一条记录", "based on another record's operation", *_PROGRAM),
    "constraint": Word("数据库拒绝", "the database refused it",
        "请审核人员处理。", "A supervisor deals with it."),
    "foreign": Word("此库属于另一终端", "another terminal's store",
        "请告诉管理员，终端可能被复制。", "Tell the administrator: the terminal may have been copied."),
    "invalid": Word("不合规定", "not as agreed", *_PROGRAM),
}  # fmt: skip


def problems() -> dict[str, Word]:
    """The words of every problem, from its one catalogue."""
    return {one.code: Word(one.zh, one.en, one.todo_zh, one.todo_en) for one in CATALOGUE.values()}


def families() -> dict[str, Mapping[str, Word]]:
    """All words by family, as `/sync/schema` serves them."""
    return {
        "outcomes": OUTCOMES,
        "flags": FLAGS,
        "fields": FIELDS,
        "faults": FAULTS,
        "classes": CLASSES,
        "actions": ACTIONS,
        "problems": problems(),
    }


def served() -> dict[str, dict[str, dict[str, str]]]:
    """The words as JSON holds them: family → code → {zh, en, do_zh, do_en}."""
    return {
        family: {
            code: {"zh": word.zh, "en": word.en, "do_zh": word.do_zh, "do_en": word.do_en}
            for code, word in words.items()
        }
        for family, words in families().items()
    }


def advice(family: str, code: str, language: str) -> str:
    """What to do about a code, in `zh` or `en`; nothing where there are no words for it."""
    word = families()[family].get(code)
    if word is None:
        return ""
    return word.do_zh if language == "zh" else word.do_en
