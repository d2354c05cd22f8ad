"""The web server as an installation runs it, to be killed and started again on the same data."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from field_api.config import ROOT, Config
from launcher.guard import kill_session
from launcher.installation import HOST, answers_http, free_port
from tests.support.guarded import GuardedProgram, plain_environment

THREADS = 8


@dataclass(frozen=True)
class WebAnswer:
    """What came back over the line."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WebServer:
    """One granian on a free port, with the data folder and database of a configuration."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.port = free_port()
        self._log_path = folder / "web.log"
        self._environment = plain_environment(folder) | {
            "FIELDPOST_DATA": str(config.data),
            "FIELDPOST_DATABASE_URL": config.database_url,
            "FIELDPOST_WEB_THREADS": str(THREADS),
        }
        self._program: GuardedProgram | None = None

    def start(self) -> None:
        argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(self.port)]
        argv += ["--workers", "1", "--blocking-threads", str(THREADS), "--no-ws", "wsgi:app"]
        self._program = GuardedProgram(argv, cwd=ROOT, env=self._environment, log_path=self._log_path)
        self._program.wait_until(lambda: answers_http(self.port, "/healthz"))

    def kill(self) -> None:
        """Kill every process of the server where it stands."""
        if self._program is not None:
            kill_session(self._program._popen.pid)
            self._program.stop()
            self._program = None

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> WebAnswer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return WebAnswer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def dial(self, method: str, path: str, headers: Mapping[str, str]) -> socket.socket:
        """Send a request's head on a line of its own; the body is the caller's to send, or not."""
        line = socket.create_connection((HOST, self.port), timeout=60)
        named = {"Host": f"{HOST}:{self.port}", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        line.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        return line
