"""A case on the street as the terminal holds it: its elements, its paper, and what the rules say of its next step."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from reference.terminal.clock import instant
from reference.terminal.errors import TerminalError
from reference.terminal.rules import Finding, Rules
from reference.terminal.sets import Hit
from reference.terminal.street_facts import Around, Body, decision_of, facts_of, local_day, standing
from reference.terminal.terminal import Terminal

DECISION = "D07"
# Source: 行政复议法 (2023) Art. 20, 23 I 1: review before a suit. The authority's name stands on the server's paper.
REMEDY = (
    "对本当场处罚决定不服的，依照《中华人民共和国行政复议法》第二十三条第一款第（一）项，应当先申请行政复议："
    "自知道或者应当知道本决定之日起六十日内提出；对复议决定仍不服的，可以依法提起行政诉讼。"
)
# What a decision may not lack (处罚法 52), by its names in the content.
WANTED = ("party", "facts", "violated", "basis", "place", "occurred_at", "penalty_kinds")


class StreetError(TerminalError):
    """The step does not come now, or what it needs is not held; nothing was written."""


class LawRefusedError(StreetError):
    """Law forbids the step; nothing was written. findings: rule, article, words and remedy, in both languages."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(_told(one) for one in findings))


class StreetCase:
    """One case on one terminal, and the rules that its steps are asked of."""

    def __init__(self, terminal: Terminal, case: str) -> None:
        self.terminal = terminal
        self.case = case
        schema = terminal.store.get("schema") or {}
        self.rules = Rules.opened(schema.get("rules"), terminal.session.keys())

    @property
    def body(self) -> dict[str, Any]:
        """The case as the officer sees it. Raises: StreetError, where the terminal does not hold it."""
        held = self.terminal.record(self.case)
        if held is None:
            raise StreetError("the terminal holds no such case")
        return held.body

    @property
    def status(self) -> str:
        return str(self.body.get("status") or "draft")

    def _now(self) -> str:
        return self.terminal.clock.wall().isoformat(timespec="milliseconds")

    def _me(self) -> str:
        return str((self.terminal.store.get("officer") or {}).get("id"))

    def _at(self, *statuses: str) -> dict[str, Any]:
        body = self.body
        if body.get("status") not in statuses:
            raise StreetError(f"the case is {body.get('status')}; this step comes from {' or '.join(statuses)}")
        return body

    def _element(self, **parts: Any) -> dict[str, Any]:
        known = {name: value for name, value in parts.items() if value is not None}
        return {"id": self.terminal.edits.new_id(), "at": self._now(), **known}

    def _log(self, step: str, **parts: Any) -> None:
        self.terminal.append(self.case, "timeline", self._element(step=step, **parts))

    def _say(self, **parts: Any) -> None:
        self.terminal.append(self.case, "statements", self._element(**parts))

    def _signature(
        self, signer: str, strokes: bytes, document: str | None = None, officer: str | None = None
    ) -> dict[str, Any]:
        if not strokes:
            raise StreetError("an empty signature is none")
        digest = hashlib.sha256(strokes).hexdigest()
        return self._element(signer=signer, method="stroke", strokes_sha256=digest, document=document, officer=officer)

    def _step(self, event: str, *statuses: str) -> list[Finding]:
        shown = self._ask(event, self._at(*statuses))
        self.terminal.transition(self.case, event)
        return shown

    def _decision(self, body: Body) -> Body:
        found = decision_of(body)
        if found is None:
            raise StreetError("there is no decision")
        return found

    def _block(self, body: Body) -> str:
        return f"{DECISION}.{body['subject']}"

    def _decided(
        self, body: Body, amount_fen: int | None, kinds: Sequence[str] | None, discretion: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What the decision changes on the case. rule_set: by which rules, of which day (R33)."""
        day = local_day(instant(body["occurred_at"])).isoformat()
        asked = {
            "amount_fen": amount_fen,
            "penalty_kinds": list(kinds) if kinds is not None else None,
            "discretion": dict(discretion) if discretion is not None else None,
            "rule_set": f"{self.rules.version}@{day}",
        }
        return {name: value for name, value in asked.items() if value is not None and value != body.get(name)}

    def _paper(self, body: Body, pay: str) -> dict[str, Any]:
        """The decision as it is handed over, without its number."""
        notice = [one for one in standing(body, "statements") if one["kind"] == "notice"][-1]
        content: dict[str, Any] = {
            "party": {name: value for name, value in (body.get("party") or {}).items() if value},
            "facts": notice["facts"],
            "reason": notice["reason"],
            "violated": self._provisions(body, "breaks"),
            "basis": body.get("legal_basis"),
            "place": body.get("address"),
            "occurred_at": body.get("occurred_at"),
            "penalty_kinds": body.get("penalty_kinds"),
            "amount_fen": body.get("amount_fen"),
            "pay": pay if body.get("amount_fen") else None,
            "remedy": REMEDY,
        }
        missing = [name for name in WANTED if not content.get(name)]
        missing += [] if content["party"].get("name") else ["party.name"]
        content = {name: value for name, value in content.items() if value is not None}
        return self._element(
            type=DECISION, facts=notice["facts"], content=content | ({"missing": missing} if missing else {}), copies=2
        )

    def _provisions(self, body: Body, part: str) -> list[str]:
        return [text for item in self._violations(body) for text in item.get(part) or ()]

    def _violations(self, body: Body) -> list[dict[str, Any]]:
        """The newest held version of each violation that was in force on the day of the act."""
        day = local_day(instant(body["occurred_at"])).isoformat()
        found: dict[str, dict[str, Any]] = {}
        for one in self.terminal.records("violation"):
            item, code = one.body, one.body["code"]
            in_force = not one.void and item["valid_from"] <= day <= (item.get("valid_to") or "9999")
            if in_force and (code not in found or found[code]["valid_from"] < item["valid_from"]):
                found[code] = item
        lacking = [code for code in body.get("violations") or () if code not in found]
        if lacking:
            raise StreetError(f"not in the held catalogue on {day}: {', '.join(lacking)}")
        return [found[code] for code in body.get("violations") or ()]

    def _history(self, body: Body) -> list[Hit] | None:
        party = body.get("party") or {}
        kind = "uscc" if party.get("uscc") else "id"
        number = party.get("uscc") or party.get("id_no")
        if not number or self.terminal.sets.state("history") is None:
            return None
        return self.terminal.sets.look_up("history", kind, number)

    def _ask(self, stage: str, body: Body, leased: bool | None = None) -> list[Finding]:
        """Put a body, as the step would leave it, to the rules of here and of the server.

        What the server would only mark later is better heard now, while it can still be put right.

        Raises: LawRefusedError.
        """
        facts = facts_of(body, self._around(body, leased))
        found = {one.check: one for place in ("server", "terminal") for one in self.rules.judge(facts, stage, place)}
        forbidden = [one for one in found.values() if one.forbids]
        if forbidden:
            raise LawRefusedError(forbidden)
        return [one for one in found.values() if one.consequence == "flag"]

    def _around(self, body: Body, leased: bool | None) -> Around:
        officers = {one: held.body for one in body["officers"] if (held := self.terminal.record(one)) is not None}
        history, incident = self._history(body), body.get("incident")
        cases = self.terminal.records("case") if incident else []
        return Around(
            officers=officers,
            violations=self._violations(body),
            evidence=[one.body for one in self.terminal.records("evidence") if one.body.get("case") == self.case],
            others=[one.body for one in cases if one.body.get("incident") == incident and one.id != self.case],
            first_offence=None if history is None else not history,
            leased=leased,
        )


def _told(one: Finding) -> str:
    return f"{one.rule} {one.words['zh']} · {one.words['en']} ({one.article}) → {one.remedy['zh']} · {one.remedy['en']}"
