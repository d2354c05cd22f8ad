"""`./fieldpost bench`: the speed table, measured on this machine in one run, with medians and spread."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import postgres, report
from benchmarks.figures.law import law
from benchmarks.figures.million import million
from benchmarks.figures.poison import poison
from benchmarks.figures.pull import changed, first, idle
from benchmarks.figures.push import mixed
from benchmarks.figures.shift import shift
from benchmarks.figures.stale import stale
from benchmarks.figures.uploads import uploads
from benchmarks.measure import FULL, QUICK, Figure, Scale, Stage
from benchmarks.peers import compare
from benchmarks.site import LIFE_S, running
from launcher.installation import ROOT

# In the order in which they fill the database: what follows finds what was before.
FIGURES: dict[str, Callable[[Stage], Iterator[Figure]]] = {
    "mixed": mixed, "poison": poison, "stale": stale, "first": first, "idle": idle, "changed": changed,
    "shift": shift, "uploads": uploads, "law": law, "million": million,
}  # fmt: skip
DATABASES = ("sqlite", "postgresql")


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, and write the raw results beside the others."""
    options = _parse(argv)
    command = " ".join(["./fieldpost bench", *(argv or [])])
    if options.peers:
        return _compare(options, command)
    scale = replace(QUICK if options.quick else FULL, **({"repeat": options.repeat} if options.repeat else {}))
    names = options.only or list(FIGURES)
    results = report.begin(command, scale)
    for database in _databases(options):
        results["databases"].append(_measure(database, options, scale, names))
    report.write(results, options.output, "quick" if options.quick else "speed")
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fieldpost bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="NAME", help=f"of {', '.join(FIGURES)} (只测)")
    parser.add_argument("--database", choices=DATABASES, help="one of the two instead of both (数据库)")
    parser.add_argument("--database-url", help="an empty PostgreSQL database instead of one of the run's own")
    parser.add_argument("--repeat", type=int, help="runs of each figure (重复次数)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the numbers mean nothing")
    parser.add_argument("--peers", action="store_true", help="other sync servers on the same work (同类对比)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    return parser.parse_args(argv)


def _databases(options: argparse.Namespace) -> tuple[str, ...]:
    if options.database_url:
        return ("postgresql",)
    return (options.database,) if options.database else DATABASES


def _compare(options: argparse.Namespace, command: str) -> int:
    scale = compare.peers_scale(options.quick, options.repeat)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldpost-peers-", dir=_disk()))
        stages = [stack.enter_context(stage_on(database, scale)) for database in _databases(options)]
        results = compare.compare(stages, Path(folder), scale, command)
    report.write(results, options.output, "quick-peers" if options.quick else "peers")
    return 0


def _measure(database: str, options: argparse.Namespace, scale: Scale, names: list[str]) -> dict[str, Any]:
    begun = time.monotonic()
    with stage_on(database, scale, options.database_url) as stage:
        unit = stage.site.unit("load")
        stage.clients += stage.site.sign_in(unit, scale.terminals)
        figures: list[Figure] = []
        for name in (name for name in FIGURES if name in names):
            for figure in FIGURES[name](stage):
                report.line(database, figure)
                figures.append(figure)
        found = report.database_facts(stage.site)
    return {
        "database": database, **found, "seeded": stage.seeded, "seconds": round(time.monotonic() - begun, 1),
        "figures": [one.as_json() for one in figures],
    }  # fmt: skip


@contextmanager
def stage_on(database: str, scale: Scale, url: str | None = None) -> Iterator[Stage]:
    """Start an installation on a database of its own, in a folder on a real disk."""
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldpost-bench-", dir=_disk()))
        stack.enter_context(_environment())
        cluster = None
        if database == "postgresql" and url is None:
            server, cluster = stack.enter_context(postgres.cluster())
            url = stack.enter_context(server.fresh_database())
        site = stack.enter_context(running(Path(data), url, cluster) if cluster else running(Path(data), url))
        yield Stage(site, scale, len(os.sched_getaffinity(0)) + len(site.load_cores))


def _disk() -> Path:
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _environment() -> Iterator[None]:
    """No choice of the person's, and access tokens that live as long as the run."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("FIELDPOST_")]:
        del os.environ[name]
    os.environ["FIELDPOST_ACCESS_TTL_S"] = str(LIFE_S)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


if __name__ == "__main__":
    sys.exit(main())
