"""What must hold of the repository itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.__main__ import HANDED_OVER, OPTIONS, cli
from launcher.installation import ROOT

FILE_LINES, FUNCTION_LINES = 400, 60
NOT_OURS = {".venv", "var", ".git", "__pycache__"}
# Put together here, so that this file does not name what it looks for.
HOSTS = re.compile("|".join((
    "python" + "hosted", "pypi" + r"\.org", "npm" + r"js\.(?:org|com)", "npm" + "mirror",
    "tuna" + r"\.tsinghua",
    "mirrors" + r"\.[\w-]+\.", "unpkg" + r"\.com", "jsdelivr" + r"\.net", "cdnjs" + r"\.",
)))
DEVELOPER_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/" + r"[\w.-]+")


def repository_files() -> list[Path]:
    """Return the files under version control, or everything of ours in an unpacked archive."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        found = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not NOT_OURS & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


FILES = repository_files()
PYTHON = [path for path in FILES if path.suffix == ".py" or path == ROOT / "fieldpost"]


def places(pattern: re.Pattern[str]) -> Iterator[str]:
    """Name every place in the repository that matches."""
    for path in FILES:
        content = path.read_bytes()
        if b"\0" in content[:8000]:
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"


def test_no_file_names_a_download_host() -> None:
    """Where packages come from is the machine's business: a lock with hosts works for one network only."""
    assert list(places(HOSTS)) == []


def test_no_file_names_a_path_of_a_developer_machine() -> None:
    """No path that exists on one machine only has slipped in."""
    assert list(places(DEVELOPER_PATH)) == []


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_requirements_are_pinned_and_hashed_and_nothing_else(path: Path) -> None:
    """Every line is a pin or a hash; every pin has a hash; no option, no address."""
    pin = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.+!-]+( ; [^\\]+)? \\")
    hashed = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    before = "hash"
    for line in path.read_text().splitlines():
        kind = "pin" if pin.fullmatch(line) else "hash" if hashed.fullmatch(line) else line
        assert (before, kind) in {("hash", "pin"), ("pin", "hash"), ("hash", "hash")}, line
        before = kind
    assert before == "hash"


def pins(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {re.sub(r"\[.*?\]", "", line).split()[0].lower() for line in lines if line[:1].isalnum()}


def test_the_requirement_sets_agree() -> None:
    """What is asked for is what is pinned, and the tools' set holds the whole runtime set."""
    assert pins("runtime.in") <= pins("runtime.txt") <= pins("dev.txt")
    assert pins("dev.in") <= pins("dev.txt")
    assert pins("uv.in") == pins("uv.txt")


def test_files_and_functions_stay_short() -> None:
    """A file of 400 lines, or a function over 60, asks to be two."""
    long = []
    for path in PYTHON:
        text = path.read_text()
        if text.count("\n") >= FILE_LINES:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines} lines")
    assert long == []


def is_here(command: str) -> bool:
    """Say whether the package that owns a command is part of this checkout."""
    if command not in HANDED_OVER:
        return True
    return (ROOT / HANDED_OVER[command][0].replace(".", "/")).with_suffix(".py").exists()


@pytest.mark.parametrize("command", ["", *filter(is_here, sorted(cli.commands))])
def test_every_command_answers_help(command: str) -> None:
    """`./fieldpost COMMAND --help` explains the command and does nothing."""
    words = [sys.executable, "-P", "-m", "launcher", *filter(None, [command]), "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT.parent, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_the_document_names_every_variable_of_the_launcher() -> None:
    """Every `FIELDPOST_…` variable that the launcher sets stands in the architecture's table."""
    document = (ROOT / "docs" / "architecture.md").read_text()
    assert [variable for variable, _ in OPTIONS.values() if f"`{variable}`" not in document] == []
