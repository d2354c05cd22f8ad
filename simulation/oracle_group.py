"""Groups: applied together or not at all (ADR 22)."""

from __future__ import annotations

import copy
from typing import Any

from simulation.oracle_house import House, Kept, quarantined
from simulation.oracle_merge import Refused
from simulation.oracle_values import AnyOrder

# What an operation may change; taking a group back is putting these back.
STATE = ("_records", "_families", "_conflicts", "_settled", "_writes", "_ended", "_of_photos", "_news")


class GroupHouse(House):
    """A house in which operations may belong together, by store and group."""

    def _try(self, one: Kept) -> None:
        group = one.payload.get("group")
        if group is None:
            super()._try(one)
            return
        members = self._members.setdefault((one.store, group["id"]), [])
        if one not in members:
            members.append(one)
        self._try_group(members, one)

    def _try_group(self, members: list[Kept], one: Kept) -> None:
        size = members[0].payload["group"]["size"]
        others = [each for each in members if each is not one]
        if any(each.payload["group"]["size"] != size for each in members):
            self._hold_back([each for each in members if not each.final])
        elif members.index(one) >= size or any(each.outcome == "dismissed" or _own(each) for each in others):
            self._hold_back([one])
        elif len(members) < size:
            one.waits = [one.payload["group"]["id"]]
            one.result = {"outcome": "parked", "waits_for": AnyOrder(one.waits)}
        else:
            self._together(members[:size])

    def _hold_back(self, members: list[Kept]) -> None:
        for each in members:
            each.result = quarantined("group_incomplete")

    def _together(self, members: list[Kept]) -> None:
        """Try all by their numbers, one that rests on a later one after it; take all back if one cannot."""
        before = {name: copy.deepcopy(getattr(self, name)) for name in STATE}
        for each in members:
            each.result, each.flags = {}, [flag for flag in each.flags if flag != "server_owned"]
        ready = sorted(members, key=lambda each: (each.payload.get("number") or 0, each.id))
        culprit, code = self._work_off(ready)
        if culprit is None and not ready:
            return
        for name, value in before.items():
            setattr(self, name, value)
        waits = list(dict.fromkeys(name for each in ready for name in self._needs(each)))
        inside = {each.id for each in members}
        inside |= {each.payload["record"] for each in members if each.payload["action"] == "create"}
        for each in members:
            each.waits = [name for name in waits if name not in inside]
            each.result = {"outcome": "parked", "waits_for": AnyOrder(each.waits)}
            if culprit is not None:
                each.result = quarantined(code if each is culprit else "group_incomplete")

    def _work_off(self, ready: list[Kept]) -> tuple[Kept | None, Any]:
        """Apply what can be applied; returns who was refused, and why. What must wait is left in `ready`."""
        going = True
        while going:
            going = False
            for each in list(ready):
                if self._rests_elsewhere(each):
                    return each, "invalid_field"
                if self._needs(each):
                    continue
                try:
                    each.result = self._judge(each, each.payload.get("set", {}))
                except Refused as refused:
                    return each, refused.code
                self._took_effect(each)
                self._follow()
                ready.remove(each)
                going = True
        return None, ""


def _own(one: Kept) -> bool:
    """Whether a member was refused for something of its own."""
    return one.outcome == "quarantined" and one.result["problem"]["code"] != "group_incomplete"
