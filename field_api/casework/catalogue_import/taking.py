"""Takes a table into the catalogue: new items and later versions are added, none is ever overwritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.casework.catalogue_import.report import MOST_FINDINGS, Finding, Planned, Report
from field_api.casework.catalogue_import.rows import Draft, drafts
from field_api.casework.law.catalogue import Item
from field_api.casework.reference import end_violation, publish_violations
from field_api.casework.reference_models import Violation
from field_api.casework.sheets import Unreadable, read_table
from field_api.casework.violations import versions
from sync.service.home import Home
from sync.store.tables import Sequence as ChangeSequence

CHANGING = ("new", "version", "ends")


def take(
    session: Session, home: Home, raw: bytes, now: datetime, *, dry_run: bool = False, only_good: bool = False
) -> Report:
    """Judge a file and take it in, whole or not at all; with `only_good`, the items that are right.

    The same file again changes nothing. Locks: the sequence row, so that of two imports at once the later one sees
    what the earlier one brought. Writes: violation.
    """
    try:
        found, loose = drafts(read_table(raw))
    except Unreadable as error:
        return Report((), [Finding(error.row, "", error.code)], 1, 0, dry_run=dry_run)
    if not dry_run:
        session.execute(sa.select(ChangeSequence.id).with_for_update())
    report = replace(judge(found, loose, versions(session)), dry_run=dry_run)
    if dry_run or not (report.all_right or only_good):
        return report
    changing = [one for one in report.planned if one.action in CHANGING]
    publish_violations(session, home, [one.item for one in changing if one.action != "ends"], now)
    for one in changing:
        if one.action == "ends" and one.item.valid_to is not None:
            end_violation(session, home, _record(session, one.item), one.item.valid_to.isoformat(), now)
    return replace(report, imported=len(changing))


def judge(found: Sequence[Draft], loose: Iterable[Finding], held: Iterable[Item]) -> Report:
    """Compare the items of a table with each other and with those that are held."""
    findings = list(loose)
    planned: list[Planned] = []
    by_code: dict[str, list[Item]] = {}
    for one in held:
        by_code.setdefault(one.code, []).append(one)
    # By the values that were read: one of two is not taken for the other's being wrong in something else.
    times = Counter(_identity(draft) for draft in found)
    bad = 0
    for draft in found:
        fault = "twice_in_file" if times[_identity(draft)] > 1 else _against(draft.item, by_code)
        if fault:
            draft.findings.append(Finding(draft.line, "valid_from", fault))
        findings += draft.findings
        if draft.findings or draft.item is None:
            bad += 1
        else:
            planned.append(Planned(draft.line, draft.item, _action(draft.item, by_code)))
    findings.sort(key=lambda one: one.line)
    return Report(planned, findings[:MOST_FINDINGS], len(findings), bad)


def _identity(draft: Draft) -> tuple[object, object, int]:
    """Code and day; the line too where one of them could not be read, since that is like nothing else."""
    code, since = draft.values["code"], draft.values["valid_from"]
    return (code, since, 0) if code and since else (code, since, draft.line)


def _against(item: Item | None, by_code: Mapping[str, Sequence[Item]]) -> str:
    """Why an item may not stand beside the held versions; nothing where it may."""
    if item is None:
        return ""
    versions_held = by_code.get(item.code, ())
    same = next((one for one in versions_held if one.valid_from == item.valid_from), None)
    if same is not None:
        open_still = replace(same, valid_to=item.valid_to) if same.valid_to is None else same
        return "" if open_still == item else "would_overwrite"
    return "older_than_held" if any(one.valid_from > item.valid_from for one in versions_held) else ""


def _action(item: Item, by_code: Mapping[str, Sequence[Item]]) -> str:
    versions_held = by_code.get(item.code, ())
    same = next((one for one in versions_held if one.valid_from == item.valid_from), None)
    if same is None:
        return "version" if versions_held else "new"
    return "unchanged" if same == item else "ends"


def _record(session: Session, item: Item) -> str:
    of_item = sa.select(Violation.id).where(
        Violation.code == item.code, Violation.valid_from == item.valid_from.isoformat()
    )
    return session.execute(of_item).scalar_one()
