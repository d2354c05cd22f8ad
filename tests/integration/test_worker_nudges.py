"""What makes a delivery soon, and what a kill left half done: the relay hears, and the relay looks."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from field_api.config import Config
from field_api.extensions import db
from field_api.nudges import KEY
from field_api.problems import Problem
from field_api.transactions import write
from media.tables import Upload
from reference.centre.process import CentreProcess
from sync.store import outbox
from sync.store.ids import new_id
from sync.store.outbox import OutboxRow
from tests.integration.people import Bureau, now, running
from tests.integration.photos import Photo, found_bureau, new_camera, pixels
from tests.integration.test_worker_faults import own_valkey
from tests.support.station import TOKEN, photo, station
from tests.support.waiting import wait_until
from worker.relay import BELL, Relay


def put(app: Flask, *, fails: bool = False) -> str:
    """Write an outbox row in a transaction, as a push does."""
    row = new_id()

    def work() -> None:
        outbox.put(db.session(), kind="deliver", key=row, subject=row, version=1, now=now())
        if fails:
            raise Problem("unavailable")

    with app.app_context():
        write(db.session(), work)
    return row


def count(app: Flask, rows: list[str]) -> int:
    """How many of the rows are there."""
    with app.app_context():
        return db.session.scalar(sa.select(sa.func.count()).where(OutboxRow.key.in_(rows)))


@contextmanager
def founded(config: Config) -> Iterator[Flask]:
    with running(config) as app:
        found_bureau(app)
        yield app


def listens(connection: redis.Redis) -> bool:
    """Say whether a relay waits for nudges."""
    return any(client["name"] == BELL and client["cmd"] == "blpop" for client in connection.client_list())


def test_a_delivery_does_not_wait_for_the_interval(tmp_path: Path, database_url: str, valkey_url: str) -> None:
    """A relay that would look again in an hour delivers at once what is committed meanwhile."""
    hourly = {"FIELDPOST_RELAY_INTERVAL_S": "3600"}
    with (
        redis.Redis.from_url(valkey_url) as connection,
        CentreProcess(tmp_path / "centre.sqlite3", TOKEN) as centre,
        station(database_url, tmp_path / "data", valkey_url, centre, **hourly) as post,
    ):
        post.start("run", "relay")
        wait_until(lambda: listens(connection), "a relay that listens")
        case = post.finished(photo())
        post.wait_for(case, "delivered")
        assert post.received(case) is not None


def test_a_relay_that_waits_for_an_hour_still_ends_when_told(
    tmp_path: Path, database_url: str, valkey_url: str
) -> None:
    """Hearing nudges does not keep a relay from its end."""
    settings = {"FIELDPOST_RELAY_INTERVAL_S": "3600"}
    with (
        redis.Redis.from_url(valkey_url) as connection,
        station(database_url, tmp_path / "data", valkey_url, None, **settings) as post,
    ):
        post.start("relay")
        wait_until(lambda: listens(connection), "a relay that listens")
        relay = post.programs["relay"]
        relay._popen.send_signal(signal.SIGTERM)
        assert relay._popen.wait(30) == 0


def test_only_a_commit_to_the_outbox_nudges(config: Config, valkey_url: str) -> None:
    """Neither other writes nor what was rolled back wake anybody; many commits leave one nudge."""
    with founded(replace(config, redis_url=valkey_url)) as app, redis.Redis.from_url(valkey_url) as connection:
        Bureau(app).officer("zhou", "admin")
        with pytest.raises(Problem):
            put(app, fails=True)
        assert app.extensions["fieldpost"].nudges._thread is None
        for _ in range(3):
            put(app)
        wait_until(lambda: connection.llen(KEY) == 1, "a nudge")


def test_a_redis_that_hangs_delays_no_answer(tmp_path: Path, config: Config) -> None:
    """While Redis takes bytes and answers nothing, commits go on; once it answers again it is nudged."""
    with (
        own_valkey(tmp_path) as server,
        founded(replace(config, redis_url=server.url)) as app,
        redis.Redis.from_url(server.url) as connection,
    ):
        server.start()
        process = connection.info("server")["process_id"]
        os.kill(process, signal.SIGSTOP)
        try:
            rows = [put(app) for _ in range(50)]
        finally:
            os.kill(process, signal.SIGCONT)
        assert count(app, rows) == 50
        put(app)
        wait_until(lambda: connection.llen(KEY) == 1, "a nudge")


def test_a_redis_that_answers_nothing_is_asked_seldom(config: Config) -> None:
    """However many commits there are, one line at a time is tried, and not for each commit."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as hole:
        url = f"redis://127.0.0.1:{hole.getsockname()[1]}/0"
        with founded(replace(config, redis_url=url)) as app:
            assert count(app, [put(app) for _ in range(200)]) == 200
        hole.setblocking(False)
        lines = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                hole.accept()[0].close()
                lines += 1
        assert 1 <= lines < 100


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "nonsense://x"])
def test_no_redis_is_no_fault_of_the_callers(config: Config, url: str) -> None:
    """Where there is no Redis, or its address is none, what is committed is committed."""
    with founded(replace(config, redis_url=url)) as app:
        assert count(app, [put(app) for _ in range(3)]) == 3


