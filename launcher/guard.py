"""Run one program in a session of its own that dies with whoever started it.

Run by path, `python -I -S guard.py [--as UID:GID] PROGRAM [ARGUMENT ...]`, with the read end of a pipe as its
standard input; standard library only, because it must start in no time and before anything is installed.

Two ways lead to the end. The starter goes away, however it dies: the pipe closes. The program ends: its
leftovers (a pool's children, a job in flight) must not live on beside its successor. A death signal alone
would not do: it reaches children only, and it fires when the starting *thread* ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def session_pids(session: int) -> list[int]:
    """Return the living members of a session (Linux: from /proc; elsewhere none are known)."""
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            state, member_of = fields[0], int(fields[3])
            if member_of == session and state not in "ZX":
                members.append(int(entry.parent.name))
    return members


def kill_session(session: int, but: int = 0) -> None:
    """Kill every member of a session, again and again until none is left that could still fork."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not but:
            os.killpg(session, signal.SIGKILL)
    for _ in range(20):
        members = [pid for pid in session_pids(session) if pid != but]
        if not members:
            return
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies (where the kernel can)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def become(identity: str) -> None:
    """Give up root for `UID:GID`, supplementary groups included."""
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def run_program(argv: list[str], identity: str | None, guard: int) -> None:
    """Turn the forked child into the program; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # held locks are the guard's, not the program's
        if identity:
            become(identity)
        die_with_parent(guard)
        os.execvp(argv[0], argv)  # noqa: S606 - a program is what the guard is for
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def wait_for_end(child: int, woken: int) -> int | None:
    """Return the child's wait status, or None once the starter's end of the pipe is closed."""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
        if 0 in ready and not os.read(0, 512):
            return None


def main(argv: list[str]) -> int:
    identity = None
    if argv[:1] == ["--as"]:
        identity, argv = argv[1], argv[2:]
    guard = os.getpid()
    if os.getsid(0) != guard:
        os.setsid()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    child = 0

    def pass_on(number: int, _frame: object) -> None:
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in PASSED_ON:
        signal.signal(number, pass_on)
    child = os.fork()
    if child == 0:
        run_program(argv, identity, guard)
    status = wait_for_end(child, woken)
    kill_session(guard, but=guard)
    return 1 if status is None else abs(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
