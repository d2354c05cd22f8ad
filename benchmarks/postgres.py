"""A PostgreSQL of the run's own that keeps what it was told: fsync on, as a bureau would run it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import postgres

SETTINGS = {
    "listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
    "max_connections": "100", "shared_buffers": "256MB", "max_wal_size": "4GB", "timezone": "UTC",
    "log_min_messages": "error",
}  # fmt: skip


@contextmanager
def cluster() -> Iterator[tuple[postgres.PrivatePostgres, Callable[[], Sequence[int]]]]:
    """Run a cluster; yields it and a way to ask for its processes. Raises: RuntimeError where none is installed."""
    binaries = postgres.find_binaries()
    if binaries is None:
        raise RuntimeError(f"no PostgreSQL: {postgres.HOW_TO_GET}")
    with postgres.private_postgres(binaries, SETTINGS) as server:
        yield server, lambda: _processes(server.folder / "cluster" / "postmaster.pid")


def _processes(pid_file: Path) -> list[int]:
    """The postmaster and its children, each of which leads a session of its own."""
    try:
        head = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return []
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ProcessLookupError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == head:
                children.append(int(stat.parent.name))
    return [head, *children]
