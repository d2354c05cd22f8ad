"""What processes take of memory and processor, read from the kernel."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


def _field_mib(path: Path, name: str) -> float:
    with contextlib.suppress(OSError, ProcessLookupError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
    return 0.0


def rss_mib(pid: int) -> float:
    """Resident memory, what is shared with others counted whole."""
    return _field_mib(Path(f"/proc/{pid}/status"), "VmRSS")


def pss_mib(pid: int) -> float:
    """Resident memory, what is shared counted by its share: sums over processes are true."""
    return _field_mib(Path(f"/proc/{pid}/smaps_rollup"), "Pss")


def peak_mib(pid: int) -> float:
    """The highest resident memory since the start, or since `forget_peak`."""
    return _field_mib(Path(f"/proc/{pid}/status"), "VmHWM")


def forget_peak(pid: int) -> None:
    """Have the kernel begin a new peak."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_s(pid: int) -> float:
    """Processor seconds, user and system; 0 for one that is gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ProcessLookupError):
        return 0.0
    return (int(words[11]) + int(words[12])) / _TICKS


@dataclass(slots=True)
class Watch:
    """The highest sums that were seen."""

    rss_mib: float = 0.0
    pss_mib: float = 0.0


@contextmanager
def watched(pids: Callable[[], Iterable[int]]) -> Iterator[Watch]:
    """Look at the processes every second; what is seen stands in the watch."""
    watch, over = Watch(), threading.Event()

    def look() -> None:
        while True:
            alive = list(pids())
            watch.rss_mib = max(watch.rss_mib, sum(map(rss_mib, alive)))
            watch.pss_mib = max(watch.pss_mib, sum(map(pss_mib, alive)))
            if over.wait(SAMPLE_S):
                return

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
