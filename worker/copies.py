"""A photo's thumbnail, its watermarked copy for reviewers, and what its EXIF says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from field_api.auth.tables import Officer
from field_api.casework.models import Case, Evidence
from field_api.casework.numbering import SHANGHAI
from field_api.config import Config
from field_api.transactions import read, write
from media import image
from media.blobs import Blobs
from media.errors import ImageUnreadable, MediaError
from media.tables import Blob
from sync.store import outbox
from sync.store.outbox import OutboxRow
from worker.pauses import pause_s

# The picture and the disk are here: what failed so often waits for nobody's return.
ATTEMPTS = 8
THUMBNAIL, REVIEW = "thumbnail.jpg", "review.jpg"
UNFINISHED = "处理多次中断，请管理员查看 / Every attempt was cut short; a person should look"
_log = structlog.get_logger("fieldpost.worker")


@dataclass(frozen=True, slots=True)
class _End:
    """How an attempt ended; facts: what the EXIF says, when it could be read."""

    state: str
    reason: str = ""
    facts: dict[str, Any] | None = None


def make(session: Session, config: Config, blobs: Blobs, row: str) -> None:
    """Make the copies that a row asks for, if it is due. Writes: outbox, blob, in transactions of its own."""
    claimed = write(session, lambda: outbox.claim(session, row, datetime.now(UTC), config.lease_s))
    if claimed is None:
        _log.info("copies not due", row=row)
        return
    end = _work(session, blobs, claimed)
    write(session, lambda: _conclude(session, config, claimed, end))
    _log.info("copies", row=row, digest=claimed.subject, end=end.state, reason=end.reason)


def watermark(session: Session, sha256: str) -> list[str]:
    """The lines of the review copy: of the first record by id when several name the photo."""
    query = (
        sa.select(*Evidence.__table__.columns, Case.case_no, Officer.name)
        .join(Case, Case.id == Evidence.case)
        .outerjoin(Officer, Officer.id == Evidence.officer)
        .where(Evidence.sha256 == sha256)
        .order_by(Evidence.id)
        .limit(1)
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return [f"摘要 {sha256[:16]}"]
    return [
        f"案号 {found.case_no or '未编号 ' + found.case[-12:]}",
        f"拍摄 {_local(found.captured_at, found.captured_at_corrected)}",
        f"位置 {_place(found.position)}",
        f"人员 {found.name or found.officer[-12:]}",
        f"证据 {found.id[-12:]}",
    ]


def _local(captured_at: datetime, corrected_at: datetime | None) -> str:
    text = captured_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    if corrected_at is None:
        return text
    return f"{text}（校正 {corrected_at.astimezone(SHANGHAI).strftime('%Y-%m-%d %H:%M:%S')}）"


def _place(position: dict[str, Any] | None) -> str:
    if not position:
        return "未定位"
    text = f"{position['lng']:.6f}, {position['lat']:.6f} {position.get('coord_sys') or ''}".rstrip()
    accuracy_m = position.get("accuracy_m")
    return text if accuracy_m is None else f"{text} ±{accuracy_m:g} m"


def _work(session: Session, blobs: Blobs, row: OutboxRow) -> _End:
    if row.attempts > ATTEMPTS:
        # Pictures are hostile: one that kills its worker each time must come to rest.
        return _End("held", UNFINISHED)
    digest = row.subject
    lines = read(session, lambda: watermark(session, digest))
    try:
        path = blobs.path(digest)
        facts = image.inspect(path).as_dict()
        blobs.put_derived(digest, THUMBNAIL, image.thumbnail(path))
        blobs.put_derived(digest, REVIEW, image.review_copy(path, lines))
    except ImageUnreadable as error:
        return _End("refused", f"图片无法读取：{error.code} / The picture cannot be read: {error.message}")
    except (MediaError, OSError) as error:
        reason = error.code if isinstance(error, MediaError) else type(error).__name__
        state = "waiting" if row.attempts < ATTEMPTS else "held"
        return _End(state, f"副本未能生成：{reason} / The copies could not be made: {reason}")
    return _End("done", facts=facts)


def _conclude(session: Session, config: Config, row: OutboxRow, end: _End) -> None:
    pause = timedelta(seconds=pause_s(config.retry_base_s, row.attempts))
    due_at = datetime.now(UTC) + pause if end.state == "waiting" else None
    settled = outbox.settle(session, row.id, row.attempts, end.state, reason=end.reason, due_at=due_at)
    if settled and end.facts is not None:
        session.execute(sa.update(Blob).where(Blob.sha256 == row.subject).values(facts=end.facts))
