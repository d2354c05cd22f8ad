"""Remember what the server ordered, do it when it is due, and say so in the next push."""

from typing import Any

from reference.terminal.store import Store


class Control:
    """The wipe order of a lost or retired terminal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def remember(self, control: dict[str, Any]) -> None:
        """Note an order, once; it outlives a crash."""
        wipe = control.get("wipe")
        if not isinstance(wipe, dict) or not isinstance(wipe.get("id"), str):
            return
        if wipe["id"] in self._store.get("wiped", []):
            return
        self._store.set("wipe", {"id": wipe["id"], "after_push": wipe.get("after_push") is not False})

    def due(self, everything_sent: bool) -> bool:
        """Say whether a wipe is to be done now."""
        wipe = self._store.get("wipe")
        return wipe is not None and (everything_sent or not wipe["after_push"])

    def done(self) -> None:
        """Note, in the caller's transaction, that the wipe was done."""
        wipe = self._store.get("wipe")
        self._store.set("wiped", [*self._store.get("wiped", []), wipe["id"]][-20:])
        self._store.set("control_done", [*self.unconfirmed(), wipe["id"]])
        self._store.set("wipe", None)

    def unconfirmed(self) -> list[str]:
        """Give the ids of orders that were done and that the server has not heard of."""
        return list(self._store.get("control_done", []))

    def confirmed(self, ids: list[str]) -> None:
        """Forget orders that the server has heard of."""
        left = [id_ for id_ in self.unconfirmed() if id_ not in ids]
        self._store.set("control_done", left or None)
