"""The command `numbers`: the account of every block of document numbers (文书编号)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click
from sqlalchemy.orm import Session

from field_api.casework.block_accounts import Account, Range, SeriesAccount, close_lost, series_accounts
from field_api.casework.series import written
from field_api.config import Config

FATES_ZH = {"used": "已用", "voided": "作废", "free": "交回未用", "open": "在终端", "missing": "未交代"}
STATES_ZH = {"open": "使用中", "closed": "已关闭", "expired": "已过期", "revoked": "终端已停用"}
Change = Callable[[Config, Callable[[Session], Any]], Any]


def command(change: Change) -> click.Command:
    """The command. change: how one transaction is run on a configuration's database."""

    @click.command(name="numbers")
    @click.option("--close", "block", help="close this block: nobody will account for it any more")
    @click.option("--reason", help="why, with --close")
    @click.pass_obj
    def numbers(config: Config, *, block: str | None, reason: str | None) -> None:
        """Account for every document number, series by series and block by block (文书编号)."""
        now = datetime.now(UTC)
        if block is not None:
            if not reason or len(reason) > 200:
                raise click.UsageError("--close needs a --reason of at most 200 characters")
            change(config, lambda session: close_lost(session, None, block, reason, now))
        for line in change(config, partial(_lines, now=now)):
            click.echo(line)

    return numbers


def _lines(session: Session, now: datetime) -> list[str]:
    return [line for series in series_accounts(session, now) for line in lines_of(series)]


def lines_of(series: SeriesAccount) -> list[str]:
    """A series for a person: its blocks, each to its last number, and what no block holds."""
    lines = [f"{written(series.prefix, series.value)} 为最后一号 · the last number is {series.value}"]
    for account in series.blocks:
        lines += _block(account)
    lines += [f"  {_range(one)} 恢复时跳过 · skipped at a restore" for one in series.skipped]
    lines += [f"  {one} 不在任何号段 · in no block" for one in series.strays]
    return lines


def _block(account: Account) -> list[str]:
    block = account.block
    state = f"{STATES_ZH[account.state]} {account.state}" + (f"（{block.reason}）" if block.reason else "")
    lines = [f"  {_range((block.first, block.last))} {account.terminal_no} {block.id} {state}"]
    for fate, ranges in account.fates.items():
        if ranges:
            told = " ".join(_range(one) for one in ranges)
            lines.append(f"    {FATES_ZH[fate]} {fate} {account.count(fate)}: {told}")
    lines += [f"    {number} 作废 voided: {reason}" for number, reason in account.voided]
    wrong = [one for one in account.documents if one["finding"]]
    return lines + [f"    {one['number']} R10 {one['finding']}: case {one['case']}" for one in wrong]


def _range(one: Range) -> str:
    first, last = one
    return str(first) if first == last else f"{first}–{last}"
