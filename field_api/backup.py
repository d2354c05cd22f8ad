"""Backups that can be trusted, and restores that terminals notice.

A backup is a folder: the database as of one moment, the keys, a list of the photos that it names, and a
manifest with the digest of each. Photos lie beside the backups, once each, by digest; a later backup adds only
what is new. Only a backup that was written whole, and read back, moves `safe_before`: terminals delete nothing
that is younger.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from field_api.config import Config
from media.blobs import FileBlobs
from media.tables import Blob
from sync.store.tables import Sequence

# A request that began before the snapshot may commit after it: no request lives that long.
MARGIN = timedelta(minutes=5)
MANIFEST = "manifest.json"
_PIECE = 1024 * 1024


class BackupError(RuntimeError):
    """A backup could not be written, or does not hold; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Written:
    """A finished backup. `copied`: photos that the store beside it did not have yet."""

    folder: Path
    safe_before: datetime
    photos: int
    copied: int


def write(config: Config, session: Session, target: Path, now: datetime) -> Written:
    """Write a backup under `target`, and read it back. Writers go on meanwhile.

    Raises:
        BackupError: what was begun stays under a name that ends in `.partial`.
    """
    if target.resolve().is_relative_to(config.data.resolve()):
        raise BackupError(f"{target} lies in the data folder that it is to save")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = target / now.strftime("%Y%m%dT%H%M%SZ")
    partial = target / f"{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        digests = _database(config, session, partial)
        copied = _photos(config, target / "photos", digests)
        shutil.copytree(config.data / "keys", partial / "keys", copy_function=_copy)
        (partial / "photos.txt").write_text("".join(f"{digest}\n" for digest in digests), encoding="ascii")
        _manifest(partial, now)
        _sync_folder(partial)
        partial.rename(folder)
        _sync_folder(target)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        raise BackupError(f"{partial}: {error}") from None
    check(folder)
    return Written(folder, now - MARGIN, len(digests), copied)


def rely_on(session: Session, written: Written) -> None:
    """Let terminals delete what this backup holds. Writes: sync_sequence."""
    session.execute(sa.update(Sequence).where(Sequence.id == 1).values(safe_before=written.safe_before))


def check(folder: Path) -> int:
    """Read a whole backup and compare every digest; returns the number of photos.

    Raises:
        BackupError: naming the first file that does not hold.
    """
    try:
        manifest: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
        named: dict[str, str] = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from None
    for name, digest in named.items():
        _require(folder / name, digest)
    digests = (folder / "photos.txt").read_text(encoding="ascii").split()
    for digest in digests:
        _require(_photo(folder.parent / "photos", digest), digest)
    return len(digests)


def restore(config: Config, folder: Path) -> int:
    """Bring a backup into an empty installation; the caller upgrades it and renews its epoch afterwards.

    Raises:
        BackupError: the backup does not hold, or there is something already.
    """
    photos = check(folder)
    if (config.data / "keys").exists() and any((config.data / "keys").iterdir()):
        raise BackupError(f"{config.data} holds an installation already; restore into an empty folder")
    for name in ("keys", "blobs", "uploads"):
        (config.data / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    _restore_database(config, folder)
    blobs = FileBlobs(config.data / "blobs")
    for digest in (folder / "photos.txt").read_text(encoding="ascii").split():
        source = _photo(folder.parent / "photos", digest)
        fresh = config.data / "uploads" / f"restore-{digest}"
        _copy(source, fresh)
        blobs.put(fresh, digest, source.stat().st_size)
    for key in (folder / "keys").iterdir():
        _copy(key, config.data / "keys" / key.name)
        (config.data / "keys" / key.name).chmod(0o600)
    _sync_folder(config.data / "keys")
    return photos


def _database(config: Config, session: Session, folder: Path) -> list[str]:
    """Save the database as of one moment; returns the digests of the photos that it names."""
    url = sa.make_url(config.database_url)
    if url.get_backend_name() == "sqlite":
        path = folder / "fieldpost.sqlite3"
        source = sqlite3.connect(f"file:{url.database}?mode=ro", uri=True)
        try:
            source.execute("VACUUM INTO ?", (str(path),))
        finally:
            source.close()
        saved = sqlite3.connect(path)
        try:
            return [digest for (digest,) in saved.execute("SELECT sha256 FROM blob ORDER BY sha256")]
        finally:
            saved.close()
    _run("pg_dump", "--format=custom", f"--file={folder / 'fieldpost.dump'}", _libpq(url))
    # Photos are never taken away: those named now are all that the dump names, and perhaps one more.
    return list(session.scalars(sa.select(Blob.sha256).order_by(Blob.sha256)))


def _restore_database(config: Config, folder: Path) -> None:
    url = sa.make_url(config.database_url)
    if url.get_backend_name() == "sqlite":
        if not (folder / "fieldpost.sqlite3").exists() or url.database is None:
            raise BackupError("this backup is not of SQLite; name a PostgreSQL database with --database-url")
        if Path(url.database).exists():
            raise BackupError(f"{url.database} exists already")
        _copy(folder / "fieldpost.sqlite3", Path(url.database))
    else:
        _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={_libpq(url)}", str(folder / "fieldpost.dump"))


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not on this machine; install PostgreSQL's client programs")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-500:]}")


def _libpq(url: sa.URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _photos(config: Config, store: Path, digests: list[str]) -> int:
    blobs, copied = FileBlobs(config.data / "blobs"), 0
    for digest in digests:
        path = _photo(store, digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_suffix(".partial")
            _copy(blobs.path(digest), fresh)
            fresh.rename(path)
            _sync_folder(path.parent)
            copied += 1
    return copied


def _photo(store: Path, digest: str) -> Path:
    return store / digest[:2] / digest


def _manifest(folder: Path, now: datetime) -> None:
    files = {str(path.relative_to(folder)): _digest(path) for path in _files(folder)}
    manifest = {"made_at": now.astimezone(UTC).isoformat(), "files": files}
    path = folder / MANIFEST
    path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    _sync_file(path)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _sync_file(path)
            yield path


def _require(path: Path, digest: str) -> None:
    try:
        if _digest(path) == digest:
            return
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}") from None
    raise BackupError(f"{path} is damaged")


def _digest(path: Path) -> str:
    running = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return running.hexdigest()


def _copy(source: Any, target: Any) -> Any:
    shutil.copyfile(source, target)
    _sync_file(Path(target))
    return target


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
