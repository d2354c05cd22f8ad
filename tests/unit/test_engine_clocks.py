"""Clocks, sums, gaps and pages to the last unit: the values at their edges."""

from __future__ import annotations

import pytest

from sync.engine import hlc, numbers
from sync.engine.checkpoint import shift
from sync.engine.hlc import Hlc
from sync.engine.pages import parents_first

OWN = Hlc(1_000, 5, "s")
FAR_MS = 5 * 60 * 1000


@pytest.mark.parametrize(
    ("now_ms", "heard", "after"),
    [
        (2_000, None, Hlc(2_000, 0, "s")),
        (1_000, None, Hlc(1_000, 6, "s")),
        (500, None, Hlc(1_000, 6, "s")),
        (500, Hlc(1_000, 9, "t1"), Hlc(1_000, 10, "s")),
        (500, Hlc(1_000, 2, "t1"), Hlc(1_000, 6, "s")),
        (500, Hlc(1_500, 2, "t1"), Hlc(1_500, 3, "s")),
        (2_000, Hlc(1_500, 2, "t1"), Hlc(2_000, 0, "s")),
        (2_000, Hlc(2_000 + FAR_MS, 2, "t1"), Hlc(2_000 + FAR_MS, 3, "s")),
        (2_000, Hlc(2_001 + FAR_MS, 2, "t1"), Hlc(2_000, 0, "s")),
        (500, Hlc(1_000, 0xFFFE, "t1"), Hlc(1_000, 0xFFFF, "s")),
        (500, Hlc(1_000, 0xFFFF, "t1"), Hlc(1_001, 0, "s")),
    ],
)
def test_the_next_moment(now_ms: int, heard: Hlc | None, after: Hlc) -> None:
    """The latest of the three; counted on where they are equal; five minutes ahead are believed, not one ms more."""
    assert hlc.advance(OWN, now_ms, heard) == after


def test_a_moment_at_the_beginning_of_time() -> None:
    """Zero is a moment like others."""
    assert hlc.advance(Hlc(0, 0, "s"), 0) == Hlc(0, 1, "s")
    assert hlc.advance(Hlc(-5, 0, "s"), -9) == Hlc(0, 0, "s")


def test_a_clocks_text() -> None:
    """Twelve and four hexadecimal digits and the node; anything else is none."""
    assert str(Hlc(255, 16, "t7")) == "0000000000ff-0010-t7"
    assert hlc.parse("0000000000ff-0010-t7") == Hlc(255, 16, "t7")
    for text in ("0000000000FF-0010-t7", "ff-10-t7", "0000000000ff-0010-", "0000000000ff-0010-t_", 5, None,
                 "0000000000ff-0010-t7\n", "0000000000ff-0010-" + "t" * 17):  # fmt: skip
        assert hlc.parse(text) is None


def test_a_clock_that_was_not_sent_is_the_earliest() -> None:
    """It wins over nobody; one that was sent is used up to five minutes ahead."""
    assert hlc.bounded(None, 9_000, "t7") == "000000000000-0000-t7"
    assert hlc.bounded(Hlc(5, 6, "t7"), 9_000, "x") == str(Hlc(5, 6, "t7"))
    assert hlc.bounded(Hlc(9_001 + FAR_MS, 6, "t7"), 9_000, "x") == str(Hlc(9_000 + FAR_MS, 6, "t7"))


def test_the_sum_wraps_at_two_to_the_sixty_four() -> None:
    """Adding and taking away is exact at the edge."""
    assert shift(2**64 - 1, plus=1) == 0
    assert shift(0, minus=1) == 2**64 - 1
    assert (shift(7), shift(7, plus=3), shift(7, minus=3)) == (7, 10, 4)


def test_gaps_begin_and_end_where_they_do() -> None:
    """No gap where ranges touch, one number where one is missing."""
    assert numbers.missing([[1, 3], [5, 5], [8, 9]]) == [[4, 4], [6, 7]]
    assert numbers.missing([[2, 3]]) == [[1, 1]]
    assert (numbers.missing([]), numbers.missing([[1, 5]])) == ([], [])
    assert numbers.add([[1, 3]], [4, 6]) == [[1, 4], [6, 6]]
    assert numbers.add([[1, 9]], [3]) == [[1, 9]]


def test_a_parent_on_another_page_is_not_waited_for() -> None:
    """Only ancestors that are to be sent stand before a record; each stands once."""
    assert parents_first(["c", "b", "a"], {"c": "b", "b": "a", "a": None}) == ["a", "b", "c"]
    assert parents_first(["b"], {"b": "elsewhere"}) == ["b"]
    assert parents_first(["a", "b", "c"], {"a": None, "b": "a", "c": "a"}) == ["a", "b", "c"]
