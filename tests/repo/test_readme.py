"""What must hold of the README: its commands run, and its status names what is not there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from field_api.api.later import NOT_YET
from field_api.casework.types import TYPES
from launcher.installation import ROOT
from sync.engine.values import Author
from sync.service.decode import Sender, decode

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Commands that run until told to stop, or longer than a test may: where CI runs them instead.
ELSEWHERE = {
    "./fieldpost demo": "on a fresh checkout, as `./fieldpost demo --exit`",
    "./fieldpost test": "this very run",
    "./fieldpost serve": "tests/integration/test_launcher_serve.py",
}
RECORD = "01932f0a-1b2c-7000-8000-000000000001"


def commands() -> list[str]:
    """Return the lines that a reader is told to type."""
    blocks = CONSOLE.findall(README)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def run(command: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Run a `./fieldpost …` line with this interpreter, on a data folder of its own."""
    program, *arguments = shlex.split(command)
    assert program == "./fieldpost", f"the README tells to type {command!r}, which nobody checks"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIELDPOST_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "FIELDPOST_DATA": str(data)}
    words = [sys.executable, "-P", "-m", "launcher", *arguments]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_the_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    """A reader who types them one after the other, on a new data folder, meets no error."""
    quick = [command for command in commands() if command not in ELSEWHERE]
    assert len(quick) >= 6
    for command in quick:
        done = run(command, tmp_path / "data")
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_list_of_commands_run_elsewhere_is_not_stale() -> None:
    """Every exception is a command that the README has."""
    assert [command for command in ELSEWHERE if command not in commands()] == []


def quarantined_for(**raw: Any) -> str:
    """Return the name under which an operation is set aside before anything of it is tried."""
    author = Author(RECORD, frozenset({"officer"}), "city", "store", "terminal")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    sender = Sender(author, "batch", frozenset(), now, None, None, None, "t1")
    operation = {
        "id": RECORD, "number": 1, "action": "patch", "type": "case", "record": RECORD, "at": now.isoformat(),
        "set": {},
    }  # fmt: skip
    problem = decode(operation | raw, sender, TYPES).problem
    return problem.errors[0]["code"] if problem and problem.code == "not_implemented" else ""


def names_on_the_wire() -> set[str]:
    """Return every name under which the server says that something is not there yet."""
    features = {feature for _path, _method, feature in NOT_YET}
    operations = [{"group": {"id": "g", "size": 2}}, {"action": "void"}, {"action": "discard"}, {"officer": "other"}]
    features |= {quarantined_for(**operation) for operation in operations}
    return features - {""}


def test_the_status_lists_what_is_not_there_and_nothing_else() -> None:
    """Whatever answers `not_implemented` stands in the README's first status table, by that name."""
    status = README.split("## Status", 1)[1].split("\n## ", 1)[0].split("Not there either", 1)[0]
    listed = re.findall(r"^\| `([^`]+)` \|", status, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == names_on_the_wire()
