"""What many seeds came to, as a line and as a page."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version

from simulation.day import Result


@dataclass
class Total:
    """The sum of all results."""

    database: str
    seeds: int = 0
    steps: int = 0
    operations: int = 0
    requests: int = 0
    took_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    oracle: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.steps += result.steps
        self.operations += result.operations
        self.requests += result.requests
        self.faults.update(result.faults)
        self.outcomes.update(result.outcomes)
        self.checks.update(result.checks)
        self.reasons.update(result.reasons)
        self.oracle.update(result.oracle)
        self.violations += [(result.seed, one) for one in result.violations]

    def line(self) -> str:
        return (
            f"{self.seeds} seeds, {self.steps} steps, {self.operations} operations, {self.requests} requests, "
            f"{sum(self.faults.values())} faults, {sum(self.checks.values())} checks, "
            f"{self.oracle['oracle_pushes_compared']} pushes and {self.oracle['oracle_days_to_the_end']} days as the "
            f"oracle says, "
            f"{len(self.violations)} violations, {self.took_s:.0f} s"
        )

    def markdown(self) -> str:
        database = "sqlite" if self.database == "sqlite" else "postgresql"
        versions = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "orjson", "psycopg"))
        lines = [
            "# Simulation results",
            "",
            f"{self.line()}; {database}; {os.cpu_count()} cores; Python {platform.python_version()}, {versions}.",
            "",
            *_table("faults injected", self.faults),
            *_table("outcomes that terminals were told", self.outcomes),
            *_table("reasons for quarantine", self.reasons),
            *_table("checks made", self.checks),
            *_table("answers held against the oracle", self.oracle),
        ]
        lines += ["## Violations", "", *([f"- seed {seed}: {what}" for seed, what in self.violations] or ["None."]), ""]
        return "\n".join(lines)


def _table(title: str, counted: Counter[str]) -> list[str]:
    rows = [f"| {name} | {count} |" for name, count in sorted(counted.items())]
    return [f"## {title[0].upper()}{title[1:]}", "", "| kind | count |", "|---|---|", *rows, ""]
