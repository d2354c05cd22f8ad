"""Start programs, keep them alive on the same arguments, and leave nothing of them behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from launcher import guard

POLL_S = 0.05
READY_DEADLINE_S = 60.0
STOP_GRACE_S = 15.0
STEADY_AFTER_S = 20.0
LONGEST_PAUSE_S = 10.0
LOG_LIMIT_BYTES = 16 * 1024 * 1024


class StartError(RuntimeError):
    """A program ended, or did not answer in time, while it was being started."""


class StoppingError(RuntimeError):
    """The supervisor was told to stop while it was starting something."""


@dataclass(frozen=True)
class Process:
    """A program of the installation.

    ready: says whether it does its work; None when running is enough.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log_path: Path
    ready: Callable[[], bool] | None = None


@dataclass
class _Child:
    process: Process
    popen: subprocess.Popen[bytes]
    started_at_s: float
    starts: int = 1
    failures: int = 0
    respawn_at_s: float | None = None


def say_on_stderr(line: str) -> None:
    """Tell the person at the terminal one line; a terminal that went away must not end the keeping."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def log_tail(path: Path, limit: int = 2000) -> str:
    """Return the end of a log, for a message."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - limit))
            return log.read(limit).decode(errors="replace")
    except FileNotFoundError:
        return ""


@contextmanager
def _log_of(process: Process) -> Iterator[int]:
    """Open the log for appending, after putting an overgrown one aside."""
    process.log_path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if process.log_path.stat().st_size > LOG_LIMIT_BYTES:
            process.log_path.replace(process.log_path.with_suffix(".log.1"))
    with process.log_path.open("ab") as log:
        yield log.fileno()


def _has_ended(popen: subprocess.Popen[bytes]) -> bool:
    """Say whether the guard has ended, without reaping it: until then its number cannot be another's."""
    if popen.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # whoever keeps the processes reaped it between the two lines


def _terminate(popen: subprocess.Popen[bytes], until_s: float) -> None:
    """Ask a program to end, and wait for it until then."""
    if popen.returncode is None:
        os.kill(popen.pid, signal.SIGTERM)
    while not _has_ended(popen) and time.monotonic() < until_s:
        time.sleep(POLL_S)


def _end(popen: subprocess.Popen[bytes]) -> None:
    """Leave nothing of a program's session; once only, because the number is free afterwards."""
    if popen.returncode is not None:
        return
    guard.kill_session(popen.pid)
    popen.wait()
    if popen.stdin:
        popen.stdin.close()


