"""Uploads against the real web server: lines that break, a server that is killed; no byte is lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from flask import Flask

from field_api.app import THREADS_KEPT_FREE
from field_api.config import Config
from media.chunks import PIECE_BYTES
from tests.integration.people import Bureau, running
from tests.integration.photos import CHUNK, TUS, Camera, Photo, found_bureau, new_camera, pixels
from tests.support.waiting import wait_until
from tests.support.web import THREADS, WebServer

# The server hands bytes over by whole pieces while the line lives.
HALF = 6 * PIECE_BYTES


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An installation on SQLite, as it runs in the field."""
    data = tmp_path / "data"
    return Config(data=data, database_url=f"sqlite:///{data / 'fieldpost.sqlite3'}")


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """The application in this process, for what is not under test."""
    with running(config) as flask_app:
        found_bureau(flask_app)
        yield flask_app


@pytest.fixture
def server(app: Flask, config: Config, tmp_path: Path) -> Iterator[WebServer]:
    """The web server on the same data."""
    web = WebServer(config, tmp_path)
    web.start()
    try:
        yield web
    finally:
        web.kill()


@pytest.fixture
def camera(app: Flask) -> Camera:
    """A terminal on which an officer is signed in."""
    return new_camera(Bureau(app), "yi")


@pytest.fixture
def photo(camera: Camera) -> Photo:
    """A photo of three megabytes whose record has been pushed."""
    taken = Photo(pixels("live", 2 * HALF), camera.open_case())
    camera.push_record(taken)
    return taken


def chunk_headers(camera: Camera, offset: int, length: int) -> dict[str, str]:
    return {**CHUNK, **camera.handheld.bearer, "Upload-Offset": str(offset), "Content-Length": str(length)}


def offset_of(server: WebServer, camera: Camera, path: str) -> int:
    answer = server.ask("HEAD", path, {**TUS, **camera.handheld.bearer})
    assert answer.status == 200
    assert answer.headers["tus-resumable"] == "1.0.0"
    return int(answer.headers["upload-offset"])


def carry_on(server: WebServer, camera: Camera, path: str, photo: Photo, known: int) -> None:
    """Do as a terminal does, ask and go on, until all is there; the offset must never go back."""

    def is_whole() -> bool:
        nonlocal known
        offset = offset_of(server, camera, path)
        assert offset >= known
        known = offset
        rest = photo.content[offset:]
        if not rest:
            return True
        answer = server.ask("PATCH", path, chunk_headers(camera, offset, len(rest)), rest)
        assert answer.status in (204, 409), answer.body
        return answer.status == 204

    wait_until(is_whole, "the end of the upload")


def test_a_cut_line_is_resumed_where_it_broke(server: WebServer, camera: Camera, photo: Photo) -> None:
    """What came before a line broke is kept, and the rest makes the photo whole."""
    path = camera.begin(photo)
    with server.dial("PATCH", path, chunk_headers(camera, 0, len(photo.content))) as line:
        line.sendall(photo.content[:HALF])
    wait_until(lambda: offset_of(server, camera, path) > 0, "the first bytes")
    carry_on(server, camera, path, photo, known=1)
    assert camera.bytes_of(photo) == "verified"


def test_a_terminal_need_not_wait_for_its_own_ghost(server: WebServer, camera: Camera, photo: Photo) -> None:
    """Bytes count while their request still hangs on a dead line, and a new request takes over."""
    path = camera.begin(photo)
    with server.dial("PATCH", path, chunk_headers(camera, 0, len(photo.content))) as line:
        line.sendall(photo.content[:HALF])
        wait_until(lambda: offset_of(server, camera, path) == HALF, "all that was sent")
        carry_on(server, camera, path, photo, known=HALF)
    assert camera.bytes_of(photo) == "verified"


def test_a_server_killed_while_bytes_flow_keeps_what_it_answered(
    server: WebServer, camera: Camera, photo: Photo
) -> None:
    """After a kill in the middle of a chunk the offset is what it was, and the photo is whole in the end."""
    path = camera.begin(photo)
    with server.dial("PATCH", path, chunk_headers(camera, 0, len(photo.content))) as line:
        line.sendall(photo.content[:HALF])
        wait_until(lambda: offset_of(server, camera, path) == HALF, "all that was sent")
        server.kill()
    server.start()
    assert offset_of(server, camera, path) == HALF
    carry_on(server, camera, path, photo, known=HALF)
    assert camera.bytes_of(photo) == "verified"


