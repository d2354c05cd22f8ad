"""A pytest plugin: few examples, always the same, without a deadline; for runs that count branches, not luck."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("few", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("few")
