"""Which operation numbers of a store have arrived, as sorted ranges; what is missing; what came twice."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = list[list[int]]
MAX_RANGES_SHOWN = 100


def add(ranges: Ranges, numbers: Iterable[int]) -> Ranges:
    """Union of ranges and numbers, sorted and joined."""
    joined: Ranges = []
    for low, high in sorted([*ranges, *([number, number] for number in numbers)]):
        if joined and low <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    return joined


def holds(ranges: Ranges, number: int) -> bool:
    """Say whether a number lies in the ranges."""
    return any(low <= number <= high for low, high in ranges)


def missing(ranges: Ranges) -> Ranges:
    """The gaps between 1 and the highest number, at most `MAX_RANGES_SHOWN`."""
    gaps: Ranges = []
    expected = 1
    for low, high in ranges:
        if low > expected:
            gaps.append([expected, low - 1])
        expected = high + 1
    return gaps[:MAX_RANGES_SHOWN]
