"""Backups that hold, and restores that terminals notice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from click.testing import CliRunner, Result
from flask import Flask

from field_api import migrate
from field_api.app import create_app
from field_api.cli import cli
from field_api.config import Config
from field_api.extensions import db
from tests.integration.people import Bureau, problem
from tests.integration.photos import Camera, Photo, new_camera, pixels, view
from tests.support.missing import need
from tests.support.postgres import PrivatePostgres


@pytest.fixture(autouse=True)
def client_programs(config: Config) -> None:
    """PostgreSQL is saved by its own program."""
    if config.database_url.startswith("postgresql") and shutil.which("pg_dump") is None:
        need("pg_dump", "apt-get install postgresql-client")


@pytest.fixture
def elsewhere(config: Config, tmp_path: Path, postgres_server: PrivatePostgres) -> Iterator[Config]:
    """An empty installation on another machine, so to say."""
    data = tmp_path / "elsewhere"
    if config.database_url.startswith("sqlite"):
        yield Config(data=data, database_url=f"sqlite:///{data / 'fieldpost.sqlite3'}")
        return
    with postgres_server.fresh_database() as url:
        yield Config(data=data, database_url=url)


@contextmanager
def opened(config: Config) -> Iterator[Flask]:
    """The restored installation's application."""
    app = create_app(config)
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        app.extensions["fieldpost"].metrics.close()


def run(config: Config, *arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), obj=config)


def saved(config: Config, target: Path) -> Path:
    """Make a backup; returns its folder."""
    done = run(config, "backup", str(target))
    assert done.exit_code == 0, done.output
    return Path(done.stdout.splitlines()[0])


@pytest.fixture(autouse=True)
def stamped(app: Flask, config: Config) -> None:
    """Tables of a test are not migrated; a real installation's are, and know their revision."""
    with migrate.transaction(config.database_url) as connection:
        command.stamp(migrate.alembic_config(connection), "head")


def photographed(bureau: Bureau) -> tuple[Camera, Photo]:
    """A terminal with a case and a photo that the server holds whole."""
    camera = new_camera(bureau, "zhang")
    photo = Photo(pixels("backup"), camera.open_case())
    camera.push_record(photo)
    assert camera.announce(photo, photo.content, Content_Type="application/offset+octet-stream").status_code == 201
    return camera, photo


def hello(camera: Camera) -> dict[str, Any]:
    answer: dict[str, Any] = camera.client.get("/api/v1/sync/hello", headers=camera.handheld.bearer).json
    return answer


def test_a_restored_installation_has_everything_under_a_new_epoch(
    bureau: Bureau, config: Config, elsewhere: Config, tmp_path: Path
) -> None:
    """Cases, photos, keys and sign-ins are there; an old cursor is not, so that terminals look again."""
    camera, photo = photographed(bureau)
    pulled = camera.client.post("/api/v1/sync/pull", json={}, headers=camera.handheld.bearer).json
    folder = saved(config, tmp_path / "backups")
    done = run(elsewhere, "restore", str(folder))
    assert done.exit_code == 0, done.output
    before = hello(camera)["epoch"]
    with opened(elsewhere) as app:
        camera.client = app.test_client()
        assert hello(camera)["epoch"] != before
        asked = {"cursor": pulled["cursor"]}
        answer = camera.client.post("/api/v1/sync/pull", json=asked, headers=camera.handheld.bearer)
        assert problem(answer) == (410, "cursor_expired")
        afresh = camera.client.post("/api/v1/sync/pull", json={}, headers=camera.handheld.bearer).json
        assert afresh["checkpoint"] == pulled["checkpoint"]
        assert view(camera.client, photo, "original", headers=camera.handheld.bearer).data == photo.content


def test_only_a_backup_lets_terminals_delete(bureau: Bureau, config: Config, tmp_path: Path) -> None:
    """`safe_before` is null until a backup was written and read back, and lies before it began."""
    camera, _photo = photographed(bureau)
    assert hello(camera)["safe_before"] is None
    saved(config, tmp_path / "backups")
    told = hello(camera)
    assert told["safe_before"] < told["server_time"]


def test_a_later_backup_copies_only_new_photos(bureau: Bureau, config: Config, tmp_path: Path) -> None:
    """Photos lie beside the backups once each."""
    photographed(bureau)
    assert "1 photos, 1 of them new" in run(config, "backup", str(tmp_path / "backups")).stdout
    shutil.rmtree(next((tmp_path / "backups").glob("2*")))
    assert "1 photos, 0 of them new" in run(config, "backup", str(tmp_path / "backups")).stdout


@pytest.mark.parametrize("victim", ["photos/*/*", "2*/keys/*", "2*/fieldpost.*"])
def test_a_damaged_backup_is_named_and_not_restored(
    bureau: Bureau, config: Config, elsewhere: Config, tmp_path: Path, victim: str
) -> None:
    """One flipped bit anywhere is found by the check, and nothing is brought back from it."""
    photographed(bureau)
    folder = saved(config, tmp_path / "backups")
    path = next((tmp_path / "backups").glob(victim))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    checked = run(config, "backup", "--check", str(folder))
    assert checked.exit_code == 1
    assert path.name in checked.output
    assert run(elsewhere, "restore", str(folder)).exit_code == 1
    assert not list(elsewhere.data.glob("keys/*"))


def test_nothing_is_restored_over_an_installation(bureau: Bureau, config: Config, tmp_path: Path) -> None:
    """A folder that holds an installation is left alone; and a backup does not lie inside what it saves."""
    photographed(bureau)
    folder = saved(config, tmp_path / "backups")
    refused = run(config, "restore", str(folder))
    assert refused.exit_code == 1
    assert "already" in refused.output
    assert run(config, "backup", str(config.data / "inside")).exit_code == 1
