"""One installation: its data folder, its URLs, and the programs that make it up."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from launcher import valkey
from launcher.processes import Process

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
DEFAULT_PORT = 8700
LOCK_WAIT_S = 5.0
FOLDERS = ("keys", "blobs", "uploads", "valkey", "logs", "metrics", "locks")


class InstallationError(RuntimeError):
    """The installation cannot be started; the message says what to do."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Say whether a server may listen on the port (one that shares it with others counts as taken)."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
        return True


def answers_http(port: int, path: str = "/") -> bool:
    """Say whether a web server answers on the port with anything but a failure of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True)
class Installation:
    """What the options chose; everything else follows from it.

    redis_url: None has the launcher bring its own Valkey, on a port and with a password of this start's own.
    """

    data: Path
    port: int = DEFAULT_PORT
    database_url: str | None = None
    redis_url: str | None = None
    centre_url: str | None = None
    centre_token: str | None = None
    web_workers: int = 2
    web_threads: int = 8

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @cached_property
    def valkey_port(self) -> int:
        return free_port()

    @cached_property
    def valkey_password(self) -> str:
        return secrets.token_hex(24)

    @property
    def effective_redis_url(self) -> str:
        return self.redis_url or f"redis://:{self.valkey_password}@{HOST}:{self.valkey_port}/0"

    def environment(self) -> dict[str, str]:
        """Return the environment of every program of the installation."""
        chosen = {
            "FIELDPOST_DATA": str(self.data),
            "FIELDPOST_PORT": str(self.port),
            "FIELDPOST_DATABASE_URL": self.database_url,
            "FIELDPOST_REDIS_URL": self.effective_redis_url,
            "FIELDPOST_CENTRE_URL": self.centre_url,
            "FIELDPOST_CENTRE_TOKEN": self.centre_token,
        }
        inherited = {name: value for name, value in os.environ.items() if name not in chosen}
        inherited["PYTHONPATH"] = str(ROOT)
        inherited["PYTHONUNBUFFERED"] = "1"
        return inherited | {name: value for name, value in chosen.items() if value is not None}

    def make_folders(self) -> None:
        """Create the data folder, private to its owner.

        Raises: InstallationError when it cannot be written.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in FOLDERS:
                (self.data / name).mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise InstallationError(f"the data folder {self.data} cannot be made: {error.strerror}") from None

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the data folder; yields the lock's descriptor.

        Two launchers on one folder would have two Valkeys append to one file. A launcher killed a moment ago
        leaves programs that hold the lock until they are gone: that is waited for.

        Raises: InstallationError naming the holder.
        """
        self.make_folders()
        path = self.data / "locks" / "launcher.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + LOCK_WAIT_S
            while not _try_lock(descriptor):
                holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
                if _is_alive(holder) or time.monotonic() > until:
                    raise InstallationError(f"the data folder {self.data} is in use by {holder}")
                time.sleep(0.05)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} (port {self.port})\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def process(self, name: str, *argv: str) -> Process:
        """Return a program of this installation, run in the checkout and logging into the data folder."""
        return Process(name, argv, self.environment(), ROOT, self.data / "logs" / f"{name}.log")

    def upgrade(self) -> Process:
        """Return the program that brings the database to the newest schema and ends."""
        return self.process("upgrade", sys.executable, "-m", "launcher", "db", "upgrade")

    def valkey(self) -> Process:
        """Return the Valkey of this installation, after writing its configuration.

        Raises: InstallationError when there is no server program.
        """
        program = valkey.valkey_binary()
        if program is None:
            raise InstallationError("no Valkey program for this machine; name a server with --redis-url")
        folder = self.data / "valkey"
        configuration = valkey.write_configuration(folder, self.valkey_port, self.valkey_password)
        process = self.process("valkey", str(program), str(configuration))
        ready = partial(valkey.answers, self.valkey_port, self.valkey_password)
        return replace(process, cwd=folder, ready=ready)

    def web(self) -> Process:
        """Return the web server. Its threads must outnumber the slow requests: each holds one."""
        web = self.process(
            "web", sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST,
            "--port", str(self.port), "--workers", str(self.web_workers),
            "--blocking-threads", str(self.web_threads), "--respawn-failed-workers",
            "--workers-kill-timeout", "8", "--no-ws", "wsgi:app",
        )
        return replace(web, ready=partial(answers_http, self.port, "/healthz"))

    def worker(self) -> Process:
        """Return the worker that runs RQ jobs."""
        return self.process("worker", sys.executable, "-m", "worker", "run")

    def relay(self) -> Process:
        """Return the relay that sweeps due outbox rows."""
        return self.process("relay", sys.executable, "-m", "worker", "relay")

    def processes(self) -> list[Process]:
        """Return the programs to keep, in the order of their start.

        Raises: InstallationError when the web port is taken or there is no Valkey program.
        """
        if not port_is_free(self.port):
            raise InstallationError(f"port {self.port} is taken; choose another with --port")
        broker = [] if self.redis_url else [self.valkey()]
        return [*broker, self.web(), self.worker(), self.relay()]


def _try_lock(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_alive(holder: str) -> bool:
    """Say whether the process named in a lock file lives (a number used again only delays a refusal)."""
    words = holder.split()
    if len(words) < 2 or not words[1].isdigit():
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
