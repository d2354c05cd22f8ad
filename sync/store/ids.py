"""New identifiers: UUID version 7, which sort by time and so keep indexes dense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uuid_utils


def _uuid7() -> str:
    return str(uuid_utils.uuid7())


_sources: list[Callable[[], str]] = [_uuid7]


def new_id() -> str:
    return _sources[-1]()


@contextmanager
def drawn_from(source: Callable[[], str]) -> Iterator[None]:
    """Take this process's new ids from `source` meanwhile, so that a run can be played again."""
    _sources.append(source)
    try:
        yield
    finally:
        _sources.pop()
