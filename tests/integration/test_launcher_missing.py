"""A run on a machine that lacks a program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.installation import ROOT

# The machine of this run has the program: a plugin hides it, before the suite's own fixtures look.
HIDING = "from tests.support import postgres\npostgres.find_binaries = lambda: None\n"
TESTED = "tests/integration/test_launcher_support.py::test_each_test_gets_an_empty_database"


RUNS = {"here": ("", ["-n", "1"]), "ci": ("true", ["-p", "no:xdist"])}


@pytest.mark.parametrize(("ci", "spread"), RUNS.values(), ids=RUNS.keys())
def test_a_missing_program_is_said_loudly_and_fails_in_ci(ci: str, spread: list[str], tmp_path: Path) -> None:
    """Without PostgreSQL the rest runs and the end says how to get it; where CI is set, the run fails."""
    (tmp_path / "hiding.py").write_text(HIDING)
    environment = {**os.environ, "CI": ci, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    words = [sys.executable, "-m", "pytest", "-p", "hiding", "-p", "no:cacheprovider", *spread, TESTED]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert "NOT RUN FOR WANT OF A PROGRAM" in done.stdout
    assert "PostgreSQL: install the dev requirements" in done.stdout
    assert ("1 passed, 1 error" if ci else "1 passed, 1 skipped") in done.stdout
    assert done.returncode == (1 if ci else 0)
