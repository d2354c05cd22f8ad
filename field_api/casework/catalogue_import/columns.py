"""The columns of a catalogue's table, by which it is read and written. Source: docs/catalogue.md."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from field_api.casework.enums import ENUMS
from field_api.casework.law.catalogue import Item, Step
from field_api.casework.law.penalty import yuan


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: text, list, money, day, or the name of a code table (`*` after it: several codes)."""

    zh: str
    en: str
    kind: str = "text"
    longest: int = 200
    required: bool = False


def _of_party(zh: str, en: str) -> dict[str, Column]:
    return {
        "kinds": Column(f"{zh}处罚种类", f"{en}: kinds of penalty", "penalty_kind*"),
        "min": Column(f"{zh}最低罚款（元）", f"{en}: least fine (yuan)", "money"),
        "max": Column(f"{zh}最高罚款（元）", f"{en}: highest fine (yuan)", "money"),
    }


PARTIES = {"citizen": ("公民", "citizen"), "individual_business": ("个体工商户", "individual business"),
           "org": ("单位", "organisation")}  # fmt: skip
ITEM_COLUMNS: Mapping[str, Column] = {
    "code": Column("案由代码", "code", "code", 32, required=True),
    "zh": Column("案由名称", "name (Chinese)", required=True),
    "en": Column("英文名称", "name (English)"),
    "breaks": Column("违反条款", "articles broken", "list", required=True),
    "applies": Column("处罚依据", "articles applied", "list", required=True),
    "subject": Column("执法主体", "subject", "violation_subject", required=True),
    "authority": Column("其他部门名称", "other authority", longest=100),
    "categories": Column("事件类别", "event categories", "category*"),
    **{
        f"{party}_{part}": column
        for party, words in PARTIES.items()
        for part, column in _of_party(*words).items()
    },
    "measures": Column("可采取措施", "measures", "measure_kind*"),
    "exempt_conditions": Column("免罚条件", "exempt if", "factor*"),
    "exempt_basis": Column("免罚依据", "basis of the exemption"),
    "valid_from": Column("施行日期", "valid from", "day", required=True),
    "valid_to": Column("失效日期", "valid to", "day"),
    "source": Column("来源", "source", longest=300, required=True),
    "read": Column("核对情况", "reading", "reading"),
}
STEP_COLUMNS: Mapping[str, Column] = {
    "step_code": Column("阶次代码", "step code", longest=16),
    "step_zh": Column("阶次名称", "step (Chinese)", longest=100),
    "step_en": Column("阶次英文", "step (English)", longest=100),
    "step_party": Column("阶次当事人", "step: party", "party_kind"),
    "step_min": Column("阶次最低罚款（元）", "step: least fine (yuan)", "money"),
    "step_max": Column("阶次最高罚款（元）", "step: highest fine (yuan)", "money"),
    "step_factors": Column("阶次情节", "step: factors", "factor*"),
}
COLUMNS: Mapping[str, Column] = {**ITEM_COLUMNS, **STEP_COLUMNS}
# Which column a contradiction inside an item is shown at.
OF_FIELD = {"steps": "step_code", "penalties": "citizen_kinds", **{party: f"{party}_min" for party in PARTIES}}


def key_of(heading: str) -> str | None:
    """The column that a heading names: by its key or by its words in either language."""
    plain = heading.strip().lower()
    for key, column in COLUMNS.items():
        if plain in (key, column.zh.lower(), column.en.lower()):
            return key
    return None


def code_of(table: str, word: str) -> str | None:
    """A code of a code table, from the code or its words in either language."""
    plain = word.strip().lower()
    for code, zh, en in ENUMS[table]:
        if plain in (code.lower(), zh.lower(), en.lower()):
            return code
    return None


def written(items: Iterable[Item], language: str) -> bytes:
    """A catalogue as a CSV that reads back as itself, with headings in `zh` or `en`; Excel opens it as UTF-8."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow([column.zh if language == "zh" else column.en for column in COLUMNS.values()])
    for item in items:
        lines.writerows([row.get(key, "") for key in COLUMNS] for row in _rows(item))
    return text.getvalue().encode("utf-8-sig")


def _rows(item: Item) -> Sequence[Mapping[str, str]]:
    steps = [_of_step(step) for step in item.steps]
    first = _of_item(item) | (steps[0] if steps else {})
    return [first, *({"code": item.code} | step for step in steps[1:])]


def _of_item(item: Item) -> dict[str, str]:
    row = {
        "code": item.code,
        "zh": item.zh,
        "en": item.en,
        "breaks": "；".join(item.breaks),
        "applies": "；".join(item.applies),
        "subject": item.subject,
        "authority": item.authority,
        "categories": "；".join(item.categories),
        "measures": "；".join(item.measures),
        "valid_from": item.valid_from.isoformat(),
        "valid_to": item.valid_to.isoformat() if item.valid_to else "",
        "source": item.source,
        "read": item.read,
    }
    if item.exempt:
        row |= {"exempt_conditions": "；".join(item.exempt.conditions), "exempt_basis": item.exempt.basis}
    for party, one in item.penalties.items():
        row |= {f"{party}_kinds": "；".join(one.kinds), f"{party}_min": _money(one.min_fen),
                f"{party}_max": _money(one.max_fen)}  # fmt: skip
    return row


def _of_step(step: Step) -> dict[str, str]:
    return {
        "step_code": step.code,
        "step_zh": step.zh,
        "step_en": step.en,
        "step_party": step.party or "",
        "step_min": _money(step.min_fen),
        "step_max": _money(step.max_fen),
        "step_factors": "；".join(step.factors),
    }


def _money(fen: int | None) -> str:
    return "" if fen is None else yuan(fen)
