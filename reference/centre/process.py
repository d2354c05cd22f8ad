"""Start a centre as a process of its own and talk to it as its operator; for the demo and for tests."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STOP_TIMEOUT_S = 10.0
ASK_TIMEOUT_S = 10.0


class CentreProcess:
    """Run a centre on a loopback port that stays the same over restarts."""

    def __init__(self, data: Path, token: str, port: int = 0) -> None:
        self.data = data
        self.token = token
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Give the base URL to deliver to."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and return once it listens.

        Raises: RuntimeError when it ended instead.
        """
        command = [sys.executable, "-m", "reference.centre"]
        command += ["--port", str(self.port), "--data", str(self.data)]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "CENTRE_TOKEN": self.token},  # a command line can be read by everybody
        )
        assert self._process.stdout is not None
        with self._process.stdout as output:
            line = output.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the centre ended with {self._process.wait()}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def stop(self) -> None:
        """Ask it to end and wait; kill it when it won't."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it between two lines."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def received(self) -> dict[str, Any]:
        """Give `{"cases": […], "evidence": […]}` as it has them."""
        return self._ask("GET", "/received")

    def fault(self, **told: Any) -> None:
        """Tell it to fail; see `reference.centre.faults.Fault` for the words."""
        self._ask("POST", "/faults", told)

    def clear_faults(self) -> None:
        """Let it work again."""
        self._ask("DELETE", "/faults")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - a loopback URL made here
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=ASK_TIMEOUT_S) as answer:
            read: dict[str, Any] = json.load(answer)
        return read
