"""`serve` and `worker` as a person runs them: the real launcher in a toy house of tiny programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from launcher.installation import ROOT, Installation, InstallationError, answers_http, free_port
from tests.support.waiting import wait_until

HOUSE = {
    "wsgi.py": "def app(environ, start):\n    start('200 OK', [])\n    return [b'ok']\n",
    "worker/__init__.py": "",
    "worker/__main__.py": "import os, time\nprint(os.environ['FIELDPOST_REDIS_URL'], flush=True)\n"
                          "while True: time.sleep(60)\n",
    "field_api/__init__.py": "",
    "field_api/cli.py": "import os, pathlib, click\ncli = click.Group()\n@cli.group()\ndef db(): pass\n"
                        "@db.command()\ndef upgrade():\n"
                        "    (pathlib.Path(os.environ['FIELDPOST_DATA']) / 'upgraded').touch()\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A checkout that holds the real launcher and toys for what it starts."""
    root = tmp_path / "house"
    shutil.copytree(ROOT / "launcher", root / "launcher", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in HOUSE.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def environment(house: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDPOST_")}
    return {**kept, "PYTHONPATH": str(house)}


@contextmanager
def running(house: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-P", "-m", "launcher", *arguments], env=environment(house),
                          cwd=house.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as launcher:
        try:
            yield launcher
        finally:
            launcher.kill()


def refused(house: Path, *arguments: str) -> str:
    """Run a command that must fail by itself; returns what it says."""
    done = subprocess.run([sys.executable, "-P", "-m", "launcher", *arguments], env=environment(house),
                          cwd=house.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


def pids_naming(path: Path) -> list[int]:
    """Return the living processes whose environment names the folder."""
    needle, found = f"FIELDPOST_DATA={path}\0".encode(), []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if needle in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def redis_url(data: Path, name: str = "worker") -> str:
    log = data / "logs" / f"{name}.log"
    wait_until(lambda: log.exists() and log.read_text().count("\n") > 0, f"{name}'s first line")
    return log.read_text().splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve_runs_everything_and_a_signal_ends_everything(number: int, house: Path) -> None:
    """Web and Valkey answer, worker and relay run, the database is upgraded; a signal leaves nothing."""
    data, port = house.parent / "data", free_port()
    with running(house, "serve", "--data", "data", "--port", str(port)) as launcher:
        wait_until(lambda: answers_http(port), "the web server")
        assert (data / "upgraded").exists()
        with redis.Redis.from_url(redis_url(data)) as client:
            assert client.ping()
        redis_url(data, "relay")
        assert (data / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
        launcher.send_signal(number)
        assert launcher.wait(30) == 0
    assert pids_naming(data) == []
    assert not answers_http(port)


def test_a_second_start_on_the_same_folder_is_refused_by_name(house: Path) -> None:
    """The second start says which process holds the folder, and the first goes on."""
    port = free_port()
    with running(house, "serve", "--data", "data", "--port", str(port)) as launcher:
        wait_until(lambda: answers_http(port), "the web server")
        said = refused(house, "serve", "--data", "data", "--port", str(free_port()))
        assert f"data is in use by process {launcher.pid} (port {port})" in said
        assert "Traceback" not in said
        assert answers_http(port)


def test_a_start_after_a_killed_one_waits_for_its_programs_and_runs(house: Path) -> None:
    """SIGKILL of the launcher leaves nothing, and the next start takes the same folder and port over."""
    data, port = house.parent / "data", free_port()
    arguments = ("serve", "--data", "data", "--port", str(port))
    with running(house, *arguments) as launcher:
        wait_until(lambda: answers_http(port), "the web server")
        first = redis_url(data)
        launcher.kill()
        launcher.wait()
        wait_until(lambda: not pids_naming(data), "the end of every program")
        with running(house, *arguments):
            wait_until(lambda: answers_http(port), "the web server again")
            wait_until(lambda: redis_url(data) != first, "the new worker")


def test_the_folder_is_held_until_the_last_program_of_a_killed_launcher_is_gone(tmp_path: Path) -> None:
    """A lock that outlives the process named in it is waited for, not broken."""
    installation = Installation(data=tmp_path / "data")
    with installation.locked() as descriptor:
        heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
        gone = subprocess.Popen(["true"])
        gone.wait()
        os.pwrite(descriptor, f"process {gone.pid} (port 1)\n".encode().ljust(60), 0)
    heir.stdin.close()  # it ends while the next line waits
    with installation.locked():
        holder = (installation.data / "locks" / "launcher.lock").read_text()
        assert holder == f"process {os.getpid()} (port {installation.port})\n"
    assert heir.wait(30) == 0


def test_a_held_folder_is_refused_at_once(tmp_path: Path) -> None:
    """Within one process too, a folder that a living process holds is refused."""
    installation = Installation(data=tmp_path)
    with installation.locked(), pytest.raises(InstallationError, match=f"in use by process {os.getpid()} "), \
            installation.locked():
        pass


def test_a_taken_port_is_refused_by_number(house: Path) -> None:
    """A port that somebody listens on is refused before anything is started on it."""
    port = free_port()
    with running(house, "serve", "--data", "data", "--port", str(port)):
        wait_until(lambda: answers_http(port), "the web server")
        said = refused(house, "serve", "--data", "other", "--port", str(port))
        assert f"port {port} is taken; choose another with --port" in said


def test_a_failed_upgrade_stops_the_start_with_its_last_words(house: Path) -> None:
    """Nothing serves on a database that could not be upgraded."""
    (house / "field_api" / "cli.py").write_text("raise SystemExit('the database is newer than this release')")
    port = free_port()
    said = refused(house, "serve", "--data", "data", "--port", str(port))
    assert "upgrade failed" in said
    assert "the database is newer than this release" in said
    assert not answers_http(port)


def test_worker_runs_the_pair_alone_against_a_named_redis(house: Path, valkey_url: str) -> None:
    """`worker` starts worker and relay with the given URL and no web, no Valkey; without a URL it refuses."""
    assert "worker needs --redis-url" in refused(house, "worker", "--data", "data")
    data = house.parent / "data"
    with running(house, "worker", "--data", "data", "--redis-url", valkey_url) as launcher:
        assert redis_url(data, "worker") == redis_url(data, "relay") == valkey_url
        assert not (data / "logs" / "web.log").exists()
        launcher.terminate()
        assert launcher.wait(30) == 0
    assert pids_naming(data) == []


def test_a_program_in_the_current_folder_is_not_mistaken_for_ours(house: Path) -> None:
    """A file named like one of our modules, where one happens to stand, is not imported."""
    (house.parent / "click.py").write_text("raise SystemExit('the wrong click')")
    done = subprocess.run([sys.executable, "-P", "-m", "launcher", "serve", "--help"], env=environment(house),
                          cwd=house.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "Run the installation" in done.stdout
