"""A web server that is killed and born again quickly, as often as a test wants.

One process has loaded the programs; each life is a fork of it that runs the real server from its start: a new
application, new connections, the database as the last life left it. Starting granian anew would take seconds
for the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from field_api.config import ROOT, Config
from launcher import guard
from launcher.installation import HOST, answers_http, free_port
from tests.support.guarded import plain_environment
from tests.support.waiting import wait_until

THREADS = 8


class Lives:
    """The server of a configuration, dead at first. A context manager that leaves nothing behind."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.session = 0
        self.log_path = folder / "web.log"
        self._environment = plain_environment(folder) | {
            "FIELDPOST_DATA": str(config.data),
            "FIELDPOST_DATABASE_URL": config.database_url,
            "FIELDPOST_WEB_THREADS": str(THREADS),
            "PYTHONPATH": str(ROOT),
        }

    def __enter__(self) -> Lives:
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.support.lives", str(self.port)], cwd=ROOT,
                env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )
        self._heard("loaded")
        return self

    def __exit__(self, *_: object) -> None:
        with self._popen:
            assert self._popen.stdin is not None
            self._popen.stdin.close()

    def start(self) -> None:
        """Begin a life, and wait until it answers."""
        self._tell("start")
        self.session = int(self._heard("started").split()[1])
        wait_until(lambda: answers_http(self.port, "/healthz"), f"a life; its log: {self.log_path}", 60)

    def kill(self) -> None:
        """SIGKILL every process of this life where it stands."""
        self._tell("kill")
        self._heard("dead")

    def _tell(self, word: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{word}\n")
        self._popen.stdin.flush()

    def _heard(self, word: str) -> str:
        assert self._popen.stdout is not None
        heard = self._popen.stdout.readline().strip()
        assert heard.startswith(word), self.log_path.read_text(errors="replace")[-4000:]
        return heard


def _live(port: int) -> int:
    """Fork a session that runs the server."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        from granian import Granian
        from granian.constants import Interfaces

        Granian(
            "wsgi:app", address=HOST, port=port, interface=Interfaces.WSGI, workers=1, blocking_threads=THREADS,
            websockets=False,
        ).serve()
    finally:
        os._exit(1)


def _end(child: int) -> None:
    if child:
        guard.kill_session(child)
        os.waitpid(child, 0)


def main(port: int) -> None:
    """Obey `start` and `kill`, a word a line, until there are no more."""
    import granian  # noqa: F401 - loaded once, for every life

    import field_api.app  # noqa: F401 - loaded once, for every life

    child = 0
    _say("loaded")
    try:
        for line in sys.stdin:
            if line.strip() == "start":
                child = _live(port)
                _say(f"started {child}")
            else:
                _end(child)
                child = 0
                _say("dead")
    finally:
        _end(child)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
