"""Programs a test run starts, in sessions that die with the run however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from launcher import guard

GUARD = [sys.executable, "-I", "-S", guard.__file__]


class GuardedProgram:
    """One program under a guard."""

    def __init__(self, argv: list[str], *, cwd: Path, env: dict[str, str], log_path: Path,
                 identity: tuple[int, int] | None = None) -> None:
        as_other = ["--as", f"{identity[0]}:{identity[1]}"] if identity else []
        self.log_path = log_path
        with log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                [*GUARD, *as_other, *argv], cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True,
            )

    def running(self) -> bool:
        return self._popen.poll() is None

    def wait_until(self, condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
        """Wait for the condition; raises RuntimeError with the log's end when the program ends or is late."""
        until = time.monotonic() + deadline_s
        while not condition():
            if not self.running() or time.monotonic() > until:
                self.stop()
                raise RuntimeError(self.log_path.read_text(errors="replace")[-4000:])
            time.sleep(0.02)

    def finish(self, deadline_s: float = 120.0) -> None:
        """Wait for the program to end by itself; raises RuntimeError with its log when it failed."""
        code = self._popen.wait(deadline_s)
        self.stop()
        if code:
            raise RuntimeError(self.log_path.read_text(errors="replace")[-4000:])

    def stop(self, number: int = signal.SIGTERM, grace_s: float = 20.0) -> None:
        """End the program, by force after the grace, and leave nothing of its session."""
        if self.running():
            self._popen.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(grace_s)
        if self.running():
            guard.kill_session(self._popen.pid)
        self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()


def plain_environment(home: Path) -> dict[str, str]:
    """Return an environment that carries nothing of the person's but the path and the language."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(home), "TZ": "UTC"}
