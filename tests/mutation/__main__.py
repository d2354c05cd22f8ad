"""Run every mutant of sync/engine against its unit tests; what survives must be argued in docs/mutation.md.

    python -m tests.mutation [--jobs N] [MODULE ...]
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis.strategies  # noqa: F401 - loaded before the forks, or each would load it again
import pytest

from tests.mutation.mutants import Mutant, compiled, mutants

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = ROOT / "sync" / "engine"
LIST = ROOT / "docs" / "mutation.md"
TESTS = sorted(str(path) for path in (ROOT / "tests" / "unit").glob("test_engine_*.py"))
FEW = "tests.support.few_examples"
ARGUMENTS = ["-x", "-q", "--noconftest", "-p", "no:cacheprovider", "--assert=plain", "-p", FEW]
# Which tests are likely to notice, by module; they go first, the others follow.
LIKELY = {"checks": "faults", "kinds": "faults", "cursor": "cursor", "translate": "translate", "merge": "merge",
          "voids": "void", "values": "faults"}
LIMIT_S = 60.0
MEMORY_BYTES = 4 << 30


class _Changed(MetaPathFinder, Loader):
    """Gives one module in its changed form."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)


def _start(mutant: Mutant | None) -> int:
    """Fork a process that runs the tests, with the change where there is one, and ends with pytest's code."""
    child = os.fork()
    if child:
        return child
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        if mutant is not None:
            sys.meta_path.insert(0, _Changed(f"sync.engine.{mutant.path.stem}", compiled(mutant)))
        likely = LIKELY.get(mutant.path.stem, "clocks") if mutant else ""
        tests = sorted(TESTS, key=lambda path: likely not in Path(path).name)
        os._exit(int(pytest.main([*ARGUMENTS, *tests])))
    finally:
        os._exit(70)


def _ended(running: dict[int, tuple[Mutant, float]]) -> tuple[Mutant, bool]:
    """Wait for one of the processes; returns its mutant and whether it survived. One that hangs is found out."""
    while True:
        for child, (mutant, until_s) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() > until_s:
                os.kill(child, signal.SIGKILL)
                done, status = os.waitpid(child, 0)
            if done:
                del running[child]
                return mutant, os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)


def survivors(found: Sequence[Mutant], jobs: int) -> list[str]:
    """Run all; returns the names of those that no test noticed."""
    waiting, running, left = list(reversed(found)), dict[int, tuple[Mutant, float]](), list[str]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(mutant)] = (mutant, time.monotonic() + LIMIT_S)
        mutant, survived = _ended(running)
        if survived:
            left.append(mutant.name)
            _say(f"survived  {mutant.name}")
    return left


def argued() -> set[str]:
    """The survivors that docs/mutation.md lists with a reason."""
    rows = re.findall(r"^\| `` (.+?) `` \| .+ \|$", LIST.read_text(encoding="utf-8"), re.MULTILINE)
    return {row.replace("\\|", "|") for row in rows}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Return 0 when exactly what is argued survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="modules of sync/engine (default: all)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    paths = [path for path in sorted(ENGINE.glob("*.py")) if not chosen.modules or path.stem in chosen.modules]
    found = [mutant for path in paths for mutant in mutants(path)]
    if os.waitstatus_to_exitcode(os.waitpid(_start(None), 0)[1]) != 0:
        _say("the tests fail without any change")
        return 2
    left, known = survivors(found, chosen.jobs), argued()
    new = sorted(set(left) - known)
    stale = sorted(name for name in known - set(left) if name.split(".")[0] in {path.stem for path in paths})
    _say(f"{len(found)} mutants, {len(found) - len(left)} found out, {len(left)} survived, {len(new)} not argued")
    for name in stale:
        _say(f"listed, but found out or gone: {name}")
    return int(bool(new or stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
