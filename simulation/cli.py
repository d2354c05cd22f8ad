"""`./fieldpost sim`: seeds, one after the other or on several cores, until one finds a fault."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import structlog

from simulation import kills, numbers, report
from simulation.day import STEPS, Result, play
from simulation.site import Site, running

CHUNK = 10
TAIL = 25


def main(argv: list[str] | None = None) -> int:
    """Run seeds, print what was found, write the report; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="fieldpost sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed (种子)")
    parser.add_argument("--seeds", type=int, default=1, help="how many (数量)")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each (步数)")
    parser.add_argument("--database", help="a PostgreSQL server's URL, instead of SQLite")
    parser.add_argument("--jobs", type=int, default=1, help="processes (进程数)")
    parser.add_argument("--report", type=Path, help="write a summary there, as Markdown")
    parser.add_argument("--trace", action="store_true", help="print every step")
    parser.add_argument("--kill", action="store_true", help="a real server process, killed at random (真实进程)")
    parser.add_argument("--numbers", action="store_true", help="days of document numbers (文书编号)")
    options = parser.parse_args(argv)
    # Every refusal that was injected would be logged.
    hush()
    total, began = report.Total(options.database or "sqlite"), time.monotonic()
    for result in _results(options):
        total.add(result)
        _tell(result, options, total)
    total.took_s = time.monotonic() - began
    sys.stdout.write(total.line() + "\n")
    if options.report is not None:
        options.report.write_text(total.markdown(), encoding="utf-8")
    return 1 if total.violations else 0


def hush() -> None:
    logging.getLogger("fieldpost").setLevel(logging.CRITICAL + 1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@contextmanager
def hushed() -> Iterator[None]:
    """Keep the server's words back for as long as the block; who shares the process hears them again afterwards."""
    logger = logging.getLogger("fieldpost")
    level, configured = logger.level, structlog.get_config()
    hush()
    try:
        yield
    finally:
        logger.setLevel(level)
        structlog.configure(**configured)


def _results(options: argparse.Namespace) -> Iterator[Result]:
    seeds = range(options.seed, options.seed + options.seeds)
    if options.kill:
        with running() as site:
            yield from (kills.play(site, seed) for seed in seeds)
        return
    kind = numbers.play if options.numbers else play
    if options.jobs == 1:
        with running(options.database) as site:
            yield from (kind(site, seed, options.steps) for seed in seeds)
        return
    chunks = [list(seeds[start : start + CHUNK]) for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(options.jobs, initializer=hush) as pool:
        pending = [
            pool.submit(_share, kind, chunk, options.steps, options.database)
            for chunk in chunks
        ]
        for future in pending:
            yield from future.result()


_site: list[tuple[object, Site]] = []


def _share(kind: Callable[..., Result], seeds: list[int], steps: int, database: str | None) -> list[Result]:
    """Play some seeds in this process, on the site that it founded for its first."""
    if not _site:
        context = running(database, str(os.getpid()))
        _site.append((context, context.__enter__()))
    return [kind(_site[0][1], seed, steps) for seed in seeds]


def _tell(result: Result, options: argparse.Namespace, total: report.Total) -> None:
    if options.trace:
        sys.stdout.write("\n".join(result.trace) + "\n")
    if options.seeds == 1 or options.trace:
        sys.stdout.write(f"seed {result.seed} trace {result.trace_hash}\n")
    elif total.seeds % 100 == 0:
        sys.stdout.write(f"{total.seeds} of {options.seeds} seeds, {len(total.violations)} violations\n")
    if not result.violations:
        return
    sys.stdout.write(f"\nseed {result.seed} trace {result.trace_hash}\n")
    sys.stdout.write("\n".join(result.trace[-TAIL:]) + "\n")
    kind = " --numbers" if options.numbers else ""
    sys.stdout.write("\n".join(f"VIOLATION {one}" for one in result.violations[:10]) + "\n")
    sys.stdout.write(f"to see it again: ./fieldpost sim{kind} --seed {result.seed} --steps {result.steps} --trace\n")


if __name__ == "__main__":
    sys.exit(main())
