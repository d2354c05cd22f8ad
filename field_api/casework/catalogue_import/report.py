"""What an import says: every fault by a code, with words for the person who must correct the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from field_api.casework.catalogue_import.columns import COLUMNS
from field_api.casework.law.catalogue import Item
from field_api.casework.sheets import FAULTS

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    **FAULTS,
    "no_heading": ("第一行不是表头", "the first row holds no headings"),
    "column_unknown": ("没有这一列", "there is no such column"),
    "column_twice": ("此列出现两次", "the column stands there twice"),
    "column_missing": ("缺少这一列", "the column is missing"),
    "nothing_in_it": ("没有任何案由", "it holds no violation"),
    "beyond_headings": ("单元格在表头之外", "a cell without a heading"),
    "required": ("必须填写", "must be filled in"),
    "too_long": ("太长", "too long"),
    "too_many": ("项数太多", "too many entries"),
    "code_form": ("代码须为 2 至 32 位大写字母、数字、点或短横", "2 to 32 capital letters, digits, dots or hyphens"),
    "reserved": ("DEMO- 开头的代码留给演示数据", "codes that begin with DEMO- are for demonstrations"),
    "not_in_list": ("不在可选范围内", "not one of the choices"),
    "not_money": ("应为金额（元），最多两位小数", "must be an amount in yuan, with two decimals at most"),
    "not_a_day": ("应为日期，如 2026-01-31", "must be a day, like 2026-01-31"),
    "like_a_formula": ("不能以 = + - @ 开头", "must not begin with = + - or @"),
    "step_without_item": ("阶次前面没有案由", "a step with no violation before it"),
    "of_another_item": ("此行没有案由名称，代码却与上一案由不同", "no name, and another code than the violation above"),
    "item_on_step_line": ("阶次行只能填阶次", "a step's line holds the step only"),
    "twice_in_file": ("文件中已有同一代码和施行日期", "the same code and day stand in the file already"),
    "would_overwrite": ("已有同一施行日期的版本，内容不同：请用新的施行日期",
                        "a version of this day is there with other content: give a new day"),
    "older_than_held": ("已有更晚施行的版本", "a later version is there already"),
    "ends_before_it_begins": ("失效日期早于施行日期", "it ends before it begins"),
    "authority_missing": ("执法主体为其他部门时须写明部门", "name the other authority"),
    "no_penalty_at_all": ("没有任何处罚种类", "no kind of penalty for anybody"),
    "amount_without_fine": ("填了金额，处罚种类却没有罚款", "an amount, but no fine among the kinds"),
    "range_upside_down": ("最低高于最高", "the least is above the highest"),
    "step_twice": ("阶次代码重复", "a step's code stands there twice"),
    "step_without_fine": ("阶次所指的当事人没有罚款", "a step for a party that is not fined"),
    "step_out_of_range": ("阶次超出罚款幅度", "a step outside the range of the fine"),
    "condition_missing": ("免罚条件和免罚依据须一并填写", "give both condition and basis of the exemption"),
}  # fmt: skip
MOST_FINDINGS = 200
ACTIONS: Mapping[str, tuple[str, str]] = {
    "new": ("新案由", "new"),
    "version": ("新版本", "new version"),
    "ends": ("设失效日期", "gets its last day"),
    "unchanged": ("已有，不变", "there already"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. line: of the table, counted from 1, 0 for the whole file. value: what stands there, cut short."""

    line: int
    column: str
    code: str
    value: str = ""

    def words(self, language: str) -> str:
        """The fault as a sentence in `zh` or `en`."""
        index = 0 if language == "zh" else 1
        column = COLUMNS.get(self.column)
        name = (column.zh, column.en)[index] if column else self.column
        words = FAULT_WORDS[self.code][index]
        if language == "zh":
            place = f"第 {self.line} 行" if self.line else "文件"
            return f"{place}{f'，{name}' if name else ''}：{f'“{self.value}”，' if self.value else ''}{words}"
        place = f"line {self.line}" if self.line else "the file"
        return f"{place}{f', {name}' if name else ''}: {f'“{self.value}”, ' if self.value else ''}{words}"


@dataclass(frozen=True, slots=True)
class Planned:
    """One item of the table and what would become of it: a code of `ACTIONS`."""

    line: int
    item: Item
    action: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a table holds. findings: the first `MOST_FINDINGS` of `faults`. imported: how many were taken in."""

    planned: Sequence[Planned]
    findings: Sequence[Finding]
    faults: int
    bad: int
    imported: int = 0
    dry_run: bool = False

    @property
    def all_right(self) -> bool:
        """Say whether nothing is wrong with the table."""
        return self.faults == 0

    def lines(self, language: str) -> list[str]:
        """The report as lines of text."""
        index = 0 if language == "zh" else 1
        told = [one.words(language) for one in self.findings]
        if self.faults > len(self.findings):
            rest = self.faults - len(self.findings)
            told.append((f"还有 {rest} 处未列出", f"and {rest} more")[index])
        told += [
            f"{one.item.code} {one.item.valid_from} {(one.item.zh, one.item.en)[index]}: {ACTIONS[one.action][index]}"
            for one in self.planned
        ]
        return [*told, self.sum(language)]

    def sum(self, language: str) -> str:
        """The report in one sentence."""
        good = len(self.planned)
        zh = f"{good} 项正确，{self.bad} 项有误；{'只检查，未导入' if self.dry_run else f'导入 {self.imported} 项'}"
        ended = "only checked" if self.dry_run else f"{self.imported} imported"
        return zh if language == "zh" else f"{good} right, {self.bad} wrong; {ended}"
