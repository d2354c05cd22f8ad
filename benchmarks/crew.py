"""The load: one or two processes beside the server, a thread for each terminal, everything built beforehand."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.lines import Line, Reply, wait_until

_OUTCOME = re.compile(rb'"outcome": ?"(\w+)"')
PREPARE_DEADLINE_S, WORK_DEADLINE_S = 300.0, 900.0


@dataclass(slots=True)
class Sample:
    """What one terminal measured: seconds of each request, and when it began and ended."""

    begun: float = 0.0
    ended: float = 0.0
    seconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    bytes: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    def take(self, reply: Reply, took_s: float) -> None:
        """Note an answer."""
        self.seconds.append(took_s)
        self.statuses[reply.status] += 1
        self.bytes += len(reply.sent)

    def count_outcomes(self, reply: Reply) -> None:
        """Note what became of a push's operations."""
        self.outcomes.update(word.decode() for word in _OUTCOME.findall(reply.sent))


@dataclass(frozen=True, slots=True)
class Job:
    """One terminal's work. `prepare(*arguments)` is not measured; `work` gets what it made. Both are importable."""

    prepare: Callable[..., Any]
    arguments: tuple[Any, ...]
    work: Callable[[Any], Sample]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of jobs that ran together. `load_cpu_s`: what the load itself took of the processors."""

    samples: list[Sample]
    load_cpu_s: float

    @property
    def wall_s(self) -> float:
        return max(one.ended for one in self.samples) - min(one.begun for one in self.samples)

    @property
    def seconds(self) -> list[float]:
        return sorted(second for one in self.samples for second in one.seconds)

    @property
    def outcomes(self) -> Counter[str]:
        return sum((one.outcomes for one in self.samples), Counter())

    @property
    def statuses(self) -> Counter[int]:
        return sum((one.statuses for one in self.samples), Counter())


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests for one connection, one after the other."""

    port: int
    requests: Sequence[bytes]


def send_all(prepared: Requests) -> Sample:
    """Send requests one after the other over one connection, and count the operations' outcomes."""
    line, sample = Line(prepared.port), Sample(begun=time.monotonic())
    for one in prepared.requests:
        begun = time.monotonic()
        reply = line.send(one)
        sample.take(reply, time.monotonic() - begun)
        sample.count_outcomes(reply)
    sample.ended = time.monotonic()
    line.close()
    return sample


def together(jobs: Sequence[Job], cores: frozenset[int] = frozenset(), processes: int = 1) -> Run:
    """Run jobs at once, all beginning at the same moment, when every one is prepared.

    cores: those that the load is pinned to; none leaves it where the server is.
    """
    # Forked from a process that has all of it loaded: starting an interpreter anew takes a second of the cores.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", *{job.prepare.__module__ for job in jobs}])
    shares = [jobs[index::processes] for index in range(min(processes, len(jobs)))]
    pipes = [context.Pipe() for _ in shares]
    crew = [
        context.Process(target=_labour, args=(share, cores, theirs), daemon=True)
        for share, (_, theirs) in zip(shares, pipes, strict=True)
    ]
    for process, (_, theirs) in zip(crew, pipes, strict=True):
        process.start()
        theirs.close()
    try:
        ours = [pipe for pipe, _ in pipes]
        for pipe in ours:
            _heard(pipe, PREPARE_DEADLINE_S)
        begin = time.monotonic() + 0.1
        for pipe in ours:
            pipe.send(begin)
        reports = [_heard(pipe, WORK_DEADLINE_S) for pipe in ours]
    finally:
        for process in crew:
            process.join(5)
            process.kill()
    return Run([sample for samples, _ in reports for sample in samples], sum(cpu for _, cpu in reports))


def _heard(pipe: Connection, deadline_s: float) -> Any:
    if not pipe.poll(deadline_s):
        raise RuntimeError("the load did not answer in time")
    try:
        said = pipe.recv()
    except EOFError:
        raise RuntimeError("the load ended before its work; see above") from None
    return said


def _labour(jobs: Sequence[Job], cores: frozenset[int], pipe: Connection) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    prepared = [job.prepare(*job.arguments) for job in jobs]
    pipe.send("ready")
    begin = pipe.recv()
    with ThreadPoolExecutor(len(jobs)) as pool:
        before = time.process_time()
        futures = [pool.submit(_begin, job.work, one, begin) for job, one in zip(jobs, prepared, strict=True)]
        samples = [future.result() for future in futures]
        pipe.send((samples, time.process_time() - before))


def _begin(work: Callable[[Any], Sample], prepared: Any, begin: float) -> Sample:
    wait_until(begin)
    return work(prepared)
