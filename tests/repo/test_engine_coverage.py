"""Every branch of the pure core is taken by its own unit tests, without a database or a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from launcher.installation import ROOT
from launcher.testing import test_environment as clean_environment

TESTS = sorted((ROOT / "tests" / "unit").glob("test_engine_*.py"))
FEW = "tests.support.few_examples"
# Nothing to run: names, and what a type checker reads.
NOT_RUN = ("if TYPE_CHECKING:", "pragma: no cover")


def test_the_unit_tests_take_every_branch_of_the_engine(tmp_path: Path) -> None:
    """100 % of lines and branches of sync/engine; what is missing is named."""
    measured, report = tmp_path / "coverage", tmp_path / "report.json"
    coverage = [sys.executable, "-m", "coverage"]
    run = [*coverage, "run", "--branch", "--source=sync.engine", f"--data-file={measured}", "--rcfile=/dev/null"]
    arguments = ["-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "-p", FEW, *map(str, TESTS)]
    done = subprocess.run([*run, *arguments], cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    told = [*coverage, "json", f"--data-file={measured}", "--rcfile=/dev/null", "-o", str(report)]
    subprocess.run(told, cwd=ROOT, check=True, capture_output=True)
    files = json.loads(report.read_text())["files"]
    assert len(files) > 8, "the whole engine was measured"
    missing = {
        name: {"lines": one["missing_lines"], "branches": one["missing_branches"]}
        for name, one in files.items()
        if one["missing_lines"] or one["missing_branches"]
    }
    assert missing == {}


def test_no_line_of_the_engine_is_kept_from_being_counted() -> None:
    """A hundred percent of what is left after exceptions would be none."""
    for path in (ROOT / "sync" / "engine").glob("*.py"):
        assert [word for word in NOT_RUN if word in path.read_text(encoding="utf-8")] == [], path.name
