"""What the worker and the relay live through: Redis emptied, killed or away, workers killed, lines logged."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from launcher.installation import free_port
from launcher.valkey import answers, valkey_binary, write_configuration
from media.tables import Upload
from reference.centre.process import CentreProcess
from sync.store.ids import new_id
from tests.support import missing, valkey
from tests.support.guarded import GuardedProgram, plain_environment
from tests.support.station import PATIENCE_S, TOKEN, Station, photo, station
from tests.support.waiting import wait_until


class OwnValkey:
    """A Valkey of this test's own, to be killed and started again on the same port and file."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://:{valkey.PASSWORD}@127.0.0.1:{self.port}/0"
        self._folder = folder
        self._program = valkey_binary()
        if self._program is None:
            missing.need("Valkey", valkey.HOW_TO_GET)
        self._configuration = write_configuration(folder, self.port, valkey.PASSWORD)
        self._server: GuardedProgram | None = None

    def start(self) -> None:
        self._server = GuardedProgram(
            [str(self._program), str(self._configuration)], cwd=self._folder,
            env=plain_environment(self._folder), log_path=self._folder / "server.log",
        )
        self._server.wait_until(lambda: answers(self.port, valkey.PASSWORD))

    def kill(self) -> None:
        if self._server is not None:
            self._server.stop(signal.SIGKILL)
            self._server = None


@contextmanager
def own_valkey(folder: Path) -> Iterator[OwnValkey]:
    server = OwnValkey(folder)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CentreProcess]:
    with CentreProcess(tmp_path / "centre", TOKEN) as centre:
        yield centre


@pytest.fixture
def post(database_url: str, tmp_path: Path, valkey_url: str, centre: CentreProcess) -> Iterator[Station]:
    """An installation of which nothing runs yet."""
    with station(database_url, tmp_path / "data", valkey_url, centre) as made:
        yield made


def said(post: Station, name: str, event: str) -> bool:
    return any(line["event"] == event for line in post.log(name))


def test_flushed_queue_loses_nothing(post: Station, valkey_url: str) -> None:
    """What waited in a queue that was emptied is put there again within a moment."""
    post.start("relay")
    case = post.finished()
    wait_until(lambda: said(post, "relay", "woken"), "the wake-up in the queue", PATIENCE_S)
    with redis.Redis.from_url(valkey_url) as client:
        wait_until(lambda: client.llen("rq:queue:fieldpost-deliver") == 1, "the job", PATIENCE_S)
        client.flushall()
    post.start("run")
    post.wait_for(case, "delivered")


def test_waiting_row_lies_in_the_queue_once(post: Station, valkey_url: str) -> None:
    """While nobody works, a row is put into the queue once, however often the relay looks."""
    post.start("relay")
    first = post.finished()
    with redis.Redis.from_url(valkey_url) as client:
        wait_until(lambda: client.llen("rq:queue:fieldpost-deliver") == 1, "the first job", PATIENCE_S)
        # The second is seen by a later look, which also sees the first again.
        second = post.finished()
        wait_until(lambda: client.llen("rq:queue:fieldpost-deliver") >= 2, "the second job", PATIENCE_S)
        third = post.finished()
        wait_until(lambda: client.llen("rq:queue:fieldpost-deliver") >= 3, "the third job", PATIENCE_S)
        assert client.llen("rq:queue:fieldpost-deliver") == 3
    assert len([line for line in post.log("relay") if line["event"] == "woken"]) == 3
    assert len({first, second, third}) == 3


def test_killed_valkey_loses_nothing(tmp_path: Path, centre: CentreProcess) -> None:
    """Worker and relay live through a Valkey that is killed, stays away, and comes back without its file."""
    with (
        own_valkey(tmp_path / "valkey") as server,
        station(f"sqlite:///{tmp_path / 'db.sqlite3'}", tmp_path / "data", server.url, centre) as post,
    ):
        post.start("relay")  # before Redis is there at all
        first = post.finished()
        wait_until(lambda: said(post, "relay", "Redis is away"), "the relay's word", PATIENCE_S)
        server.start()
        wait_until(lambda: said(post, "relay", "woken"), "the wake-up", PATIENCE_S)
        server.kill()
        for path in (tmp_path / "valkey").rglob("*.aof*"):
            path.unlink()
        second = post.finished()
        server.start()
        post.start("run")
        post.wait_for(first, "delivered")
        post.wait_for(second, "delivered")


