"""SQLite's one writer: who comes next is woken at once, and a killed one keeps nobody waiting."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sync.store.database import begin_write, prepare, writers_turn

HOLD = """
import sys, sqlalchemy as sa
from sqlalchemy.orm import Session
from sync.store.database import writers_turn
with writers_turn(Session(sa.create_engine(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def session_of(path: Path) -> Session:
    engine = sa.create_engine(f"sqlite:///{path}")
    prepare(engine)
    return Session(engine)


def test_a_killed_writer_lets_the_next_in(tmp_path: Path) -> None:
    """A process killed in its turn leaves no lock behind."""
    path = tmp_path / "turn.sqlite3"
    command = [sys.executable, "-c", HOLD, f"sqlite:///{path}"]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    entered = threading.Event()

    def enter() -> None:
        with writers_turn(session_of(path)):
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.2)
    holder.send_signal(signal.SIGKILL)
    waiting.join(30)
    assert entered.is_set()
    holder.communicate()


def test_a_writer_that_hangs_bounds_nobody(tmp_path: Path) -> None:
    """A turn is waited for only so long; then SQLite's own lock decides, and an idle database lets one in."""
    path = tmp_path / "turn.sqlite3"
    command = [sys.executable, "-c", HOLD, f"sqlite:///{path}"]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGSTOP)
    try:
        own = session_of(path)
        with writers_turn(own, wait_s=0.2):
            begin_write(own)
            own.execute(sa.text("CREATE TABLE written (value INTEGER)"))
            own.commit()
    finally:
        holder.kill()
        holder.communicate()


def test_every_writer_gets_his_turn(tmp_path: Path) -> None:
    """Threads that each count up in turns lose no count, and none of them sees the database locked."""
    path = tmp_path / "turn.sqlite3"
    with session_of(path) as session:
        session.execute(sa.text("CREATE TABLE counter (value INTEGER)"))
        session.execute(sa.text("INSERT INTO counter VALUES (0)"))
        session.commit()

    def count() -> None:
        with session_of(path) as own:
            for _ in range(25):
                with writers_turn(own):
                    begin_write(own)
                    value = own.scalar(sa.text("SELECT value FROM counter"))
                    own.execute(sa.text("UPDATE counter SET value = :value"), {"value": value + 1})
                    own.commit()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with session_of(path) as session:
        assert session.scalar(sa.text("SELECT value FROM counter")) == 200
