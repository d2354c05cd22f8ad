"""Case numbers: region, day, and a count within the day."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from sync.store.base import Base
from sync.store.upsert import add

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Counter(Base):
    """The last number given out under a name."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger)


def case_numbers(session: Session, region: str, now: datetime, wanted: int) -> list[str]:
    """The next numbers of the day: 6 digits region, 8 date, 5 count; 19 in all. Locks: the day's counter."""
    if not wanted:
        return []
    day = now.astimezone(SHANGHAI).strftime("%Y%m%d")
    last = add(session, Counter, {"name": f"case/{region}/{day}"}, "value", wanted)
    return [f"{region}{day}{count:05d}" for count in range(last - wanted + 1, last + 1)]
