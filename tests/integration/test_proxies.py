"""What proxies say of a caller: taken from those that are named, from nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from field_api.app import THREADS_KEPT_FREE, create_app
from field_api.auth.limits import PER_NAME_AND_SOURCE
from field_api.config import Config, ConfigError
from tests.integration.people import PASSWORD, Bureau, running

LOGIN = "/console/login"
OUTSIDE = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "post.example"}


@contextmanager
def console(config: Config, proxies: int) -> Iterator[FlaskClient]:
    """A browser before an installation with one administrator."""
    with running(replace(config, trusted_proxies=proxies)) as app:
        Bureau(app).officer("zhou", "admin")
        yield app.test_client()


def enter(client: FlaskClient, password: str = PASSWORD, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(LOGIN, data={"username": "zhou", "password": password}, headers=named)


def attempts(client: FlaskClient, addresses: list[str]) -> list[int]:
    """The statuses of wrong passwords, each sent with another X-Forwarded-For."""
    return [enter(client, "wrong password", X_Forwarded_For=address).status_code for address in addresses]


def test_nobody_is_believed_by_default(config: Config) -> None:
    """Without a named proxy a caller changes neither his address, nor the scheme, nor the host."""
    spoofed = [f"198.51.100.{number}" for number in range(PER_NAME_AND_SOURCE + 1)]
    with console(config, 0) as client:
        entered = enter(client, **OUTSIDE)
        assert entered.status_code == 303
        assert "Secure" not in entered.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in entered.headers
        assert enter(client, Origin="https://post.example", **OUTSIDE).status_code == 403
        assert attempts(client, spoofed)[-1] == 429


def test_a_named_proxy_is_believed(config: Config) -> None:
    """Behind one proxy the cookie is for TLS only and a form of the outer name is one's own."""
    with console(config, 1) as client:
        entered = enter(client, Origin="https://post.example", **OUTSIDE)
        assert entered.status_code == 303
        assert "Secure" in entered.headers["Set-Cookie"]
        assert entered.headers["Strict-Transport-Security"]
        assert enter(client, Origin="https://other.example", **OUTSIDE).status_code == 403


@pytest.mark.parametrize("proxies", [1, 2])
def test_only_what_the_named_proxies_appended_counts(config: Config, proxies: int) -> None:
    """What a caller writes before the proxies' own entries is not his address; callers are counted apart."""
    behind = "".join(f", 10.0.0.{number}" for number in range(proxies - 1))
    spoofed = [f"198.51.100.{number}, 192.0.2.1{behind}" for number in range(PER_NAME_AND_SOURCE + 1)]
    with console(config, proxies) as client:
        assert attempts(client, spoofed)[-1] == 429
        assert attempts(client, [f"192.0.2.2{behind}"]) == [401]


@pytest.mark.parametrize(("threads", "lines"), [(1, 1), (3, 1), (4, 1), (5, 2), (8, 5), (64, 61)])
def test_uploads_leave_threads_for_the_rest(tmp_path: Path, threads: int, lines: int) -> None:
    """However many threads a process has, photos may hold all but three of them, and always one."""
    given: Mapping[str, str] = {"FIELDPOST_DATA": str(tmp_path), "FIELDPOST_WEB_THREADS": str(threads)}
    held = create_app(Config.from_env(given)).extensions["fieldpost"]
    held.metrics.close()
    taken = 0
    while held.upload_lines.acquire(blocking=False):
        taken += 1
    assert taken == lines
    assert taken == max(1, threads - THREADS_KEPT_FREE)


@pytest.mark.parametrize("name", ["FIELDPOST_TRUSTED_PROXIES", "FIELDPOST_WEB_THREADS", "FIELDPOST_SILENT_AFTER_S"])
@pytest.mark.parametrize("value", ["-1", "one", "nan", "1e12"])
def test_a_count_that_cannot_be_is_named(name: str, value: str) -> None:
    """A variable that holds what it must not stops the program with its name."""
    with pytest.raises(ConfigError, match=name):
        Config.from_env({name: value})
