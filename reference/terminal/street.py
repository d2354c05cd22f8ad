"""The officer's way through the summary procedure (简易程序), on the street and with no network.

Every step asks the rules before it writes: what law forbids is refused with the rule's words and nothing is kept; what
it only marks is given back to be shown. Each step is kept whole or not at all, so a crash between two loses nothing:
open the folder, make a `Street` of the same case, and go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.terminal.rules import Finding
from reference.terminal.sets import Hit
from reference.terminal.street_case import LawRefusedError, StreetCase, StreetError
from reference.terminal.street_facts import Body, decision_of, standing
from reference.terminal.terminal import Terminal

PROOF, SLIP = "D26", "D05"
HEAR = Finding(
    "R06", "street.heard", "block", "行政处罚法第四十四条、第四十五条", {},
    {"zh": "尚未听取陈述申辩，也没有放弃", "en": "the party was neither heard nor gave it up"},
    {"zh": "先听取并复核，或由当事人签名放弃", "en": "hear and re-check first, or have the waiver signed"},
)  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """The party will not sign. note: how it went; witness: who saw it."""

    note: str
    witness: str


class Street(StreetCase):
    """One case on one terminal, step by step. Methods that law judges give back what is to be shown."""

    @classmethod
    def open(
        cls,
        terminal: Terminal,
        *,
        category: str,
        officers: Sequence[str],
        party: Mapping[str, Any],
        violations: Sequence[str],
        address: str,
        subject: str = "city_bureau",
        **fields: Any,
    ) -> "Street":
        """Stop: make the case and begin. fields: `position`, `incident`, `description`, ... of the case.

        Raises: RulesRefusedError, LawRefusedError, StreetError; then no case was made.
        """
        street = cls(terminal, terminal.edits.new_id())
        values = {
            "category": category, "officers": list(officers), "party": dict(party), "violations": list(violations),
            "address": address, "subject": subject, "procedure": "summary", "source": "patrol",
            "occurred_at": street._now(), **fields,
        }  # fmt: skip
        street._ask("check", values)
        with terminal.group():
            terminal.create("case", values, street.case)
            terminal.transition(street.case, "register")
            terminal.transition(street.case, "investigate")
        return street

    # What is seen and said on the spot.

    def show_ids(self, officers: Sequence[str] | None = None) -> None:
        """Show the certificates; of all officers of the case where none are named."""
        self._log("ids_shown", officers=list(officers or self.body["officers"]))

    def ladder(self, step: str, note: str = "") -> None:
        """Take a step of persuasion before any penalty: `persuade` `educate` `guide` `warn` `cleared`."""
        self._log(step, note=note)

    def order_correction(self, what: str) -> None:
        """Order the party to put it right. Source: 处罚法 28."""
        self._log("correction_ordered", note=what)

    def return_papers(self) -> None:
        """Give the driver his papers back."""
        self._log("papers_returned")

    def look_up_permit(self) -> list[dict[str, Any]]:
        """The held permits that name the party or the place."""
        body = self.body
        name, place = (body.get("party") or {}).get("name"), body.get("address")
        held = [one.body for one in self.terminal.records("permit") if not one.void]
        found = [one for one in held if (name and one.get("holder") == name) or one.get("address") == place]
        self._log("permit_lookup", note=f"四定许可 {len(found)} 项")
        return found

    def look_up_history(self) -> list[Hit] | None:
        """What the held set says of the party's earlier acts; None where no set, or no number, is held."""
        found = self._history(self.body)
        self._log("history_lookup", note="未持有记录" if found is None else f"违法记录 {len(found)} 项")
        return found

    def take_photo(self, photo: Path | bytes, role: str, position: dict[str, Any] | None = None) -> str:
        """Keep a photograph of it; give the evidence record's id."""
        return self.terminal.take_photo(self.case, photo, role, position=position)

    # Notice, statement, decision.

    def notice(
        self,
        facts: str,
        reason: str,
        amount_fen: int | None,
        kinds: Sequence[str] = ("fine",),
        basis: Sequence[str] | None = None,
    ) -> list[Finding]:
        """Tell the party facts, reason, basis, his rights and what is planned. Raises: LawRefusedError, StreetError."""
        body = self._at("investigating")
        basis = list(basis or self._provisions(body, "applies"))
        told = self._element(
            kind="notice", facts=facts, reason=reason, basis=basis, rights=True, amount_fen=amount_fen
        )
        planned = {"amount_fen": amount_fen, "penalty_kinds": list(kinds), "legal_basis": basis}
        shown = self._ask("notify", _with({**body, **planned}, statements=[told]))
        with self.terminal.group():
            self.terminal.patch(self.case, planned)
            self.terminal.append(self.case, "statements", told)
            self.terminal.transition(self.case, "notify")
        return shown

    def hear(self, statement: str) -> None:
        """Write down what the party says; a re-check must follow."""
        self._at("notified")
        self._say(kind="statement", response=statement)

    def recheck(self, result: str, *, accepted: bool) -> None:
        """Write down what became of the statement. Source: 处罚法 45."""
        self._at("notified")
        self._say(kind="recheck", response=result, accepted=accepted)

    def waive(self, strokes: bytes | None) -> None:
        """Note that the party gives up his statement; without his signature no decision may follow."""
        self._at("notified")
        signed = None if strokes is None else self._signature("party", strokes)
        said = self._element(kind="waiver") | ({"signature": signed["id"]} if signed else {})
        with self.terminal.group():
            if signed:
                self.terminal.append(self.case, "signatures", signed)
            self.terminal.append(self.case, "statements", said)

    def decide(
        self,
        *,
        pay: str = "bank15",
        amount_fen: int | None = None,
        kinds: Sequence[str] | None = None,
        discretion: Mapping[str, Any] | None = None,
    ) -> tuple[str, list[Finding]]:
        """Decide, under the next number of the leased block; give the number and what is to be shown.

        pay: `on_spot` or `bank15`. amount_fen, kinds: as in the notice where they are left out.

        Raises: LawRefusedError, StreetError, NumbersExhaustedError, NumbersExpiredError; then nothing was written.
        """
        body = self._at("notified")
        written = decision_of(body)
        if written is not None:  # a crash came between the paper and the step
            self.terminal.transition(self.case, "decide")
            return written["number"], []
        if not any(one["kind"] in ("statement", "waiver") for one in standing(body, "statements")):
            raise LawRefusedError([HEAR])
        changed = self._decided(body, amount_fen, kinds, discretion)
        paper = self._paper({**body, **changed}, pay)
        number = self._block(body)
        held = {"number": number} if self.terminal.numbers.left(number) else {}
        shown = self._ask("decide", _with({**body, **changed}, documents=[paper | held]), leased=bool(held) or None)
        if changed:
            self.terminal.patch(self.case, changed)
        _, text = self.terminal.append_numbered(self.case, number, paper)
        self.terminal.transition(self.case, "decide")
        return text, shown

    def sign(self, officers: Mapping[str, bytes], party: bytes | Refusal) -> None:
        """Sign the decision: each officer's strokes, and the party's, or that he refused before a witness."""
        decision = self._decision(self._at("decided"))["id"]
        lacking = set(self.body["officers"]) - set(officers)
        if lacking:
            raise StreetError(f"not signed by every officer: {len(lacking)} lacking")
        drawn = [self._signature("officer", strokes, decision, officer=one) for one, strokes in officers.items()]
        if isinstance(party, Refusal):
            drawn.append(self._element(signer="party", document=decision, method="refused", note=party.note))
            drawn.append(self._element(signer="witness", document=decision, method="paper", name=party.witness))
        else:
            drawn.append(self._signature("party", party, decision))
        with self.terminal.group():
            for one in drawn:
                self.terminal.append(self.case, "signatures", one)

    def serve(self) -> list[Finding]:
        """Hand the decision over on the spot, with a proof of it. Raises: LawRefusedError, StreetError."""
        body = self._at("decided")
        decision = self._decision(body)
        under = [one for one in standing(body, "signatures") if one.get("document") == decision["id"]]
        if not any(one["signer"] == "party" for one in under):
            raise StreetError("the decision is not signed: sign, or note the refusal")
        name = (body.get("party") or {}).get("name") or ""
        served = {"mode": "on_site", "at": self._now(), "to": name, "refused": False} | _refusal(under)
        content = {"served_papers": f"当场行政处罚决定书 {decision['number']}"}
        proof = self._element(type=PROOF, of=decision["id"], content=content, served=served)
        shown = self._ask("serve", _with(body, documents=[proof]))
        with self.terminal.group():
            self.terminal.append(self.case, "documents", proof)
            self.terminal.transition(self.case, "serve")
        return shown

    def pay(
        self, mode: str, *, receipt_no: str | None = None, ground: str | None = None, amount_fen: int | None = None
    ) -> list[Finding]:
        """Note that the fine was paid: `on_spot` against a receipt and on a ground, or `bank15` as the bank says.

        Raises: LawRefusedError, StreetError.
        """
        body = self._at("served")
        parts = {"receipt_no": receipt_no, "ground": ground, "collected_by": self._me() if mode == "on_spot" else None}
        paid = self._element(
            mode=mode,
            amount_fen=body["amount_fen"] if amount_fen is None else amount_fen,
            document=self._decision(body)["id"],
            **{name: value for name, value in parts.items() if value},
        )
        shown = self._ask("pay", _with(body, payments=[paid]))
        with self.terminal.group():
            self.terminal.append(self.case, "payments", paid)
            self.terminal.transition(self.case, "pay")
        return shown

    def file(self) -> list[Finding]:
        """File the decision (备案). Raises: LawRefusedError, StreetError."""
        return self._step("file", "served", "paid")

    def close(self) -> list[Finding]:
        """Close the case; the archive is the supervisor's. Raises: LawRefusedError, StreetError."""
        return self._step("close", "advised", "no_penalty", "filed")

    # The ways out.

    def advise(self, advice: str) -> None:
        """Leave it at advice, with a slip."""
        self._at("investigating")
        with self.terminal.group():
            self.terminal.patch(self.case, {"procedure": "advice"})
            self.terminal.append(self.case, "documents", self._element(type=SLIP, content={"advice": advice}))
            self._log("slip_given")
            self.terminal.transition(self.case, "advise")

    def no_penalty(self, reason: str, education: str) -> list[Finding]:
        """Give no penalty, and educate. reason: of the code table no_penalty_reason. Raises: LawRefusedError."""
        changed = {"no_penalty_reason": reason, "procedure": "none"}
        taught = self._element(step="educate", note=education)
        shown = self._ask("decide", _with({**self._at("investigating"), **changed}, timeline=[taught]))
        with self.terminal.group():
            self.terminal.patch(self.case, changed)
            self.terminal.append(self.case, "timeline", taught)
            self.terminal.transition(self.case, "no_penalty")
        return shown

    def convert(self, reason: str) -> str:
        """Go over to the general procedure; give the proceeding's id."""
        body = self.body
        values = {"case": self.case, "reason": reason, "opened_at": self._now(), "officers": body["officers"]}
        with self.terminal.group():
            self.terminal.transition(self.case, "convert")
            return self.terminal.create("proceeding", values | {"violations": body.get("violations")})

    def transfer(self, to: str, reason: str) -> None:
        """Hand the matter to whose it is."""
        note = {"id": self.terminal.edits.new_id(), "text": f"移送 {to}：{reason}", "at": self._now()}
        with self.terminal.group():
            self.terminal.append(self.case, "notes", note)
            self.terminal.transition(self.case, "transfer")


def _with(body: Body, **added: list[dict[str, Any]]) -> dict[str, Any]:
    """A body as it would stand with these elements."""
    return {**body, **{name: [*(body.get(name) or ()), *elements] for name, elements in added.items()}}


def _refusal(signatures: Sequence[Body]) -> dict[str, Any]:
    refused = next((one for one in signatures if one.get("method") == "refused"), None)
    if refused is None:
        return {}
    witness = next((one.get("name") for one in signatures if one["signer"] == "witness"), "")
    return {"mode": "refused_on_site", "refused": True, "note": refused.get("note"), "witness": witness}


__all__ = ["LawRefusedError", "Refusal", "Street", "StreetError"]
