"""Counters and histograms that all processes of an installation share through files; gauges read on demand.

The client library's own way to share takes its folder from the environment when it is first imported, one for
the whole process; here each application opens its own. A file belongs to one process, which holds a lock
while it lives; what dead processes left is folded into one file at the next start, so that the number of
files stays bounded.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import secrets
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.orm import Session

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
_LE = tuple("+Inf" if math.isinf(bound) else str(bound) for bound in BUCKETS_S)
_KINDS = ("counter", "histogram")
# The client library leaves these two without types.
_open_file: Callable[[str], Any] = MmapedDict
_collector: Any = MultiProcessCollector
_PAST = "past"


_Value = tuple[Sequence[str], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is read from the database when somebody asks for it.

    read: yields the label values, in the order of `labels`, and the value.
    fresh_s: how long each process goes on telling what it read before.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Session], Iterable[_Value]]
    fresh_s: float = 0.0


# Any package may add its own: the outbox by state, open conflicts, the quarantine.
gauges: dict[str, Gauge] = {}


def register_gauge(gauge: Gauge) -> None:
    """Have a gauge served; the same name again replaces it."""
    gauges[gauge.name] = gauge


class Metrics:
    """This process's counts, and the sum of all processes' of the installation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._pid = 0
        self._files: dict[str, Any] = {}
        self._known: set[tuple[str, ...]] = set()
        self._alive: int | None = None
        # By gauge: when it was read, and what.
        self._read: dict[str, tuple[float, list[_Value]]] = {}

    def count(self, name: str, help_text: str, labels: Mapping[str, str], amount: float = 1.0) -> None:
        """Add to a counter; `name` ends in `_total`."""
        with self._lock:
            self._open()
            self._add("counter", name.removesuffix("_total"), name, help_text, labels, amount)

    def observe(self, name: str, help_text: str, labels: Mapping[str, str], value: float) -> None:
        """Add one observation to a histogram with the buckets `BUCKETS_S`."""
        bucket = bisect_left(BUCKETS_S, value)
        series = (name, *labels.values())
        with self._lock:
            self._open()
            # A histogram without its empty buckets cannot be read as one: they are all there from the first.
            for index, le in enumerate(_LE) if series not in self._known else [(bucket, _LE[bucket])]:
                seen = float(index == bucket)
                self._add("histogram", name, f"{name}_bucket", help_text, {**labels, "le": le}, seen)
            self._known.add(series)
            self._add("histogram", name, f"{name}_sum", help_text, labels, value)

    def expose(self, session: Session) -> bytes:
        """Return everything in Prometheus's text format, the gauges as the session sees them now."""
        registry = CollectorRegistry()
        self._folder.mkdir(parents=True, exist_ok=True)
        with _locked(self._folder / "fold.lock"):
            _collector(registry, path=str(self._folder))
            text: bytes = generate_latest(registry)
        values = CollectorRegistry()
        for gauge in gauges.values():
            values.register(_Told(gauge, self._values_of(gauge, session)))
        return text + generate_latest(values)

    def _values_of(self, gauge: Gauge, session: Session) -> list[_Value]:
        read_s, told = self._read.get(gauge.name, (-math.inf, []))
        if time.monotonic() - read_s >= gauge.fresh_s:
            told = list(gauge.read(session))
            self._read[gauge.name] = time.monotonic(), told
        return told

    def close(self) -> None:
        """Give up the files; what they hold is folded at the next start."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files = {}
            if self._alive is not None:
                os.close(self._alive)
            self._alive, self._pid = None, 0

    def _add(
        self, kind: str, metric: str, name: str, help_text: str, labels: Mapping[str, str], amount: float
    ) -> None:
        key = mmap_key(metric, name, list(labels), list(labels.values()), help_text)
        file = self._files[kind]
        value, _ = file.read_value(key)
        file.write_value(key, value + amount, 0.0)

    def _open(self) -> None:
        """Begin this process's own files, unless it has; a forked child must not write into its parent's."""
        if self._pid == os.getpid():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pid = os.getpid()
        name = f"{self._pid}-{secrets.token_hex(4)}"
        self._known = set()
        with _locked(self._folder / "fold.lock"):
            _fold_dead(self._folder)
            self._alive = os.open(self._folder / f"{name}.alive", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            self._files = {kind: _open_file(str(self._folder / f"{kind}_{name}.db")) for kind in _KINDS}


class _Told:
    """A gauge as the client library wants to collect it."""

    def __init__(self, gauge: Gauge, values: Iterable[_Value]) -> None:
        self._gauge = gauge
        self._values = values

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._gauge.name, self._gauge.help, labels=self._gauge.labels)
        for labels, value in self._values:
            family.add_metric(labels, value)
        yield family


def _fold_dead(folder: Path) -> None:
    """Add what dead processes left to one file. A kill between its two steps counts their share twice."""
    dead = [path for path in folder.glob("*.alive") if _is_dead(path)]
    for kind in _KINDS:
        left = [folder / f"{kind}_{path.stem}.db" for path in dead]
        left = [path for path in left if path.exists()]
        if left:
            _merge(folder, kind, left)
    for path in dead:
        path.unlink()


def _merge(folder: Path, kind: str, left: list[Path]) -> None:
    past, draft = folder / f"{kind}_{_PAST}.db", folder / f"{kind}_{_PAST}.draft"
    draft.unlink(missing_ok=True)
    sources = [str(path) for path in (*left, past) if path.exists()]
    file = _open_file(str(draft))
    for metric in _collector.merge(sources, accumulate=False):
        for sample in metric.samples:
            names, values = list(sample.labels), list(sample.labels.values())
            key = mmap_key(metric.name, sample.name, names, values, metric.documentation)
            file.write_value(key, sample.value, 0.0)
    file.close()
    draft.replace(past)
    for path in left:
        path.unlink()


def _is_dead(path: Path) -> bool:
    # A lock and not a number: process numbers are used again, in a container after every restart.
    with path.open("rb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
