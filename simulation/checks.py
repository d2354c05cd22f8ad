"""Every check by its name, in the order of the invariants."""

from __future__ import annotations

from collections.abc import Callable

from simulation import checks_devices, checks_numbers, checks_oracle, checks_server
from simulation.account import Account

__all__ = ["CHECKS", "Account"]

CHECKS: dict[str, Callable[[Account], int]] = {
    name: check
    for module in (checks_server, checks_devices, checks_oracle, checks_numbers)
    for name, check in sorted(vars(module).items())
    if name.startswith("check_")
}