class Supervisor:
    """Keeps processes; a context manager that stops them all.

    held: descriptors (the data folder's lock) that live as long as any of the programs, so that a successor
    cannot begin while the last programs of a killed launcher are still dying.
    Locks: one lock around the table of children; nothing slow is done under it but spawning.
    """

    def __init__(self, say: Callable[[str], None] = say_on_stderr, held: Sequence[int] = ()) -> None:
        self.stopping = threading.Event()
        self._say = say
        self._held = tuple(held)
        self._children: dict[str, _Child] = {}
        self._lock = threading.RLock()
        self._keeper = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def __enter__(self) -> Supervisor:
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop_all()

    def start(self, process: Process, deadline_s: float = READY_DEADLINE_S) -> None:
        """Start a process and wait until it is ready.

        Raises: StartError with the end of its log; StoppingError when told to stop meanwhile.
        """
        with self._lock:
            if self.stopping.is_set():
                raise StoppingError(process.name)
            if process.name in self._children:
                raise ValueError(f"{process.name} is already started")
            child = _Child(process, self._spawn(process), time.monotonic())
            self._children[process.name] = child
        self._await_start(child, deadline_s)

    def _await_start(self, child: _Child, deadline_s: float) -> None:
        name, until = child.process.name, time.monotonic() + deadline_s
        while True:
            if self.stopping.is_set():
                raise StoppingError(name)
            if _has_ended(child.popen) or child.starts > 1:
                self._drop(name)
                raise StartError(f"{name} ended while starting:\n{log_tail(child.process.log_path)}")
            if child.process.ready is None or child.process.ready():
                return
            if time.monotonic() > until:
                self._drop(name)
                raise StartError(f"{name} was not ready in time:\n{log_tail(child.process.log_path)}")
            time.sleep(POLL_S)

    def run(self, process: Process, deadline_s: float = 600.0) -> None:
        """Run a program to its end, once.

        Raises: StartError with the end of its log when it fails; StoppingError when told to stop meanwhile.
        """
        popen = self._spawn(process)
        until = time.monotonic() + deadline_s
        try:
            while not _has_ended(popen):
                if self.stopping.is_set():
                    raise StoppingError(process.name)
                if time.monotonic() > until:
                    raise StartError(f"{process.name} did not end in time")
                time.sleep(POLL_S)
        finally:
            _end(popen)
        if popen.returncode:
            raise StartError(f"{process.name} failed:\n{log_tail(process.log_path)}")

    def wait_ready(self, name: str, deadline_s: float = READY_DEADLINE_S) -> bool:
        """Wait until a started process (respawned perhaps) runs and is ready; False when it is late."""
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            child = self._children[name]
            if not _has_ended(child.popen) and (child.process.ready is None or child.process.ready()):
                return True
            time.sleep(POLL_S)
        return False

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to every process of a program at once; the guard dies too only by SIGKILL."""
        with self._lock:
            popen = self._children[name].popen
            if popen.returncode is None and number == signal.SIGKILL:
                guard.kill_session(popen.pid)
                return
            for pid in self.pids(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def pids(self, name: str) -> list[int]:
        """Return the living processes of a program (without its guard)."""
        popen = self._children[name].popen
        if popen.returncode is not None:
            return []
        return [pid for pid in guard.session_pids(popen.pid) if pid != popen.pid]

    def starts(self, name: str) -> int:
        """Return how often a program was started: 1 and the respawns."""
        return self._children[name].starts

    def names(self) -> list[str]:
        """Return the names of the kept processes in the order of their start."""
        return list(self._children)

    def stop_all(self, grace_s: float = STOP_GRACE_S) -> None:
        """End every process, last started first: asked to, then by force after the grace."""
        self.stopping.set()
        if self._keeper.is_alive() and self._keeper is not threading.current_thread():
            self._keeper.join()
        until = time.monotonic() + grace_s
        with self._lock:
            for child in reversed(self._children.values()):
                _terminate(child.popen, until)
                _end(child.popen)
            self._children.clear()

    def _spawn(self, process: Process) -> subprocess.Popen[bytes]:
        with _log_of(process) as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, *process.argv],
                env=dict(process.env), cwd=process.cwd, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True, pass_fds=self._held,
            )

    def _drop(self, name: str) -> None:
        with self._lock:
            _end(self._children.pop(name).popen)

    def _keep(self) -> None:
        """Respawn what dies, until told to stop."""
        while not self.stopping.wait(POLL_S):
            with self._lock:
                for child in list(self._children.values()):
                    if not self.stopping.is_set() and _has_ended(child.popen):
                        self._revive(child)

    def _revive(self, child: _Child) -> None:
        """Clear away a dead program's session; start it again, at once the first time, then ever later."""
        now = time.monotonic()
        if child.respawn_at_s is None:
            _end(child.popen)  # a successor must not meet its predecessor's pool on the port
            steady = now - child.started_at_s > STEADY_AFTER_S
            child.failures = 1 if steady else child.failures + 1
            self._postpone(child, f"ended (code {child.popen.returncode})")
        if child.respawn_at_s is not None and now >= child.respawn_at_s:
            try:
                child.popen = self._spawn(child.process)
            except OSError as error:  # no process, file or disk space to be had just now
                child.failures += 1
                self._postpone(child, f"cannot be started ({error})")
                return
            child.started_at_s, child.respawn_at_s = now, None
            child.starts += 1

    def _postpone(self, child: _Child, what: str) -> None:
        """Set the time of the next start and say why."""
        pause_s = 0.0 if child.failures == 1 else min(0.25 * 2 ** min(child.failures, 10), LONGEST_PAUSE_S)
        child.respawn_at_s = time.monotonic() + pause_s
        self._say(f"{child.process.name} {what}; starting it again in {pause_s:g} s; "
                  f"its log: {child.process.log_path}")
