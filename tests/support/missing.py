"""What could not run for want of a program: said loudly at the end, and never skipped where CI is set."""

from __future__ import annotations

import pytest

from launcher.testing import in_ci

MISSING: dict[str, str] = {}


def need(program: str, how_to_get: str) -> None:
    """Give up the running test for want of a program: a failure in CI, else a skip named in the summary."""
    MISSING[program] = how_to_get
    reason = f"{program} is missing; {how_to_get}"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
