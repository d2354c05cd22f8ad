"""Sixteen terminals lease at once: no number is given out twice, and none is skipped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sync.store.ids import new_id
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau
from tests.support.numbers import leased

CREW, EACH, COUNT = 16, 4, 3


def test_no_two_leases_overlap(bureau: Bureau) -> None:
    """All numbers of all blocks are 1, 2, 3 … without a gap, and each request repeated at once has one block."""
    crew = [terminal(bureau, f"crew{index}") for index in range(CREW // 2)]
    barrier = threading.Barrier(CREW)

    def lease(own: Terminal, requests: list[str]) -> list[tuple[str, int, int]]:
        barrier.wait(60)
        blocks = [leased(own, COUNT, id=request) for request in requests]
        return [(one["block"], one["from"], one["to"]) for one in blocks]

    with ThreadPoolExecutor(CREW) as pool:
        futures = []
        for own in crew:
            requests = [new_id() for _ in range(EACH)]
            futures += [(own, pool.submit(lease, own, requests)) for _ in range(2)]
        results = [(own, future.result(120)) for own, future in futures]
    twins = list(zip(results[::2], results[1::2], strict=True))
    assert all(one[1] == other[1] for one, other in twins)
    numbers = [
        number for (_, blocks), _ in twins for _, first, last in blocks for number in range(first, last + 1)
    ]
    assert sorted(numbers) == list(range(1, CREW // 2 * EACH * COUNT + 1))
