"""What machines see: health, readiness, metrics, logs, headers, compression."""

from __future__ import annotations

import gzip
import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
import zstandard
from flask import Flask

from field_api import migrate
from field_api.config import Config
from field_api.endpoint import Answer, Context, endpoint
from field_api.extensions import db
from field_api.observe import configure_logging
from tests.integration.people import Bureau, problem, running


def add_body(app: Flask, body: object, media_type: str = "application/json") -> None:
    """Add a route that answers with the body."""

    @endpoint("Answer", caller="anyone", mode="own")
    def view(_context: Context) -> Answer:
        return Answer(body, media_type=media_type)

    app.add_url_rule("/body", "body", view)


def test_a_service_at_the_newest_schema_is_ready(bare_config: Config) -> None:
    """After an upgrade the service says that it is ready; the upgrade may run again."""
    for _ in range(2):
        migrate.upgrade(bare_config)
    with running(bare_config, create=False) as app:
        client = app.test_client()
        assert client.get("/readyz").json == {"status": "ready"}
        assert client.get("/healthz").json == {"status": "ok"}


def test_a_service_at_another_schema_is_not_ready_but_lives(app: Flask) -> None:
    """A program before a database of another revision says so and stays up."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('elsewhere')"))
    client = app.test_client()
    answer = client.get("/readyz")
    assert problem(answer) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert client.get("/healthz").status_code == 200


def test_a_service_whose_data_folder_is_gone_is_not_ready(bare_config: Config) -> None:
    """A data folder that takes no writes is found out before a terminal's push is."""
    migrate.upgrade(bare_config)
    with running(bare_config, create=False) as app:
        (bare_config.data / "keys").rename(bare_config.data.with_name("kept-keys"))
        bare_config.data.rename(bare_config.data.with_name("moved"))
        assert problem(app.test_client().get("/readyz")) == (503, "unavailable")


def test_requests_are_counted_by_route_and_status(app: Flask, bureau: Bureau) -> None:
    """Ids do not become time series; what matches no route is one series."""
    handheld = bureau.handheld()
    handheld.client.get("/nowhere/1")
    handheld.client.get("/nowhere/2")
    text = handheld.client.get("/metrics").text
    counted = [line for line in text.splitlines() if line.startswith("fieldpost_http_requests_total{")]
    assert 'fieldpost_http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in counted
    enrolled = 'fieldpost_http_requests_total{method="POST",route="/api/v1/terminals",status="201"} 1.0'
    assert enrolled in counted
    assert 'fieldpost_http_request_seconds_count{method="POST",route="/api/v1/terminals"} 1.0' in text


@pytest.fixture
def json_log() -> Iterator[io.StringIO]:
    """What is logged as the server does it; the loggers are put back afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    configure_logging(stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_request_leaves_one_line_without_personal_words(json_log: io.StringIO, bureau: Bureau) -> None:
    """The line names route, status, people by id, and the request's id; no name, token or nonce."""
    handheld = bureau.signed_in("zhang")
    handheld.client.delete(
        "/api/v1/tokens/current?name=secret", headers=handheld.bearer | {"X-Request-Id": "request-0001"}
    )
    lines = [json.loads(line) for line in json_log.getvalue().splitlines()]
    access = [line for line in lines if line.get("request_id") == "request-0001"]
    assert len(access) == 1
    line = access[0]
    assert (line["method"], line["route"], line["status"]) == ("DELETE", "/api/v1/tokens/current", 204)
    assert (line["terminal"], line["request_id"]) == (handheld.id, "request-0001")
    assert line["officer"]
    assert line["ms"] >= 0
    written = json.dumps(lines, ensure_ascii=False)
    assert not [word for word in ("zhang", "secret", handheld.access) if word in written]


def test_a_crash_is_logged_under_the_request_id_and_told_to_nobody(
    json_log: io.StringIO, app: Flask
) -> None:
    """The log has the stack, the answer only the id that finds it."""

    # In pieces, since the log quotes this line.
    words = ("SECRET", "WORD")

    @endpoint("Fail", caller="anyone")
    def view(context: Context) -> None:
        query = sa.text("SELECT :word + 1 / 0 FROM nowhere")
        context.session.execute(query, {"word": " ".join(words)})
        raise AssertionError("nowhere should not be there")

    app.add_url_rule("/crash", "crash", view)
    answer = app.test_client().get("/crash")
    assert answer.status_code in (500, 503)
    assert "nowhere" not in answer.text
    assert "SECRET WORD" not in json_log.getvalue()
    failures = [json.loads(line) for line in json_log.getvalue().splitlines() if '"exception"' in line]
    assert len(failures) == 1
    assert failures[0]["request_id"] == answer.json["instance"]
    assert "nowhere" in failures[0]["exception"]


@pytest.mark.parametrize(
    ("accepted", "used"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, zstd", "zstd"),
        ("br", None),
        ("gzip;q=0", None),
        ("", None),
    ],
)
def test_large_answers_are_compressed_as_accepted(app: Flask, accepted: str, used: str | None) -> None:
    """The body comes back whole by whatever encoding the caller accepts."""
    body = {"words": ["演示"] * 400}
    add_body(app, body)
    answer = app.test_client().get("/body", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == used
    assert answer.headers["Vary"] == "Accept-Encoding"
    raw = {"gzip": gzip.decompress, "zstd": zstandard.decompress, None: bytes}[used](answer.data)
    assert json.loads(raw) == body
    assert used is None or len(answer.data) < len(raw)


@pytest.mark.parametrize(("body", "media_type"), [(b"x" * 400, "text/plain"), (b"x" * 4000, "image/jpeg")])
def test_small_and_packed_answers_stay_as_they_are(app: Flask, body: bytes, media_type: str) -> None:
    """Compressing what does not shrink would only cost time."""
    add_body(app, body, media_type)
    answer = app.test_client().get("/body", headers={"Accept-Encoding": "gzip, zstd"})
    assert "Content-Encoding" not in answer.headers
    assert answer.data == body


def test_every_answer_protects_the_browser(app: Flask) -> None:
    """Problems too carry the headers."""
    headers = app.test_client().get("/nowhere").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_a_broken_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration whose rows point nowhere is undone as a whole."""
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (scripts / name).write_bytes((migrate.SCRIPTS / name).read_bytes())
    (scripts / "versions" / "one.py").write_text(
        "from alembic import op\nrevision = 'one'\ndown_revision = None\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES a (id))')\n"
        "    op.execute('INSERT INTO a VALUES (1, 7)')\n"
    )
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    with pytest.raises(migrate.MigrationError):
        migrate.upgrade(Config(data=tmp_path / "data", database_url=url))
    with migrate.transaction(url) as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_the_data_folder_is_private(app: Flask, config: Config) -> None:
    """Nobody else on the machine reads the embedded database or the keys."""
    assert stat.S_IMODE(config.data.stat().st_mode) == 0o700
