"""Fixtures of the whole suite: real databases, a real Valkey, and a loud word on what could not run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from launcher.testing import in_ci
from launcher.valkey import valkey_binary
from tests.support import founding, missing, postgres, valkey

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if in_ci() else "here"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """How hard tests/concurrency/test_crashes.py tries; a night has time for a thousand."""
    parser.addoption("--crashes", type=int, default=30, help="how often the server is killed")
    parser.addoption("--crashes-on", choices=["sqlite", "postgresql"], default="sqlite", help="on which database")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PrivatePostgres]:
    """The run's private PostgreSQL; `with postgres_server.fresh_database() as url:` for a module's own."""
    binaries = postgres.find_binaries()
    if binaries is None:
        missing.need("PostgreSQL", postgres.HOW_TO_GET)
    else:
        with postgres.private_postgres(binaries) as server:
            yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.PrivatePostgres) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of this test's own; the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def founded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded SQLite database, to be copied."""
    path = tmp_path_factory.mktemp("founded") / "fieldpost.sqlite3"
    founding.make(f"sqlite:///{path}")
    return path


@pytest.fixture
def founded_copy(founded_file: Path, tmp_path: Path) -> Path:
    """A founded SQLite database of this test's own."""
    return Path(shutil.copyfile(founded_file, tmp_path / "fieldpost.sqlite3"))


@pytest.fixture(scope="session")
def founded_template(postgres_server: postgres.PrivatePostgres) -> Iterator[str]:
    """A founded PostgreSQL database, to be copied."""
    with postgres_server.fresh_database() as url:
        founding.make(url)
        yield url


@pytest.fixture
def founded_postgres_url(postgres_server: postgres.PrivatePostgres, founded_template: str) -> Iterator[str]:
    """A founded PostgreSQL database of this test's own."""
    with postgres_server.fresh_database(like=founded_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def founded_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A founded database of this test's own; the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('founded_copy')}"
    return str(request.getfixturevalue("founded_postgres_url"))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The URL of the run's private Valkey."""
    program = valkey_binary()
    if program is None:
        missing.need("Valkey", valkey.HOW_TO_GET)
    else:
        with valkey.private_valkey(program) as url:
            yield url


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """The private Valkey, emptied for this test."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Carry what a worker of pytest-xdist missed to the process that writes the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["missing"] = dict(missing.MISSING)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Collect what a worker of pytest-xdist missed."""
    missing.MISSING.update(getattr(node, "workeroutput", {}).get("missing", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every program that was missing and how to get it."""
    if not missing.MISSING:
        return
    terminalreporter.section("NOT RUN FOR WANT OF A PROGRAM", sep="!", red=True, bold=True)
    for program, how_to_get in sorted(missing.MISSING.items()):
        terminalreporter.line(f"{program}: {how_to_get}", red=True)
