"""The director's end of an officer's process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher.installation import ROOT

Progress = Callable[[str, list[str]], None]


class HandheldFailed(RuntimeError):
    """The officer's process said that a call failed, or ended."""


class Handheld:
    """A handheld in a process of its own. `ahead_s`: how far its clock is wrong."""

    def __init__(
        self, name: str, folder: Path, url: str, progress: Progress, *, ahead_s: float = 0.0
    ) -> None:
        self.name = name
        self._progress = progress
        command = [sys.executable, "-m", "demo.officer", "--folder", str(folder), "--url", url]
        self._process = subprocess.Popen(
            [*command, "--ahead-s", str(ahead_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is the director's to hear
        )

    def call(self, call: str, /, **arguments: Any) -> Any:
        """Make one call and wait for its answer.

        Raises:
            HandheldFailed: the call failed on the handheld, or its process has ended.
        """
        inlet, outlet = self._process.stdin, self._process.stdout
        if inlet is None or outlet is None:
            raise HandheldFailed(f"{self.name}: not started")
        try:
            inlet.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
            inlet.flush()
        except OSError:
            raise HandheldFailed(f"{self.name}: its process has ended") from None
        for line in outlet:
            message = json.loads(line)
            if "progress" in message:
                self._progress(self.name, message["progress"])
            elif "error" in message:
                raise HandheldFailed(f"{self.name}: {call}: {message['error']}")
            else:
                return message["result"]
        raise HandheldFailed(f"{self.name}: its process has ended")

    def close(self) -> None:
        """Let the process end; it does when its stdin does."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
