"""What stays the same when the table is ten times as long: idle pulls, small pulls, memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.crew import Job, Requests, send_all
from benchmarks.figures import pull, push
from benchmarks.lines import pull_request
from benchmarks.measure import Figure, Held, Stage, Target, all_fine
from benchmarks.resident import forget_peak, peak_mib
from benchmarks.site import Client

UNITS = 9
GROWTH = Target("at most", 1.1)
_BATCHES = 4


def million(stage: Stage) -> Iterator[Figure]:
    """Fill other units' shares of the table, and measure the one terminal again.

    The web processes' peak is taken over the same work before and after; their caches were filled before.
    """
    scale = stage.scale
    held = pull.hold(stage)
    _work(stage, held)
    before = _peak(stage, held)
    each = (scale.all_cases - scale.held_cases) // UNITS
    for index in range(UNITS):
        [client] = stage.site.sign_in(stage.site.unit(f"fill{index}"), 1)
        stage.seed(client, each, history=False)
    yield from pull.idle_pulls(stage, held, f"{scale.all_cases:,} cases stored")
    yield from pull.changed_pulls(stage, held, f"50 changed among {scale.all_cases:,} cases")
    _work(stage, held)
    after = _peak(stage, held)
    raw = {"peak_mib_before": round(before, 1), "peak_mib_after": round(after, 1)}
    name = f"peak of pushes and pulls at {scale.all_cases:,} cases ÷ at {scale.held_cases:,}"
    yield Figure(name, "×", [after / before], GROWTH, raw)


def _peak(stage: Stage, held: Held) -> float:
    """The web processes' highest memory, in MiB, while pushes and pulls of every kind are answered."""
    for pid in stage.site.pids("web"):
        forget_peak(pid)
    _work(stage, held)
    return sum(map(peak_mib, stage.site.pids("web")))


def _work(stage: Stage, held: Held) -> None:
    pushes = [Job(push.prepare, (client, 7, 50, _BATCHES), send_all) for client in stage.clients]
    all_fine(stage.weigh(pushes).run)
    all_fine(stage.weigh([Job(prepare_pulls, (held.client, held.cursor), send_all)] * len(stage.clients)).run)


def prepare_pulls(client: Client, cursor: str) -> Requests:
    """Idle pulls, and first pages of a first pull."""
    idle = [pull_request(client.token, cursor)] * 20
    pages = [pull_request(client.token, None, limit=pull.LARGEST_PAGE)] * 3
    return Requests(client.port, idle + pages)
