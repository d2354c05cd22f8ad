"""The decisions of `./fieldpost` before there is a venv."""

from __future__ import annotations

import os
import stat
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.__main__ import OPTIONS
from launcher.installation import ROOT


def load_bootstrap() -> ModuleType:
    loader = SourceFileLoader("fieldpost_bootstrap", str(ROOT / "fieldpost"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


bootstrap = load_bootstrap()
DIGESTS = {"runtime": "r1", "dev": "d1"}


@pytest.mark.parametrize(("line", "wanted"), [
    ("", "runtime"), ("--help", "runtime"), ("serve --port 1", "runtime"), ("demo", "runtime"),
    ("test", "dev"), ("test -k one", "dev"), ("bench", "dev"), ("--data test serve", "runtime"),
    ("--data=x test", "dev"), ("--data x test", "dev"), ("officer add test", "runtime"),
])
def test_only_tests_and_benchmarks_ask_for_the_tools(line: str, wanted: str) -> None:
    """The command decides, wherever the launcher's own options stand and whatever they hold."""
    assert bootstrap.wanted_set(line.split()) == wanted


def test_every_option_of_the_launcher_takes_a_value() -> None:
    """The bootstrap skips one word after each option: a flag among them would hide the command."""
    for name in OPTIONS:
        assert bootstrap.wanted_set([f"--{name.replace('_', '-')}", "serve", "test"]) == "dev"


@pytest.mark.parametrize(("wanted", "stamp", "installed"), [
    ("runtime", {}, "runtime"),
    ("dev", {}, "dev"),
    ("runtime", {"set": "runtime", "runtime": "r1"}, None),
    ("runtime", {"set": "runtime", "runtime": "r0"}, "runtime"),
    ("dev", {"set": "runtime", "runtime": "r1"}, "dev"),
    ("dev", {"set": "dev", "runtime": "r1", "dev": "d1"}, None),
    ("runtime", {"set": "dev", "runtime": "r1", "dev": "d0"}, None),
    ("runtime", {"set": "dev", "runtime": "r0", "dev": "d1"}, "dev"),
    ("runtime", {"set": "dev"}, "dev"),
    ("runtime", {"set": "runtime"}, "runtime"),
])
def test_what_is_installed_follows_from_the_stamp(wanted: str, stamp: dict, installed: str | None) -> None:
    """Only what changed or is missing is installed, an unfinished set again; tools are never taken away."""
    assert bootstrap.set_to_install(wanted, stamp, DIGESTS) == installed


@given(st.binary(), st.binary())
def test_the_digest_changes_with_the_requirements(one: bytes, other: bytes) -> None:
    """Different requirements never pass for each other, and neither do different Pythons."""
    here, there = "home = /x\nversion = 3.11.2\n", "home = /y\nversion = 3.12.1\n"
    assert (bootstrap.digest(one, here) == bootstrap.digest(other, here)) == (one == other)
    assert bootstrap.digest(one, here) != bootstrap.digest(one, there)


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'"dev"'])
def test_a_broken_stamp_is_none(left: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a killed start left in its place, the stamp is read as absent, not believed."""
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "fieldpost.json")
    assert bootstrap.read_stamp() == {}
    (tmp_path / "fieldpost.json").write_bytes(left)
    assert bootstrap.read_stamp() == {}
    bootstrap.write_stamp({"set": "dev"})
    assert bootstrap.read_stamp() == {"set": "dev"}


def test_the_fast_installer_is_told_the_mirror_of_the_slow_one() -> None:
    """Each setting of pip that says where packages come from reaches uv in uv's own form."""
    listed = (
        "global.index-url='https://mirror.example/simple'\n"
        "global.extra-index-url='file:///one file:///two'\n"
        ":env:.find-links='/wheels /more'\n"
        "install.cert='/etc/ca.pem'\n"
        "global.timeout='60'\ndownload.index-url='https://other.example'\nnonsense\n"
    )
    assert bootstrap.uv_settings(listed) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple", "UV_INDEX": "file:///one file:///two",
        "UV_FIND_LINKS": "/wheels,/more", "SSL_CERT_FILE": "/etc/ca.pem",
    }


def test_the_installers_write_below_the_checkout_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches lie in .venv whatever the home is, and no foreign Python path comes along."""
    for name in ("HOME", "UV_CACHE_DIR", "PIP_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = bootstrap.environment()
    for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR"):
        assert Path(environment[name]).is_relative_to(ROOT / ".venv")
    assert "PYTHONPATH" not in environment


def test_a_python_without_venv_is_told_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Debian's package is missing and we are not root, the message is the command to run."""
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    with pytest.raises(bootstrap.SetupError, match=r"run: sudo apt-get install python3\.\d+-venv$"):
        bootstrap.need_venv_module(-1)


def test_the_command_is_executable_and_needs_nothing_installed() -> None:
    """`./fieldpost` can be run as it is checked out, by a Python without any package."""
    assert (ROOT / "fieldpost").stat().st_mode & stat.S_IXUSR
    imported = {line.split()[1].partition(".")[0] for line in (ROOT / "fieldpost").read_text().splitlines()
                if line.startswith(("import ", "from "))}
    assert imported <= set(os.sys.stdlib_module_names)
