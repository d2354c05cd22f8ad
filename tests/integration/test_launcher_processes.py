"""The supervisor, with real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from launcher.guard import session_pids
from launcher.installation import ROOT, answers_http, free_port
from launcher.processes import Process, StartError, StoppingError, Supervisor, _has_ended
from tests.support.waiting import wait_until

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgrp()                       # as a work-horse of RQ does
print("up", flush=True)
while True:
    time.sleep(60)
"""

TELLING = """
import pathlib, signal, sys, time
def end(*_):
    with pathlib.Path("told").open("a") as told:
        told.write(sys.argv[1] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def program(name: str, folder: Path, *argv: str, ready=None) -> Process:
    return Process(name, [sys.executable, *argv], dict(os.environ), folder, folder / f"{name}.log", ready)


def page_server(folder: Path, port: int) -> Process:
    arguments = ("-m", "http.server", "--bind", "127.0.0.1", str(port))
    return program("pages", folder, *arguments, ready=partial(answers_http, port))


def stubborn(folder: Path) -> Process:
    log = folder / "stubborn.log"
    return program("stubborn", folder, "-c", STUBBORN, ready=lambda: log.read_text().count("up") == 2)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as kept:
        yield kept


def test_a_killed_program_comes_back_on_the_same_port(supervisor: Supervisor, tmp_path: Path) -> None:
    """Killed again and again, a program answers again where it did before."""
    port = free_port()
    supervisor.start(page_server(tmp_path, port))
    for starts in (2, 3):
        [before] = supervisor.pids("pages")
        supervisor.kill("pages", signal.SIGKILL)
        wait_until(lambda starts=starts: supervisor.starts("pages") == starts, "the respawn")
        assert supervisor.wait_ready("pages")
        assert before not in supervisor.pids("pages")


@pytest.mark.parametrize("victims", ["everything", "the master", "a worker"])
def test_granian_is_recovered_on_the_same_port(victims: str, supervisor: Supervisor, tmp_path: Path) -> None:
    """Whatever part of the server is killed, no old process shares the port and requests are answered."""
    (tmp_path / "toy.py").write_text("def app(environ, start):\n    start('200 OK', [])\n    return [b'']\n")
    port = free_port()
    arguments = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
                 "--workers", "2", "--respawn-failed-workers", "--workers-kill-timeout", "1", "toy:app")
    supervisor.start(program("web", tmp_path, *arguments, ready=partial(answers_http, port)))
    wait_until(lambda: len(supervisor.pids("web")) >= 3, "a master and two workers")
    before = supervisor.pids("web")
    if victims == "everything":
        killed = before
        supervisor.kill("web", signal.SIGKILL)
    else:
        killed = [min(before)] if victims == "the master" else [max(before)]
        os.kill(killed[0], signal.SIGKILL)
    gone = killed if victims == "a worker" else before
    wait_until(lambda: not any(map(is_alive, gone)), "the old processes' end")
    assert supervisor.wait_ready("web")
    wait_until(lambda: len(supervisor.pids("web")) >= 3, "the new master and two workers")


def test_stopping_leaves_nothing_even_of_a_program_that_will_not(tmp_path: Path) -> None:
    """After stop_all no process of any session lives, grandchildren and the deaf included."""
    with Supervisor() as supervisor:
        supervisor.start(stubborn(tmp_path))
        supervisor.start(page_server(tmp_path, free_port()))
        pids = [pid for name in supervisor.names() for pid in supervisor.pids(name)]
        assert len(pids) == 3
        supervisor.stop_all(grace_s=0.3)
    assert not any(map(is_alive, pids))


def test_programs_stop_in_reverse_order(tmp_path: Path) -> None:
    """The last started is the first to end, so that nothing outlives what it depends on."""
    with Supervisor() as supervisor:
        for name in ("first", "second", "third"):
            log = tmp_path / f"{name}.log"
            ready = partial(lambda log: log.read_text() != "", log)
            supervisor.start(program(name, tmp_path, "-c", TELLING, name, ready=ready))
    assert (tmp_path / "told").read_text().split() == ["third", "second", "first"]


LAUNCHER = """
import sys
from pathlib import Path
from launcher.processes import Supervisor, _has_ended
from tests.integration.test_launcher_processes import stubborn
with Supervisor() as supervisor:
    supervisor.start(stubborn(Path(sys.argv[1])))
    print(supervisor._children["stubborn"].popen.pid, flush=True)
    supervisor.stopping.wait()