def test_worker_started_before_redis_waits_for_it(tmp_path: Path, centre: CentreProcess) -> None:
    """A worker that finds no Redis waits, and works once it is there."""
    with (
        own_valkey(tmp_path / "valkey") as server,
        station(f"sqlite:///{tmp_path / 'db.sqlite3'}", tmp_path / "data", server.url, centre) as post,
    ):
        post.start("run", "relay")
        case = post.finished()
        wait_until(lambda: said(post, "run", "waiting for Redis"), "the worker's word", PATIENCE_S)
        server.start()
        post.wait_for(case, "delivered")


def test_worker_that_loses_redis_under_a_job_ends_for_its_successor(tmp_path: Path, centre: CentreProcess) -> None:
    """A worker whose Redis dies under a job ends with a failure, and the next one finishes; one effect."""
    with (
        own_valkey(tmp_path / "valkey") as server,
        station(f"sqlite:///{tmp_path / 'db.sqlite3'}", tmp_path / "data", server.url, centre) as post,
    ):
        server.start()
        centre.fault(path="cases", delay_s=2.0)
        post.start("run", "relay")
        case = post.finished()
        wait_until(lambda: centre._ask("GET", "/faults")["faults"] == [], "the case on its way", PATIENCE_S)
        server.kill()
        program = post.programs.pop("run")
        wait_until(lambda: not program.running(), "the worker's end", PATIENCE_S)
        program.stop()
        assert program._popen.returncode == 1
        server.start()
        post.start("run")
        post.wait_for(case, "delivered")
        assert len(post.received(case)["versions"]) == 1


def test_killed_worker_gives_its_row_back(post: Station) -> None:
    """A worker killed while the centre thinks leaves the row to another after its lease; the centre counts one."""
    content = photo()
    case = post.case(content)
    post.centre.fault(path="cases", delay_s=60.0)
    post.patch(case, review="passed")
    post.start("run", "relay")
    wait_until(lambda: post.centre._ask("GET", "/faults")["faults"] == [], "the case on its way", PATIENCE_S)
    post.kill("run")
    [row] = post.rows(case)
    assert row.state == "running"
    post.start("run")
    post.wait_for(case, "delivered")
    [version] = post.received(case)["versions"]
    assert version["version"] == row.version
    assert post.rows(case)[0].attempts > row.attempts


def test_database_that_fails_does_not_end_the_relay(tmp_path: Path, valkey_url: str, centre: CentreProcess) -> None:
    """A relay whose tables are away says so and goes on when they are back."""
    path = tmp_path / "db.sqlite3"
    with station(f"sqlite:///{path}", tmp_path / "data", valkey_url, centre) as post:
        case = post.finished()
        post.change(lambda session: session.connection().exec_driver_sql("ALTER TABLE outbox RENAME TO away"))
        post.start("relay", "run")
        wait_until(lambda: said(post, "relay", "the database is away"), "the relay's word", PATIENCE_S)
        post.change(lambda session: session.connection().exec_driver_sql("ALTER TABLE away RENAME TO outbox"))
        post.wait_for(case, "delivered")


def test_upload_that_was_never_finished_is_ended(post: Station) -> None:
    """The relay ends uploads whose time is over."""
    past = datetime.now(UTC) - timedelta(days=1)
    row = {"id": new_id(), "terminal": new_id(), "officer": post.officer, "evidence": new_id(), "sha256": "0" * 64,
           "size": 10, "media_type": "image/jpeg", "idempotency_key": "key", "state": "open", "created_at": past,
           "expires_at": past}
    post.change(lambda session: session.execute(sa.insert(Upload).values(row)))
    post.start("relay")
    state = sa.select(Upload.state)
    wait_until(lambda: post.change(lambda session: session.scalars(state).one()) == "expired", "its end", PATIENCE_S)


@pytest.mark.parametrize("name", ["run", "relay"])
def test_processes_end_when_told(post: Station, name: str) -> None:
    """A termination ends each process in good order."""
    post.start("run", "relay")
    case = post.finished()
    post.wait_for(case, "delivered")
    program = post.programs.pop(name)
    program.stop()
    assert program._popen.returncode == 0, post.log(name)[-3:]


def test_help_names_both_processes() -> None:
    """`--help` says what can be run."""
    done = subprocess.run([sys.executable, "-m", "worker", "--help"], capture_output=True, text=True, check=True)
    assert "run" in done.stdout
    assert "relay" in done.stdout
