"""The wire server's idea of terminals and tokens: real signatures, and refresh answers that may be lost."""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from uuid_utils.compat import uuid7

from tests.support.wire_answers import NOW, Answer, problem

if TYPE_CHECKING:
    from tests.support.wire_server import WireServer

OFFICER = {"id": "0192f000-0000-7000-8000-0000000000a1", "name": "演示", "roles": ["officer"], "unit": "u1"}


class Identity:
    """Terminals, nonces and tokens."""

    def __init__(self, server: "WireServer") -> None:
        self.server = server
        self.officer = OFFICER
        self.terminals: dict[str, dict[str, Any]] = {}
        self.nonces: set[str] = set()
        self.access: dict[str, str] = {}
        self.refresh: dict[str, dict[str, Any]] = {}

    def _verified(self, terminal: str, purpose: str, message: str, signature: str) -> bool:
        raw = base64.urlsafe_b64decode(self.terminals[terminal]["public_key"] + "==")
        signed = base64.urlsafe_b64decode(signature + "==")
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(
                signed, f"fieldpost/{purpose}/1\n{message}".encode()
            )
        except InvalidSignature:
            return False
        return True

    def enrol(self, body: dict[str, Any]) -> Answer:
        terminal = f"t-{hashlib.sha256(body['public_key'].encode()).hexdigest()[:12]}"
        known = self.terminals.setdefault(terminal, {"public_key": body["public_key"]})
        known.setdefault("no", f"t{len(self.terminals)}")
        if not self._verified(terminal, "enrol", body["enrolment_code"], body["signature"]):
            return problem(400, "enrolment_invalid", "fix")
        keys = self.server.jwks()["keys"]
        answer = {"terminal_id": terminal, "terminal_no": known["no"], "server_keys": keys}
        return Answer(201, answer)

    def challenge(self) -> Answer:
        nonce = str(uuid7())
        self.nonces.add(nonce)
        return Answer(200, {"nonce": nonce, "expires_at": NOW})

    def token(self, body: dict[str, Any]) -> Answer:
        secret = body.get("username") if body["grant"] == "password" else body["refresh_token"]
        if body["nonce"] not in self.nonces:
            return problem(401, "credentials_wrong", "login")
        self.nonces.discard(body["nonce"])
        message = f"{body['nonce']}.{secret}"
        if not self._verified(body["terminal_id"], "token", message, body["signature"]):
            return problem(401, "credentials_wrong", "login")
        if body["grant"] == "password":
            if body["password"] != "right":
                return problem(401, "credentials_wrong", "login")
            return Answer(200, self._pair(body["terminal_id"], str(uuid7())))
        held = self.refresh.get(body["refresh_token"])
        if held is None or held["family"] is None:
            return problem(401, "token_revoked", "login")
        if held["next"] is None:
            held["next"] = self._pair(body["terminal_id"], held["family"])
        elif held["next_used"]:
            self._revoke(held["family"])
            return problem(401, "token_revoked", "login")
        self.use(body["refresh_token"])
        return Answer(200, held["next"])

    def _pair(self, terminal: str, family: str) -> dict[str, Any]:
        access, refresh = f"a-{uuid7()}", f"r-{uuid7()}"
        self.access[access] = terminal
        self.refresh[refresh] = {"family": family, "next": None, "next_used": False}
        return {"access_token": access, "expires_in": 900, "refresh_token": refresh, "officer": self.officer}

    def use(self, token: str) -> None:
        """Note that a pair has been used: its predecessor is dead from then on."""
        for held in self.refresh.values():
            if held["next"] and token in (held["next"]["access_token"], held["next"]["refresh_token"]):
                held["next_used"] = True

    def _revoke(self, family: str) -> None:
        for held in self.refresh.values():
            if held["family"] == family:
                held["family"] = None
