"""Run an installation in the foreground until told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from launcher.installation import Installation
from launcher.processes import StartError, StoppingError, Supervisor, say_on_stderr

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def ended_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """Have the signals that end a program begin an orderly stop; a second one changes nothing."""
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: supervisor.stopping.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(installation: Installation, *, workers_only: bool = False) -> int:
    """Start the programs and keep them; returns the exit code.

    workers_only: only the worker and the relay, beside a web server that somebody else runs.
    Raises: InstallationError when the folder is held or the port is taken.
    """
    with ExitStack() as stack:
        held = []
        if workers_only:
            installation.make_folders()
        else:
            held.append(stack.enter_context(installation.locked()))
        supervisor = Supervisor(held=held)
        stack.enter_context(ended_by_signals(supervisor))
        stack.enter_context(supervisor)
        try:
            _start(installation, supervisor, workers_only=workers_only)
        except StartError as failure:
            say_on_stderr(str(failure))
            return 1
        except StoppingError:
            return 0
        supervisor.stopping.wait()
        say_on_stderr("stopping (正在停止)")
    say_on_stderr("stopped (已停止)")
    return 0


def _start(installation: Installation, supervisor: Supervisor, *, workers_only: bool) -> None:
    if workers_only:
        processes = [installation.worker(), installation.relay()]
    else:
        processes = installation.processes()
        say_on_stderr("bringing the database up to date (数据库升级)")
        supervisor.run(installation.upgrade())
    for process in processes:
        say_on_stderr(f"starting {process.name}")
        supervisor.start(process)
    where = "" if workers_only else f" at {installation.url}"
    say_on_stderr(f"running{where} (已启动); data in {installation.data}; Ctrl-C stops it")
