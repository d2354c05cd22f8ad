"""What an installation set for the clocks of the law, read from its configuration."""

from __future__ import annotations

from field_api.casework.law.clocks import CLOCKS
from field_api.casework.law.deadlines import Terms
from field_api.config import Config, ConfigError


def terms_of(config: Config) -> Terms:
    """Read lengths of clocks, `file_city=3,clue_check=15`, and who gets the roll-over: nobody, citizen, agency.

    Raises:
        ConfigError: a clock that is none or whose length the law says, a length that is none, another party.
    """
    lengths = {}
    for part in _parts(config.clocks):
        name, _, text = part.partition("=")
        if name not in CLOCKS or not CLOCKS[name].is_configurable:
            raise ConfigError(f"FIELDPOST_CLOCKS: {name!r} is no clock whose length may be set")
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) > 0):
            raise ConfigError(f"FIELDPOST_CLOCKS: {name} must run 1 to 999, not {text!r}")
        lengths[name] = int(text)
    chosen = frozenset(_parts(config.roll_over)) - {"nobody"}
    if chosen - {"citizen", "agency"}:
        raise ConfigError(f"FIELDPOST_ROLL_OVER must name nobody, citizen or agency, not {config.roll_over!r}")
    return Terms(lengths, "citizen" in chosen, "agency" in chosen)


def _parts(text: str) -> list[str]:
    return [part for one in text.split(",") if (part := one.strip())]
