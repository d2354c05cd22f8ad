"""What the wire server's parts say back."""

from dataclasses import dataclass, field
from typing import Any

NOW = "2026-11-22T10:00:00.000+08:00"


@dataclass
class Answer:
    """What goes back over the line."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def problem(status: int, code: str, retry: str, **more: Any) -> Answer:
    """Make a problem document of the protocol's."""
    document = {"type": f"/problems/{code}", "status": status, "code": code, "retry": retry, **more}
    return Answer(status, document, {"Content-Type": "application/problem+json"})