"""


def test_a_killed_launcher_leaves_no_child(tmp_path: Path) -> None:
    """SIGKILL of the launcher ends every program of every session, with nobody left to ask for it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(tmp_path)], env=environment,
                          stdout=subprocess.PIPE, text=True) as launcher:
        session = int(launcher.stdout.readline())
        assert len(session_pids(session)) == 3
        launcher.kill()
    wait_until(lambda: not session_pids(session), "the end of the session")


def test_a_killed_guard_takes_its_program_along(supervisor: Supervisor, tmp_path: Path) -> None:
    """The program does not outlive its guard: the successor would meet it on the port."""
    port = free_port()
    supervisor.start(page_server(tmp_path, port))
    [before] = supervisor.pids("pages")
    os.kill(supervisor._children["pages"].popen.pid, signal.SIGKILL)
    wait_until(lambda: supervisor.starts("pages") == 2, "the respawn")
    assert supervisor.wait_ready("pages")
    assert not is_alive(before)


def test_a_program_that_fails_is_named_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    """A start that fails raises with the log's end and keeps nothing."""
    broken = program("broken", tmp_path, "-c", "raise SystemExit('no such thing')", ready=lambda: False)
    with pytest.raises(StartError, match="broken ended while starting:\nno such thing"):
        supervisor.start(broken)
    with pytest.raises(StartError, match="upgrade failed:\nno such column"):
        supervisor.run(program("upgrade", tmp_path, "-c", "raise SystemExit('no such column')"))
    assert supervisor.names() == []


def test_a_program_that_does_not_exist_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    """The guard says which program it could not start."""
    absent = Process("absent", ["/nowhere/program"], {}, tmp_path, tmp_path / "absent.log", lambda: False)
    with pytest.raises(StartError, match="/nowhere/program: No such file or directory"):
        supervisor.start(absent)


def test_a_stop_ends_a_start_that_is_under_way(tmp_path: Path) -> None:
    """Being told to stop while a program is not ready yet ends the waiting and the program."""
    with Supervisor() as supervisor:
        asked = []

        def not_ready() -> bool:
            asked.extend(supervisor.pids("pages"))
            supervisor.stopping.set()
            return False

        sleeper = program("pages", tmp_path, "-c", "import time; time.sleep(600)", ready=not_ready)
        with pytest.raises(StoppingError):
            supervisor.start(sleeper)
    assert not any(map(is_alive, asked))


def test_an_overgrown_log_is_put_aside(supervisor: Supervisor, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A log past its limit is kept once under another name, so that logs cannot fill the disk."""
    monkeypatch.setattr("launcher.processes.LOG_LIMIT_BYTES", 10)
    (tmp_path / "word.log").write_text("of an earlier start")
    supervisor.run(program("word", tmp_path, "-c", "print('new')"))
    assert (tmp_path / "word.log").read_text() == "new\n"
    assert (tmp_path / "word.log.1").read_text() == "of an earlier start"


def test_a_respawn_that_cannot_be_is_tried_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """While no log can be opened nothing is started; once it can be, the program comes back."""
    port = free_port()
    supervisor.start(page_server(tmp_path, port))
    log = tmp_path / "pages.log"
    log.unlink()
    log.mkdir()
    supervisor.kill("pages", signal.SIGKILL)
    wait_until(lambda: supervisor._children["pages"].failures >= 2, "a respawn that fails")
    log.rmdir()
    wait_until(lambda: supervisor.starts("pages") == 2, "the respawn")
    assert supervisor.wait_ready("pages")


def test_the_programs_hold_what_the_launcher_holds_but_do_not_see_it(tmp_path: Path) -> None:
    """The guard keeps a held descriptor open; the program itself starts with none but its three."""
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as lock, Supervisor(held=[lock.fileno()]) as supervisor:
        log = tmp_path / "stubborn.log"
        supervisor.start(stubborn(tmp_path))
        guard_pid = supervisor._children["stubborn"].popen.pid
        held = {str(path.readlink()) for path in Path(f"/proc/{guard_pid}/fd").iterdir()}
        assert str(tmp_path / "lock") in held
        for pid in supervisor.pids("stubborn"):
            seen = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
            assert seen == {"/dev/null", str(log)}
        supervisor.stop_all(grace_s=0)


def test_a_guard_that_another_thread_reaped_has_ended() -> None:
    """Who looks between the end of a process and its being written down is told that it ended, and not an error."""
    popen = subprocess.Popen([sys.executable, "-c", ""])
    os.waitpid(popen.pid, 0)
    assert popen.returncode is None
    assert _has_ended(popen)
    popen.wait()
