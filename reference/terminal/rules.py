"""Judge by the rules that the server serves and signs, with no network. Source: protocol, Law.

The server's own judge is another program; what both must say stands in `tests/data/law_vectors.json`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reference.terminal.errors import ReceiptRefusedError, TerminalError
from reference.terminal.keys import ServerKeys, canonical

PLACE = "terminal"
OPEN_START, OPEN_END = "0000-00-00", "9999-99-99"
MAX_ITEMS, MAX_TEXT, MAX_INT = 200, 200, 10**12
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
NOT_CONFIGURED = {
    "words": {
        "zh": "配置项 {missing} 未设置：本规则无法判断",
        "en": "the configuration {missing} is not set: this rule cannot be judged",
    },
    "remedy": {"zh": "请管理员按本地规定设置该项", "en": "ask the administrator to set it by the local rules"},
}


class RulesRefusedError(TerminalError):
    """The terminal holds no rules, or not such as the server signed: nothing is judged by them."""


@dataclass(frozen=True)
class Finding:
    """What one check says. rule: R01 to R52; consequence: `block` `flag` `compute` `alert` `not_configured`."""

    rule: str
    check: str
    consequence: str
    article: str
    values: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    remedy: dict[str, str] = field(default_factory=dict)

    @property
    def forbids(self) -> bool:
        """Say whether the officer may not go on: law blocks, or cannot say yes."""
        return self.consequence in ("block", "not_configured")


class Rules:
    """One bundle of dated rules, with what the bureau has set itself."""

    def __init__(self, bundle: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self.version = str(bundle["version"])
        self._bundle = bundle
        self._config = dict(config)
        self._programs: dict[str, Any] = {}

    @classmethod
    def opened(cls, served: Any, keys: ServerKeys) -> "Rules":
        """Take the rules of a schema whose signature and digest hold. Raises: RulesRefusedError."""
        try:
            signed = keys.open(served["signature"])["rules"]
            bundle = served["bundle"]
            if hashlib.sha256(canonical(bundle)).hexdigest() != signed["sha256"]:
                raise RulesRefusedError("the rules are not those that were signed")
            if bundle["version"] != signed["version"]:
                raise RulesRefusedError("the rules are of another version than was signed")
            return cls(bundle, signed["config"])
        except ReceiptRefusedError as error:
            raise RulesRefusedError(f"the rules' signature does not hold: {error}") from error
        except (KeyError, TypeError) as error:
            raise RulesRefusedError("the terminal holds no rules: sync first") from error

    def judge(self, facts: Mapping[str, Any], stage: str | None = None, place: str | None = PLACE) -> list[Finding]:
        """Everything that the rules say of facts, in the order of the checks; None asks every stage or place.

        facts: any part of the shape but `config`, which is the bureau's own.
        """
        whole = self._complete({**facts, "config": self._config})
        return self._judged(whole, stage, place)

    def judge_whole(self, facts: Mapping[str, Any], stage: str | None, place: str | None) -> list[Finding]:
        """Judge facts that bring their own `config`, as test vectors do."""
        return self._judged(self._complete(facts), stage, place)

    def _judged(self, whole: dict[str, Any], stage: str | None, place: str | None) -> list[Finding]:
        from cel import Context  # draws half a second of libraries in; most programs of a terminal never judge

        act, decided = whole["act"]["date"], whole["decision"]["date"]
        days = (act or decided or OPEN_END, decided or act or OPEN_END)
        before, after = (self._in_force(day) for day in days)
        contexts = tuple(Context({**whole, "p": self._parameters(day)}) for day in days)
        found: list[Finding] = []
        for check in sorted({*before, *after}):
            versions = tuple(_asked(one.get(check), stage, place) for one in (before, after))
            found += self._of_check(versions, contexts)
        return found

    def _of_check(self, versions: tuple[Any, ...], contexts: tuple[Any, ...]) -> Iterator[Finding]:
        """Procedure by the law of the step; substance by that of the act, or a later one that is lighter."""
        old, new = versions
        either = new or old
        if either is None:
            return
        later = self._asked_of(new, contexts[1])
        if either["dated_by"] == "step":
            finding = later
        else:
            finding = _lighter(either["lighter"], self._asked_of(old, contexts[0]), later)
        if finding is not None:
            yield finding

    def _asked_of(self, rule: Mapping[str, Any] | None, context: Any) -> Finding | None:
        if rule is None:
            return None
        missing = self._program(rule["unset"]).execute(context) if rule["unset"] else ""
        if missing:
            return _finding(rule, "not_configured", {"missing": missing})
        if not self._program(rule["condition"]).execute(context):
            return None
        values = {name: self._program(text).execute(context) for name, text in rule["values"].items()}
        return _finding(rule, rule["consequence"], values)

    def _program(self, text: str) -> Any:
        if text not in self._programs:
            from cel import compile as compiled  # as late as above, for the same reason

            self._programs[text] = compiled(text)
        return self._programs[text]

    def _in_force(self, day: str) -> dict[str, Mapping[str, Any]]:
        return {rule["id"]: rule for rule in self._bundle["rules"] if _holds(rule, day)}

    def _parameters(self, day: str) -> dict[str, Any]:
        return {one["name"]: one["value"] for one in self._bundle["parameters"] if _holds(one, day)}

    def _complete(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Bring facts to the bundle's shape: what is missing or of another kind is null, a list is empty."""
        shape = self._bundle["facts"]
        whole: dict[str, Any] = {}
        for name, fields in shape["sections"].items():
            given = facts.get(name)
            whole[name] = _fields(given if isinstance(given, Mapping) else {}, fields)
        for name, fields in shape["lists"].items():
            given = facts.get(name)
            items = given[:MAX_ITEMS] if isinstance(given, list) else []
            whole[name] = [_fields(item, fields) for item in items if isinstance(item, Mapping)]
        return whole