@pytest.mark.parametrize("asks_again", ["HEAD", "PATCH", "POST"])
def test_a_server_killed_after_the_last_byte_finishes_when_asked(
    asks_again: str, server: WebServer, camera: Camera, photo: Photo, config: Config
) -> None:
    """Killed between the bytes' last and the row, the server completes the upload at the next request."""
    path = camera.begin(photo, Idempotency_Key="k1")
    assert offset_of(server, camera, path) == 0
    blob = config.data / "blobs" / photo.sha256[:2] / photo.sha256[2:4] / photo.sha256
    with closing(sqlite3.connect(config.data / "fieldpost.sqlite3", isolation_level=None)) as other:
        # While somebody else writes, the request can store the photo but not say so.
        other.execute("BEGIN IMMEDIATE")
        with server.dial("PATCH", path, chunk_headers(camera, 0, len(photo.content))) as line:
            line.sendall(photo.content)
            wait_until(blob.exists, "the stored photo")
            server.kill()
            assert line.recv(1) == b""
        other.execute("ROLLBACK")
    assert camera.bytes_of(photo) == "awaited"
    server.start()
    if asks_again == "POST":
        answer = camera.announce(photo, Idempotency_Key="k1")
        assert (answer.status_code, answer.headers["Location"]) == (201, path)
    elif asks_again == "PATCH":
        size = len(photo.content)
        assert server.ask("PATCH", path, chunk_headers(camera, size, 0)).status == 204
    assert offset_of(server, camera, path) == len(photo.content)
    assert camera.bytes_of(photo) == "verified"
    assert camera.view(photo, "original").data == photo.content


def test_refusals_of_a_body_that_was_not_read_arrive(server: WebServer, camera: Camera, photo: Photo) -> None:
    """A chunk at a wrong offset, or under a wrong checksum, is refused by an answer, not by a broken line."""
    path = camera.begin(photo)
    wrong = server.ask("PATCH", path, chunk_headers(camera, 7, HALF), photo.content[:HALF])
    assert (wrong.status, wrong.headers["upload-offset"]) == (409, "0")
    headers = chunk_headers(camera, 0, HALF) | {"Upload-Checksum": "sha1 " + "A" * 27 + "="}
    damaged = server.ask("PATCH", path, headers, photo.content[:HALF])
    assert damaged.status == 460
    assert b"checksum_mismatch" in damaged.body
    assert offset_of(server, camera, path) == 0


def test_pictures_are_streamed_whole(server: WebServer, camera: Camera, photo: Photo) -> None:
    """The real server sends an original byte for byte, with its length, uncompressed."""
    camera.upload(photo)
    headers = {**camera.handheld.bearer, "Accept-Encoding": "gzip, zstd"}
    answer = server.ask("GET", f"/api/v1/evidence/{photo.evidence}/original", headers)
    assert (answer.status, answer.body) == (200, photo.content)
    assert answer.headers["content-length"] == str(len(photo.content))
    assert "content-encoding" not in answer.headers


def test_hanging_lines_do_not_stop_the_rest(server: WebServer, camera: Camera, photo: Photo) -> None:
    """However many uploads hang, other requests pass; one more upload is asked to wait."""
    paths = [camera.begin(photo) for _ in range(THREADS - THREADS_KEPT_FREE + 1)]
    with ExitStack() as lines:
        for path in paths[:-1]:
            line = lines.enter_context(server.dial("PATCH", path, chunk_headers(camera, 0, len(photo.content))))
            line.sendall(photo.content[:HALF])
        for path in paths[:-1]:
            wait_until(lambda path=path: offset_of(server, camera, path) == HALF, "all that was sent")
        refused = server.ask("PATCH", paths[-1], chunk_headers(camera, 0, 5), b"bytes")
        assert (refused.status, json.loads(refused.body)["retry"]) == (503, "later")
        assert "retry-after" in refused.headers
        hello = server.ask("GET", "/api/v1/sync/hello", camera.handheld.bearer)
        assert hello.status == 200
    carry_on(server, camera, paths[0], photo, known=HALF)


def test_a_chunk_of_unknown_length_is_taken_as_far_as_it_came(
    server: WebServer, camera: Camera, photo: Photo
) -> None:
    """Without a Content-Length the server cannot tell a cut from an end; what came counts, no byte more."""
    path = camera.begin(photo)
    headers = {**CHUNK, **camera.handheld.bearer, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
    with server.dial("PATCH", path, headers) as line:
        line.sendall(b"%x\r\n%b\r\n" % (HALF, photo.content[:HALF]))
    wait_until(lambda: offset_of(server, camera, path) == HALF, "all that was sent")
    rest = photo.content[HALF:]
    with server.dial("PATCH", path, headers | {"Upload-Offset": str(HALF)}) as line:
        line.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
        assert line.recv(12) == b"HTTP/1.1 204"
    assert camera.bytes_of(photo) == "verified"
