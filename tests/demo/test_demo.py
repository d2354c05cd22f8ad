"""The demo as a person starts it: every step and every check holds, whatever is killed in its middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.installation import ROOT

PROGRAMS = {"web": b"wsgi:app", "worker": b"worker\0run", "valkey": b"valkey-server"}
DEADLINE_S = 170


@contextmanager
def demo(data: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo; whatever happens to the test, nothing of it stays."""
    command = [sys.executable, "-m", "launcher", "demo", "--data", str(data), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def play(data: Path, *options: str, at: dict[str, Callable[[], None]] | None = None) -> tuple[int, str]:
    """Run the demo to its end; `at`: what to do once a step's number was printed as done."""
    lines: list[str] = []
    with demo(data, "--exit", *options) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            for number, act in (at or {}).items():
                if line.strip().startswith("✓") and f"{number}/" in line.split()[1]:
                    act()
        return process.wait(timeout=DEADLINE_S), "".join(lines)


def kill(data: Path, program: str) -> None:
    """SIGKILL every process of a program of this installation, as an outsider would."""
    mark = f"FIELDPOST_DATA={data}".encode()
    killed = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            of_ours = mark in (folder / "environ").read_bytes().split(b"\0")
            if of_ours and PROGRAMS[program] in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    assert killed, f"no process of {program} was found"


def held(output: str) -> bool:
    return "✓ 22/22" in output and "✗" not in output


def test_kill_in_the_middle_is_survived(tmp_path: Path) -> None:
    """Each program killed twice from outside, once as terminals sync, once as cases are delivered, costs nothing."""
    data = tmp_path / "demo"

    def killing(*programs: str) -> Callable[[], None]:
        def act() -> None:
            for program in programs:
                kill(data, program)

        return act

    # After these steps photos travel, the others sync, the centre is spoken to, and spoken to once more.
    plan = {"7": ("web",), "8": ("worker", "valkey"), "12": ("worker",), "13": ("web", "valkey")}
    assert sorted(sum(plan.values(), ())) == sorted(2 * list(PROGRAMS))
    code, output = play(data, at={step: killing(*programs) for step, programs in plan.items()})
    assert code == 0, output
    assert held(output), output


def test_the_same_job_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """The scenario and its checks hold on PostgreSQL as they do on SQLite."""
    code, output = play(tmp_path / "demo", "--database-url", postgres_url)
    assert code == 0, output
    assert held(output), output


def test_a_second_demo_goes_on_with_the_first(tmp_path: Path) -> None:
    """The same folder plays again: accounts and terminals are known, the cases are new ones."""
    for _ in range(2):
        code, output = play(tmp_path / "demo")
        assert code == 0, output
        assert held(output), output


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    """A demo whose photos cannot be read ends with a failure, and says at which step."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "gone.jpg").symlink_to(photos / "nowhere.jpg")
    code, output = play(tmp_path / "demo", "--photos", str(photos))
    assert code == 1
    assert "4/22" in output
    assert "stopped at" in output