def _holds(dated: Mapping[str, Any], day: str) -> bool:
    return (dated["valid_from"] or OPEN_START) <= day <= (dated["valid_to"] or OPEN_END)


def _asked(rule: Mapping[str, Any] | None, stage: str | None, place: str | None) -> Mapping[str, Any] | None:
    if rule is None or (stage is not None and stage not in rule["when"]):
        return None
    return rule if place is None or place in rule["where"] else None


def _lighter(how: str, by_act: Finding | None, by_later: Finding | None) -> Finding | None:
    """The result that is the party's; that of the act's own law where both are equal."""
    if how == "fires":
        return by_act or by_later
    if by_act is None or by_later is None:
        return None
    _, _, name = how.partition(":")
    return by_later if name and by_later.values[name] < by_act.values[name] else by_act


def _finding(rule: Mapping[str, Any], consequence: str, values: dict[str, Any]) -> Finding:
    told = NOT_CONFIGURED if consequence == "not_configured" else rule
    words, remedy = ({tongue: _said(text, values) for tongue, text in told[part].items()}
                     for part in ("words", "remedy"))
    return Finding(rule["rule"], rule["id"], consequence, rule["article"], values, words, remedy)


def _said(text: str, values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", "、".join(map(str, value)) if isinstance(value, list) else str(value))
    return text


def _fields(given: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    return {name: _value(given.get(name), kind) for name, kind in fields.items()}


def _value(value: Any, kind: str) -> Any:
    if kind == "codes":
        return [one for one in value[:MAX_ITEMS] if isinstance(one, str)] if isinstance(value, list) else []
    fits = {
        "bool": lambda: isinstance(value, bool),
        "int": lambda: type(value) is int and abs(value) <= MAX_INT,
        "date": lambda: isinstance(value, str) and _DATE.fullmatch(value) is not None,
        "text": lambda: isinstance(value, str) and len(value) <= MAX_TEXT,
    }
    return value if kind in fits and fits[kind]() else None
