"""Say who this terminal is and who is signed in on it, and keep both across lost answers.

The store never holds a password. Unlocking by PIN between syncs is the handheld's own business.
"""

from typing import Any
from urllib.parse import quote

from reference.terminal.control import Control
from reference.terminal.errors import NotEnrolledError
from reference.terminal.held import Held
from reference.terminal.http import BASE, Line, Reply, Verdict
from reference.terminal.keys import ServerKeys, TerminalKey
from reference.terminal.store import Store


class Session:
    """Enrolment and tokens of one terminal."""

    def __init__(self, store: Store, line: Line, key: TerminalKey) -> None:
        self._store = store
        self._line = line
        self._key = key
        self._control = Control(store)

    @property
    def terminal_id(self) -> str:
        terminal_id = self._store.get("terminal_id")
        if terminal_id is None:
            raise NotEnrolledError("enrol first")
        return str(terminal_id)

    def keys(self) -> ServerKeys:
        return ServerKeys(self._store.get("server_keys", []))

    def enrol(self, code: str, model: str, app_version: str) -> Reply:
        """Redeem an enrolment code; sending the same code again gives the same answer."""
        body = {
            "enrolment_code": code,
            "public_key": self._key.public,
            "model": model,
            "app_version": app_version,
            "signature": self._key.sign("enrol", code.encode()),
        }
        reply = self._line.send_json("POST", f"{BASE}/terminals", body)
        answer = reply.document
        if reply.verdict is not Verdict.OK:
            return reply
        if not _strings(answer, "terminal_id") or not isinstance(answer.get("terminal_no"), str | int):
            return self._line.later(reply.status, code="answer_invalid")
        trusted = ServerKeys([])
        trusted.learn(answer.get("server_keys"))
        with self._store.transaction():
            self._store.set("terminal_id", answer["terminal_id"])
            self._store.set("terminal_no", str(answer["terminal_no"]))
            self._store.set("server_keys", trusted.listed())
        return reply

    def sign_in(self, username: str, password: str) -> Reply:
        """Open a session with the officer's password; the queue stays as it is."""
        return self._grant("password", username, {"username": username, "password": password})

    def refresh(self) -> Reply:
        """Get a new pair of tokens.

        The old refresh token is kept until the new pair has been used: where the answer was lost, or the
        pair with it, the server gives that same pair for the old token again.
        """
        tokens = self._store.get("tokens", {})
        held = [tokens[name] for name in ("refresh", "previous") if tokens.get(name)]
        reply = Reply(Verdict.LOGIN, code="token_missing")
        for token in held:
            reply = self._grant("refresh", token, {"refresh_token": token})
            if reply.verdict is not Verdict.LOGIN:
                break
        return reply

    def sign_out(self) -> Reply:
        """Close the session here, whatever the server hears of it."""
        reply = self.send("DELETE", f"{BASE}/tokens/current")
        self._store.set("tokens", None)
        return reply

    def forget(self) -> None:
        """Keep nothing of who was signed in: the next officer needs his password."""
        with self._store.transaction():
            self._store.set("tokens", None)
            self._store.set("officer", None)

    def send(
        self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Send a request as the signed-in officer."""
        return self._with_token(lambda token: self._line.send(method, path, content, headers, token))

    def send_json(self, method: str, path: str, body: Any) -> Reply:
        return self._with_token(lambda token: self._line.send_json(method, path, body, token))

    def send_body(self, path: str, raw: bytes) -> Reply:
        return self._with_token(lambda token: self._line.send_body(path, raw, token))

    def learn_keys(self) -> bool:
        """Fetch the server's key set and take in what a known key endorses."""
        reply = self._line.send("GET", "/.well-known/jwks.json")
        keys = self.keys()
        if reply.verdict is not Verdict.OK or not keys.learn(reply.document):
            return False
        self._store.set("server_keys", keys.listed())
        return True

    def _with_token(self, send: Any) -> Reply:
        """Send under the access token; renew it once where the server asks for a sign-in."""
        reply: Reply = send(self._store.get("tokens", {}).get("access"))
        if reply.verdict is Verdict.LOGIN:
            renewed = self.refresh()
            if renewed.verdict is not Verdict.OK:
                self._control.remember(renewed.control)
                return renewed
            reply = send(self._store.get("tokens", {}).get("access"))
        self._control.remember(reply.control)
        tokens = self._store.get("tokens", {})
        if reply.verdict is Verdict.OK and tokens.get("previous"):
            self._store.set("tokens", {**tokens, "previous": None})
        return reply

    def _grant(self, grant: str, secret: str, more: dict[str, str]) -> Reply:
        """Ask for a nonce, sign it together with what is presented, and keep the pair that comes back."""
        terminal = {"terminal_id": self.terminal_id}
        challenge = self._line.send_json("POST", f"{BASE}/tokens/challenges", terminal)
        nonce = challenge.document.get("nonce")
        if challenge.verdict is not Verdict.OK:
            return challenge
        if not isinstance(nonce, str):
            return self._line.later(challenge.status, code="answer_invalid")
        signature = self._key.sign("token", f"{nonce}.{secret}".encode())
        body = {"grant": grant, **more, **terminal, "nonce": nonce, "signature": signature}
        reply = self._line.send_json("POST", f"{BASE}/tokens", body)
        if reply.verdict is not Verdict.OK:
            return reply
        if not _strings(reply.document, "access_token", "refresh_token"):
            return self._line.later(reply.status, code="answer_invalid")
        self._keep(reply.document, more.get("refresh_token"))
        return reply

    def _keep(self, answer: dict[str, Any], presented: str | None) -> None:
        tokens = {
            "access": answer["access_token"],
            "refresh": answer["refresh_token"],
            "previous": presented,
            "offline_until": answer.get("offline_until"),
        }
        officer = answer.get("officer")
        with self._store.transaction():
            self._store.set("tokens", tokens)
            if isinstance(officer, dict) and isinstance(officer.get("id"), str):
                before = self._store.get("officer", officer)["id"]
                if before != officer["id"]:
                    Held(self._store).forget()
                self._store.set("officer", officer)


def _strings(answer: dict[str, Any], *names: str) -> bool:
    return all(isinstance(answer.get(name), str) for name in names)


def segment(text: str) -> str:
    """Write an id as one path segment, whatever is in it."""
    return quote(text, safe="")
