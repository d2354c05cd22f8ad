"""`./fieldpost bench --peers`: the same work on each server, turn by turn, so that all meet the same machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import postgres, report
from benchmarks.crew import Job, Run, together
from benchmarks.measure import FULL, QUICK, Figure, Scale, Stage, ms, percentile
from benchmarks.peers import servers, work
from benchmarks.peers.install import install
from benchmarks.peers.servers import Server
from launcher.installation import ROOT
from launcher.processes import Supervisor

CACHE = ROOT / "var" / "bench-peers"
SEED_STEP = 1_000
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A server in the comparison: who its load clients are; ours has a terminal for each."""

    server: Server
    who: list[Any]


def compare(stages: list[Stage], folder: Path, scale: Scale, command: str) -> dict[str, Any]:
    """Start the peers beside our installations, and measure all of them turn by turn."""
    with ExitStack() as stack:
        entries = [_ours(stage) for stage in stages]
        entries += stack.enter_context(_peers(folder, scale.terminals))
        pushed: dict[str, list[Run]] = {entry.server.name: [] for entry in entries}
        for turn in range(scale.repeat):
            for entry in entries:
                pushed[entry.server.name].append(_push(entry, turn, scale.batches, work.CREATES))
        wanted = scale.terminals * (scale.batches * scale.repeat * work.CREATES + _fill_batches(scale) * work.BATCH)
        for entry in entries:
            _push(entry, SEED_STEP, _fill_batches(scale), work.BATCH)
        pulled: dict[str, list[Run]] = {entry.server.name: [] for entry in entries}
        for _ in range(scale.repeat):
            for entry in entries:
                pulled[entry.server.name].append(together([Job(entry.server.pull, (entry.who[0],), work.walk)]))
    results = report.begin(command, scale)
    for entry in entries:
        figures = list(_figures(entry.server.name, pushed[entry.server.name], pulled[entry.server.name], wanted))
        results["databases"].append({
            "database": entry.server.name, "version": entry.server.version, "durability": entry.server.durability,
            "figures": [figure.as_json() for figure in figures],
        })  # fmt: skip
    return results


def _push(entry: Entry, turn: int, batches: int, creates: int) -> Run:
    jobs = [
        Job(entry.server.push, (who, (turn + 1) * SEED_STEP + index, batches, creates), work.send_counted)
        for index, who in enumerate(entry.who)
    ]
    run = together(jobs)
    run.samples[0].notes["sent"] = len(jobs) * batches * work.BATCH
    return run


def _fill_batches(scale: Scale) -> int:
    """Batches for each client that bring every server to at least as many documents; they are not measured."""
    return -(-scale.first_cases // (scale.terminals * work.BATCH))


def _figures(name: str, pushed: list[Run], pulled: list[Run], wanted: int) -> Iterator[Figure]:
    rates = [run.outcomes.total() / run.wall_s for run in pushed]
    shares = [round(run.load_cpu_s / run.wall_s, 3) for run in pushed]
    p95s = [ms(percentile(run.seconds, 0.95)) for run in pushed]
    documents = [run.samples[0].notes["documents"] for run in pulled]
    done = [100 * run.outcomes["applied"] / run.samples[0].notes["sent"] for run in pushed]
    there = [100 * count / wanted for count in documents]
    if name.startswith("fieldpost") and {*done, *there} != {100.0}:
        raise RuntimeError(f"{name} took {done} % and held {there} %")
    yield Figure("operations in batches of 50, 8 clients", "a second", rates, None, {"load_cpu_of_one_core": shares})
    yield Figure("p95 of a batch of 50", "ms", p95s)
    yield Figure("operations that it said it did, of those sent", "%", done)
    yield Figure("documents that a first pull finds, of those created", "%", there)
    seconds = [run.wall_s * COUNTED / count for run, count in zip(pulled, documents, strict=True)]
    sizes = [run.samples[0].bytes / 1e6 * COUNTED / count for run, count in zip(pulled, documents, strict=True)]
    pull = f"first pull, for each {COUNTED:,} documents"
    yield Figure(pull, "s", seconds, None, {"documents": documents, "created": wanted})
    yield Figure(f"{pull}, not compressed", "MB", sizes)


def _ours(stage: Stage) -> Entry:
    clients = stage.site.sign_in(stage.site.unit("peers"), stage.scale.terminals)
    durability = "SQLite WAL, synchronous=FULL: fsync at each commit"
    if stage.site.database == "postgresql":
        durability = "fsync on, a commit for each batch"
    name = f"fieldpost-{stage.site.database}"
    return Entry(Server(name, "this checkout", durability, clients[0], work.ours, work.walk_ours), list(clients))


@contextmanager
def _peers(folder: Path, clients: int) -> Iterator[list[Entry]]:
    installed = install(CACHE)
    with ExitStack() as stack:
        cluster, _ = stack.enter_context(postgres.cluster())
        url = stack.enter_context(cluster.fresh_database()).replace("postgresql+psycopg:", "postgresql:", 1)
        supervisor = stack.enter_context(Supervisor())
        found = [
            servers.kinto(supervisor, installed, folder / "kinto-memory", None),
            servers.kinto(supervisor, installed, folder / "kinto-postgresql", url),
            servers.pocketbase(supervisor, installed, folder / "pocketbase"),
        ]
        if installed.pouchdb is not None:
            found.append(servers.pouchdb(supervisor, installed, folder / "pouchdb"))
        yield [Entry(server, [server.who] * clients) for server in found]


def peers_scale(quick: bool, repeat: int | None) -> Scale:
    """How much each server is given to do."""
    scale = QUICK if quick else replace(FULL, batches=10)
    return replace(scale, repeat=repeat) if repeat else scale