@contextmanager
def relaying(app: Flask, connection: redis.Redis) -> Iterator[None]:
    """A relay of the same installation, until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=Relay(app, connection, stop).run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("honest", [True, False])
def test_an_upload_whose_process_died_after_the_last_byte_is_finished(
    config: Config, valkey_url: str, *, honest: bool
) -> None:
    """Nobody need ask: the relay judges what is whole, and the record says what came of it."""
    with founded(replace(config, redis_url=valkey_url)) as app, redis.Redis.from_url(valkey_url) as connection:
        camera = new_camera(Bureau(app), "li")
        taken = Photo(pixels("taken", 9000), camera.open_case())
        camera.push_record(taken)
        path = camera.begin(taken)
        sent = taken.content if honest else pixels("other", 9000)
        with app.app_context():
            uploads, session = app.extensions["fieldpost"].uploads, db.session()
            [upload] = session.scalars(sa.select(Upload.id))
            view = uploads.state(session, upload, camera.handheld.id)
            uploads.append(view, 0, io.BytesIO(sent), length=len(sent))
            db.session.remove()
        with relaying(app, connection):
            wait_until(lambda: camera.bytes_of(taken) == ("verified" if honest else "mismatched"), "a judgement")
        assert path.endswith(upload)
        with app.app_context():
            derived = db.session.scalar(sa.select(sa.func.count()).where(OutboxRow.subject == taken.sha256))
        assert derived == int(honest)


def test_one_upload_that_cannot_be_finished_stops_no_other(config: Config, valkey_url: str) -> None:
    """Where the bytes of one are gone meanwhile, the next is finished all the same."""
    with founded(replace(config, redis_url=valkey_url)) as app, redis.Redis.from_url(valkey_url) as connection:
        camera = new_camera(Bureau(app), "li")
        photos = [Photo(pixels(f"photo {number}", 5000), camera.open_case()) for number in range(2)]
        uploads = app.extensions["fieldpost"].uploads
        for taken in photos:
            camera.push_record(taken)
            upload = camera.begin(taken).rpartition("/")[2]
            with app.app_context():
                view = uploads.state(db.session(), upload, camera.handheld.id)
                uploads.append(view, 0, io.BytesIO(taken.content), length=5000)
                db.session.remove()
        broken = config.data / "blobs" / photos[0].sha256[:2]
        broken.write_bytes(b"")
        with relaying(app, connection):
            wait_until(lambda: camera.bytes_of(photos[1]) == "verified", "the other")
        assert camera.bytes_of(photos[0]) == "awaited"
