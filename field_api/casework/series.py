"""Series of document numbers: how a number is written, and how far its series may be counted.

A number's text is its series' prefix, the number in decimal (at least four digits) and 号. Pure: no database.
Source: 处罚法 52: 预定格式、编有号码.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUBJECTS: Mapping[str, str] = {"city_bureau": "城管", "traffic_police": "交警"}
# Documents that bear a number of their own: orders, decisions, notices of measures. Source: domain, B.3.
NUMBERED = ("D03", "D04", "D07", "D17", "D18", "D19", "D21", "D23", "D37", "D38")
OF_POLICE = frozenset({"D37", "D38"})
# A year's blocks may be leased from a month before it, so that nobody is without numbers on its first day.
AHEAD_MONTH = 12
WIDTH = 4
LONGEST = 12
_KIND = re.compile(rf"({'|'.join(NUMBERED)})\.({'|'.join(SUBJECTS)})(?:\.(20[0-9]{{2}}))?")
_TEXT = re.compile(r"(.{1,40}〔(20[0-9]{2})〕第)([0-9]{1,%d})号?" % LONGEST)  # noqa: UP031 - braces mean something here


@dataclass(frozen=True, slots=True)
class Series:
    """What one series counts: documents of one type by one enforcing subject in one year."""

    document: str
    subject: str
    year: int

    @property
    def kind(self) -> str:
        return f"{self.document}.{self.subject}.{self.year}"

    def prefix(self, words: Mapping[str, str]) -> str:
        """What stands before the number. words: the agency's word by `document.subject`, from the configuration.

        Nobody's word is invented: without one the number itself says that it is to be configured.
        """
        name = f"{self.document}.{self.subject}"
        word = words.get(name) or f"{SUBJECTS[self.subject]}（代字待配置）{self.document}"
        return f"{word}〔{self.year}〕第"


def read_kind(text: str, now: datetime) -> Series | None:
    """What `D07.city_bureau` or `D07.city_bureau.2027` asks for; None for what cannot be leased now."""
    found = _KIND.fullmatch(text)
    if found is None:
        return None
    today = now.astimezone(SHANGHAI)
    document, subject, year = found[1], found[2], int(found[3] or today.year)
    if document in OF_POLICE and subject != "traffic_police":
        return None
    is_near = year == today.year or (year == today.year + 1 and today.month >= AHEAD_MONTH)
    return Series(document, subject, year) if is_near else None


def written(prefix: str, number: int) -> str:
    """A number as it stands on the document."""
    return f"{prefix}{number:0{WIDTH}d}号"


def read(text: str) -> tuple[str, int] | None:
    """The prefix and the number of what stands on a document; None where it is none of ours."""
    found = _TEXT.fullmatch(text)
    return (found[1], int(found[3])) if found else None


def year_of(prefix: str) -> int:
    """The year that a series' prefix names."""
    return int(prefix[-6:-2])


def began(epoch: str) -> datetime:
    """When an epoch began: its id is a UUID of version 7, which holds its time."""
    return datetime.fromtimestamp(int(epoch[:8] + epoch[9:13], 16) / 1000, UTC)


def year_ends(year: int) -> datetime:
    return datetime(year + 1, 1, 1, tzinfo=SHANGHAI)


def ceiling(year: int, now: datetime) -> int:
    """The highest number that a series may have reached by now: one for each second since it could be leased.

    A restored server goes on from here. Whatever any earlier life of it leased lies below, though it remembers
    nothing of that.
    """
    opened = datetime(year - 1, AHEAD_MONTH, 1, tzinfo=SHANGHAI)
    return max(0, int((now - opened).total_seconds()))
