"""Take photographs, carry their bytes to the server, and delete an original only against its receipt."""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reference.terminal.clock import Clock, instant
from reference.terminal.edits import Edits
from reference.terminal.errors import NotSignedInError, ReceiptRefusedError
from reference.terminal.http import BASE, Line, Reply, Verdict
from reference.terminal.keys import TerminalKey, canonical, sync_folder
from reference.terminal.session import Session, segment
from reference.terminal.store import Store

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK_BYTES = 256 * 1024
ATTEMPTS = 5
RECEIPT_LIMIT = 65536
OF_ONE_PHOTO = ("out_of_scope", "not_permitted")

Progress = Callable[[str, int, int], None]


@dataclass
class UploadReport:
    """What an upload round came to. waiting: photos whose receipt has not come yet."""

    verdict: Verdict = Verdict.OK
    code: str | None = None
    wait_s: float = 0.0
    verified: int = 0
    waiting: int = 0


class Photos:
    """The originals of one terminal, and their way to the server."""

    def __init__(
        self,
        store: Store,
        line: Line,
        session: Session,
        key: TerminalKey,
        edits: Edits,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._store = store
        self._line = line
        self._session = session
        self._key = key
        self._edits = edits
        self._clock = clock
        self._folder = folder / "originals"
        self._folder.mkdir(parents=True, exist_ok=True)
        for partial in self._folder.glob("*.partial"):
            partial.unlink()

    def take(
        self,
        case: str,
        photo: Path | bytes,
        role: str,
        position: dict[str, Any] | None = None,
        captured_at: str | None = None,
        media_type: str = "image/jpeg",
    ) -> str:
        """Keep a photograph and make its signed evidence record; give the record's id.

        The original is on disk, under its digest, before the record names it.
        """
        officer = self._store.get("officer")
        if officer is None:
            raise NotSignedInError("sign in first: a photograph needs an author")
        sha256, size = self._copy(photo)
        fields: dict[str, Any] = {
            "case": case,
            "role": role,
            "sha256": sha256,
            "size": size,
            "media_type": media_type,
            "captured_at": captured_at or self._clock.wall().isoformat(timespec="milliseconds"),
            "position": position,
            "terminal": self._session.terminal_id,
            "officer": officer["id"],
        }
        fields["signature"] = self._key.sign("evidence", canonical(fields))
        before = self._store.one("SELECT id FROM operation WHERE record = ? AND action = 'create'", case)
        more: dict[str, Any] = {} if before is None else {"after": [before["id"]]}
        with self._store.transaction():
            evidence = self._edits.create("evidence", fields, **more)
            self._store.execute(
                "INSERT INTO photo (evidence, sha256, size, media_type, state)"
                " VALUES (?, ?, ?, ?, 'waiting')",
                *(evidence, sha256, size, media_type),
            )
        return evidence

    def path(self, sha256: str) -> Path:
        """Say where an original with this digest is or would be kept."""
        return self._folder / sha256

    def upload(self, progress: Progress | None = None) -> UploadReport:
        """Carry on with every photo that has no receipt; one that fails does not stop the next."""
        report = UploadReport()
        self._resend_mismatched()
        for row in self._store.all(
            "SELECT * FROM photo WHERE state IN ('waiting', 'sent') ORDER BY evidence"
        ):
            reply = self._send(row, progress) if row["state"] == "waiting" else Reply(Verdict.OK)
            if reply.verdict is Verdict.OK:
                reply = self._fetch_receipt(row)
            if reply.verdict is Verdict.OK:
                report.verified += 1
                continue
            report.waiting += 1
            report.verdict, report.code = reply.verdict, reply.code
            report.wait_s = max(report.wait_s, reply.wait_s)
            if reply.code not in OF_ONE_PHOTO and reply.verdict in (Verdict.LOGIN, Verdict.STOP):
                return report
            if reply.code == "unreachable":
                return report
        return report

    def purge(self) -> int:
        """Delete originals that the server's last backup holds too; give how many.

        An original stays while any evidence with its digest lacks a receipt, or has one that no longer
        verifies, or one younger than `safe_before`.
        """
        safe_before = self._store.get("safe_before")
        if not isinstance(safe_before, str):
            return 0
        purged = 0
        for row in self._store.all("SELECT DISTINCT sha256 FROM photo WHERE state = 'verified'"):
            holders = self._store.all(
                "SELECT * FROM photo WHERE sha256 = ? AND state <> 'purged'", row["sha256"]
            )
            if all(self._purgeable(holder, safe_before) for holder in holders):
                self.path(row["sha256"]).unlink(missing_ok=True)
                self._store.execute("UPDATE photo SET state = 'purged' WHERE sha256 = ?", row["sha256"])
                purged += 1
        return purged

    def _copy(self, photo: Path | bytes) -> tuple[str, int]:
        """Copy an original in, whole and on disk before it has its name; give digest and size."""
        partial = self._folder / f"{self._edits.new_id()}.partial"
        digest, size = hashlib.sha256(), 0
        with partial.open("xb") as target:
            for part in _parts(photo):
                digest.update(part)
                size += len(part)
                target.write(part)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(self.path(digest.hexdigest()))
        sync_folder(self._folder)
        return digest.hexdigest(), size

    def _send(self, row: Any, progress: Progress | None) -> Reply:
        """Bring the rest of one photo over, from where the server says it stopped."""
        reply, offset = self._where(row["evidence"])
        for _ in range(ATTEMPTS):
            while reply.verdict is Verdict.OK and offset < row["size"]:
                reply, before = self._patch(row, offset), offset
                offset = _offset(reply, row["size"])
                if reply.verdict is Verdict.OK and offset <= before:
                    return self._line.later(reply.status, code="answer_invalid")
                if reply.verdict is Verdict.OK and progress is not None:
                    progress(row["evidence"], offset, row["size"])
            if reply.verdict is Verdict.OK:
                self._store.execute("UPDATE photo SET state = 'sent' WHERE evidence = ?", row["evidence"])
                return reply
            if reply.status not in (404, 409, 410, 460):
                return reply
            if reply.status in (404, 410):
                self._forget_upload(row["evidence"])
            reply, offset = self._where(row["evidence"])
        return self._line.later(reply.status, code="upload_refused")

    def _where(self, evidence: str) -> tuple[Reply, int]:
        """Find the upload's offset, and make the upload first where there is none."""
        row = self._store.one("SELECT * FROM photo WHERE evidence = ?", evidence)
        assert row is not None
        if row["upload"] is None:
            return self._begin(row)
        reply = self._checked(self._session.send("HEAD", row["upload"], headers=TUS), row["size"])
        return reply, _offset(reply, row["size"])

    def _begin(self, row: Any) -> tuple[Reply, int]:
        """Create an upload; its key is on disk before the request leaves: a lost answer makes no second."""
        key = row["idempotency_key"] or self._edits.new_id()
        self._store.execute("UPDATE photo SET idempotency_key = ? WHERE evidence = ?", key, row["evidence"])
        named = {"evidence": row["evidence"], "sha256": row["sha256"], "filetype": row["media_type"]}
        metadata = ",".join(f"{name} {_b64(value.encode())}" for name, value in named.items())
        headers = {
            **TUS,
            "Upload-Length": str(row["size"]),
            "Upload-Metadata": metadata,
            "Idempotency-Key": key,
        }
        reply = self._session.send("POST", f"{BASE}/uploads", headers=headers)
        location = urlsplit(reply.headers.get("Location", "")).path
        if reply.verdict is not Verdict.OK:
            return reply, 0
        if not location.startswith("/"):
            return self._line.later(reply.status, code="answer_invalid"), 0
        self._store.execute("UPDATE photo SET upload = ? WHERE evidence = ?", location, row["evidence"])
        if "Upload-Offset" in reply.headers:
            return self._checked(reply, row["size"]), _offset(reply, row["size"])
        return self._where(row["evidence"])

    def _patch(self, row: Any, offset: int) -> Reply:
        """Send one chunk under its checksum."""
        upload = self._store.one("SELECT upload FROM photo WHERE evidence = ?", row["evidence"])
        assert upload is not None
        with self.path(row["sha256"]).open("rb") as original:
            original.seek(offset)
            chunk = original.read(CHUNK_BYTES)
        headers = {
            **TUS,
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {_b64(hashlib.sha256(chunk).digest())}",
        }
        return self._checked(self._session.send("PATCH", upload["upload"], chunk, headers), row["size"])

    def _checked(self, reply: Reply, size: int) -> Reply:
        """Take only an answer that says how far the upload is."""
        if reply.verdict is Verdict.OK and _offset(reply, size) < 0:
            return self._line.later(reply.status, code="answer_invalid")
        return reply

    def _fetch_receipt(self, row: Any) -> Reply:
        """Ask for the custody receipt of one photo, check it, keep it."""
        reply = self._session.send("GET", f"{BASE}/evidence/{segment(row['evidence'])}/receipt")
        if reply.verdict is not Verdict.OK:
            absent = reply.verdict in (Verdict.FIX, Verdict.RESYNC)
            return self._line.later(reply.status, code=reply.code) if absent else reply
        bare = reply.content[:RECEIPT_LIMIT].decode("ascii", "replace").strip()
        token = reply.document.get("receipt", bare)
        try:
            if not self._session.keys().knows(token):
                self._session.learn_keys()
            time = self._receipt_time(token, row)
        except ReceiptRefusedError as error:
            self._store.notice("receipt_refused", row["evidence"], {"why": str(error)}, self._now())
            return self._line.later(reply.status, code="receipt_refused")
        self._store.execute(
            "UPDATE photo SET state = 'verified', receipt = ?, receipt_time = ? WHERE evidence = ?",
            *(token, time, row["evidence"]),
        )
        return reply

    def _receipt_time(self, token: str, row: Any) -> str:
        """Check that a receipt is for this photo of this terminal; give its time."""
        payload = self._session.keys().open(token)
        named = [payload.get(name) for name in ("terminal", "evidence", "sha256", "size")]
        if named != [self._session.terminal_id, row["evidence"], row["sha256"], row["size"]]:
            raise ReceiptRefusedError("the receipt is for something else")
        try:
            instant(payload["time"])
        except (KeyError, TypeError, ValueError) as error:
            raise ReceiptRefusedError("the receipt has no time") from error
        return str(payload["time"])

    def _purgeable(self, row: Any, safe_before: str) -> bool:
        if row["state"] != "verified" or row["receipt"] is None:
            return False
        try:
            return instant(self._receipt_time(row["receipt"], row)) < instant(safe_before)
        except (ReceiptRefusedError, ValueError):
            return False

    def _resend_mismatched(self) -> None:
        """Begin anew with photos whose bytes the server set aside."""
        for row in self._store.all(
            "SELECT evidence FROM photo JOIN record ON record.id = photo.evidence"
            " WHERE photo.state = 'sent' AND record.evicted = 0"
            " AND json_extract(record.body, '$.bytes') = 'mismatched'"
        ):
            self._forget_upload(row["evidence"])

    def _forget_upload(self, evidence: str) -> None:
        """Let the next attempt make a new upload, under a new key: the old one is gone."""
        self._store.execute(
            "UPDATE photo SET state = 'waiting', upload = NULL, idempotency_key = NULL WHERE evidence = ?",
            evidence,
        )

    def _now(self) -> str:
        return self._clock.wall().isoformat(timespec="milliseconds")


def _offset(reply: Reply, size: int) -> int:
    """Read an offset within the photo; -1 where there is none."""
    text = reply.headers.get("Upload-Offset", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= size else -1


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _parts(photo: Path | bytes) -> Any:
    if isinstance(photo, bytes):
        yield photo
        return
    with photo.open("rb") as source:
        while part := source.read(CHUNK_BYTES):
            yield part
