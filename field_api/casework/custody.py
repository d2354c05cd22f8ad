"""The custody of photos: who may look, that he looked, and the server's signed word that it holds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import scope
from field_api.casework.models import Case, Evidence
from field_api.problems import Problem
from media.tables import Blob, EvidenceView
from sync.store.ids import new_id

SEES_ORIGINALS = frozenset({"supervisor", "legal", "auditor"})
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Photo:
    """A piece of evidence whose bytes are here. `unit`: the case's; `stored_at`: when the bytes were whole."""

    evidence: str
    terminal: str
    officer: str
    unit: str | None
    sha256: str
    size: int
    media_type: str
    stored_at: datetime

    def receipt(self) -> dict[str, Any]:
        """What a custody receipt says; the same however often it is asked for."""
        time = self.stored_at.astimezone(UTC).isoformat(timespec="milliseconds")
        return {
            "terminal": self.terminal,
            "evidence": self.evidence,
            "sha256": self.sha256,
            "size": self.size,
            "time": time,
        }


def find(session: Session, identity: Identity, evidence: str) -> Photo:
    """Give a photo that this person may look at.

    Raises:
        Problem: not_found, evidence_not_ready.
    """
    _check_id(evidence)
    scope.require(session, identity, evidence, "evidence")
    return _verified(session, evidence)


def find_taken(session: Session, identity: Identity, evidence: str) -> Photo:
    """Give a photo in scope or of one's own terminal, which must be told after the scope was lost too.

    Raises:
        Problem: not_found, evidence_not_ready.
    """
    _check_id(evidence)
    taken_by = session.scalar(sa.select(Evidence.terminal).where(Evidence.id == evidence))
    if taken_by is None or taken_by != identity.terminal:
        scope.require(session, identity, evidence, "evidence")
    return _verified(session, evidence)


def require_original(photo: Photo, identity: Identity) -> None:
    """Refuse an original to whom the smaller pictures must do. Raises: Problem not_permitted."""
    own = photo.unit in identity.units or photo.officer == identity.officer
    if not own and not identity.roles & SEES_ORIGINALS:
        raise Problem("not_permitted")


def note_view(session: Session, identity: Identity, evidence: str, kind: str, now: datetime) -> None:
    """Write down that this officer is shown this photo. Writes: evidence_view."""
    view = EvidenceView(id=new_id(), evidence=evidence, officer=identity.officer, kind=kind, at=now)
    session.add(view)
    session.flush()


def _check_id(evidence: str) -> None:
    # A path may hold what no database takes as text.
    if not _ID.fullmatch(evidence):
        raise Problem("not_found")


def _verified(session: Session, evidence: str) -> Photo:
    query = (
        sa.select(
            Evidence.id,
            Evidence.terminal,
            Evidence.officer,
            Case.unit,
            Evidence.sha256,
            Evidence.size,
            Evidence.media_type,
            Blob.stored_at,
        )
        .join(Case, Case.id == Evidence.case)
        .join(Blob, Blob.sha256 == Evidence.sha256)
        .where(Evidence.id == evidence, Evidence.bytes == "verified")
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise Problem("evidence_not_ready")
    return Photo(*row)
