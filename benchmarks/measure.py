"""What one figure is: what was reached in each of its runs, and whether that is what was asked for."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.crew import Job, Run, together
from benchmarks.seed import mould, multiply
from benchmarks.site import Client, Site

Direction = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Target:
    """What the median must reach."""

    direction: Direction
    value: float

    def is_met(self, reached: float) -> bool:
        return reached >= self.value if self.direction == "at least" else reached <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.direction == 'at least' else '≤'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `runs`: what each run reached; `more`: raw numbers beside it."""

    name: str
    unit: str
    runs: Sequence[float]
    target: Target | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.target.is_met(self.median)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "unit": self.unit, "runs": [round(one, 4) for one in self.runs],
            "median": round(self.median, 4), "least": round(min(self.runs), 4), "most": round(max(self.runs), 4),
            "target": str(self.target) if self.target else None, "met": self.met, **self.more,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work a run is. The quick one only shows that everything still runs."""

    repeat: int
    terminals: int
    batches: int
    first_cases: int
    held_cases: int
    all_cases: int
    idle_pulls: int
    changed_pulls: int
    shift_terminals: int
    shift_units: int
    shift_operations: int
    shift_window_s: float
    photos: int
    photo_bytes: int


FULL = Scale(3, 8, 25, 10_000, 100_000, 1_000_000, 300, 300, 500, 50, 200, 60.0, 100, 2_000_000)
QUICK = Scale(1, 2, 1, 50, 120, 200, 5, 5, 4, 2, 50, 1.0, 2, 50_000)


@dataclass(slots=True)
class Stage:
    """What the figures of one database share. `seeded`: what was written without the wire, and how fast."""

    site: Site
    scale: Scale
    cores: int
    clients: list[Client] = field(default_factory=list)
    seeded: list[dict[str, Any]] = field(default_factory=list)
    held: Held | None = None

    def weigh(self, jobs: Sequence[Job], processes: int = 1) -> Weighed:
        """Run jobs together, and see what they and the server took of the processors."""
        before = self.site.cpu_s()
        run = together(jobs, self.site.load_cores, processes)
        return Weighed(run, self.site.cpu_s() - before, self.cores)

    def seed(self, client: Client, cases: int, *, photos: int = 2, history: bool = True) -> None:
        """Give a terminal's unit as many cases as that."""
        took = multiply(self.site, mould(self.site, client, photos=photos, history=history), cases - 1)
        records = cases * (1 + photos)
        self.seeded.append({"unit": client.unit, "cases": cases, "records": records, "seconds": round(took, 1)})


@dataclass(slots=True)
class Held:
    """A terminal that holds a unit's cases: where it has read to, some of its cases, who else writes them."""

    client: Client
    neighbour: Client
    cursor: str
    cases: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """A run, and what it cost. Shares are of all cores for as long as it took."""

    run: Run
    server_cpu_s: float
    cores: int

    @property
    def costs(self) -> dict[str, Any]:
        whole = self.run.wall_s * self.cores
        return {
            "load_cpu_share": round(self.run.load_cpu_s / whole, 3),
            "server_cpu_share": round(self.server_cpu_s / whole, 3),
            "server_cpu_s": round(self.server_cpu_s, 3),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(len(ordered) * share) - 1))]


def ms(seconds: float) -> float:
    """Seconds as milliseconds."""
    return round(seconds * 1000, 3)


def all_fine(run: Run, outcomes: frozenset[str] = frozenset({"applied"})) -> None:
    """Refuse a run in which anything but these outcomes came back: its speed would mean nothing.

    Raises: RuntimeError.
    """
    if set(run.statuses) != {200} or set(run.outcomes) - outcomes:
        raise RuntimeError(f"not everything went well: {dict(run.statuses)} {dict(run.outcomes)}")
