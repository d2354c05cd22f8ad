"""The integration tests' application and people, for simulated days."""

from __future__ import annotations

from tests.integration.conftest import app, bureau, config

__all__ = ["app", "bureau", "config"]
