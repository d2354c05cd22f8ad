"""`./fieldpost` on a Debian without python3-venv, run as a program: only `ensurepip` and who asks are pretended."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from launcher.installation import ROOT

# Debian's python3 without its venv package: the module is not there. The interpreter that would make the venv is
# a program that writes down how it was called, and fails.
PRETENCE = """
import os, sys
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "ensurepip" else found(name, package)
os.geteuid = lambda: {uid}
sys.executable = {python!r}
"""
PACKAGE = f"python3.{sys.version_info.minor}-venv"


@dataclass
class Machine:
    """A bare machine: an empty path but for what a test puts there."""

    folder: Path

    def program(self, name: str, end: str = "exit 0") -> Path:
        """Put a program on the path that writes its arguments down and ends as told."""
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $* [$DEBIAN_FRONTEND]" >> {self.folder}/record\n{end}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def start(self, uid: int) -> subprocess.CompletedProcess[str]:
        python = self.program("python3", "exit 1")
        (self.folder / "pretence" / "sitecustomize.py").write_text(PRETENCE.format(uid=uid, python=str(python)))
        environment = {"PATH": str(self.folder / "bin"), "PYTHONPATH": str(self.folder / "pretence")}
        words = [sys.executable, str(self.folder / "checkout" / "fieldpost"), "--help"]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def record(self) -> list[str]:
        """The calls that were made, with what they were told of questions."""
        path = self.folder / "record"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A checkout on a machine that has nothing."""
    for name in ("bin", "pretence", "checkout"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "fieldpost", tmp_path / "checkout" / "fieldpost")
    shutil.copytree(ROOT / "requirements", tmp_path / "checkout" / "requirements")
    return Machine(tmp_path)


def refused(done: subprocess.CompletedProcess[str]) -> bool:
    """Say whether the last line names the one command, and nothing was raised."""
    told = done.stderr.splitlines()[-1]
    return done.returncode == 1 and told.endswith(f"run: sudo apt-get install {PACKAGE}") and (
        "Traceback" not in done.stderr
    )


def test_root_gets_the_package_installed_and_goes_on(machine: Machine) -> None:
    """As root the package is installed without a question, and then the venv is made."""
    machine.program("apt-get")
    done = machine.start(0)
    assert machine.record() == [
        "apt-get update -q [noninteractive]",
        f"apt-get install -q -y --no-install-recommends {PACKAGE} [noninteractive]",
        f"python3 -m venv {machine.folder}/checkout/.venv []",
    ]
    assert done.stderr.splitlines()[-1] == "fieldpost: making .venv failed; see above"
    assert done.returncode == 1


def test_an_index_that_cannot_be_updated_is_no_reason_to_give_up(machine: Machine) -> None:
    """Where the update fails but the package can be installed, the start goes on."""
    machine.program("apt-get", '[ "$1" = install ]')
    machine.start(0)
    assert machine.record()[-1].startswith("python3 -m venv ")


def test_a_package_that_cannot_be_installed_is_named(machine: Machine) -> None:
    """Where apt-get fails, nothing is made and the one command is told."""
    machine.program("apt-get", "exit 100")
    assert refused(machine.start(0))
    assert [line.split()[1] for line in machine.record()] == ["update", "install"]
    assert not (machine.folder / "checkout" / ".venv").exists()


@pytest.mark.parametrize(("uid", "has_apt"), [(1000, True), (1000, False), (0, False)])
def test_whoever_may_not_install_is_told_the_one_command(machine: Machine, uid: int, *, has_apt: bool) -> None:
    """Without root, or without apt-get, nothing is run and the exit code says that it failed."""
    if has_apt:
        machine.program("apt-get")
    assert refused(machine.start(uid))
    assert machine.record() == []
