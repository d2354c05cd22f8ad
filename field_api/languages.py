"""Which of our two languages a caller reads."""

from __future__ import annotations

from flask import request

DEFAULT = "zh-CN"


def asked_for() -> str:
    """`zh`, unless English is asked for first (`Accept-Language`)."""
    return "en" if request.accept_languages.best_match([DEFAULT, "zh", "en"], DEFAULT) == "en" else "zh"
