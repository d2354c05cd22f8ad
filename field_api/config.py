"""The configuration: read once from the environment into a frozen object, passed to `create_app`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# West, south, east, north of Meishan in degrees: from memory, so configuration.
CITY_BOX = (102.8, 29.4, 104.5, 30.3)
_NUMBERED = re.compile(r"D[0-9]{2}\.(?:city_bureau|traffic_police)")
_WORD = re.compile(r"[^\s〔〕第号]{1,30}")
# With pauses of 2 s that double up to half an hour, whatever the jitter: a day before a person is asked.
DELIVERY_ATTEMPTS = 110


class ConfigError(ValueError):
    """A variable holds what it must not; the message names the variable and what to do."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that an installation may choose. Times in seconds, sizes in bytes."""

    data: Path
    database_url: str
    redis_url: str | None = None
    centre_url: str | None = None
    centre_token: str = ""
    centre_timeout_s: float = 10.0
    relay_interval_s: float = 1.0
    retry_base_s: float = 2.0
    delivery_attempts: int = DELIVERY_ATTEMPTS
    lease_s: float = 60.0
    access_ttl_s: int = 900
    refresh_ttl_s: int = 30 * 86_400
    offline_ttl_s: int = 7 * 86_400
    session_ttl_s: int = 12 * 3600
    invitation_ttl_s: int = 24 * 3600
    upload_ttl_s: int = 7 * 86_400
    upload_limit_bytes: int = 64 * 1024 * 1024
    body_limit_bytes: int = 8 * 1024 * 1024
    batch_limit: int = 500
    backoff_ms: int = 0
    region: str = "511402"
    city_box: tuple[float, float, float, float] = CITY_BOX
    web_threads: int = 8
    trusted_proxies: int = 0
    first_offence_days: int = 730
    silent_after_s: float = 86_400.0
    parked_after_s: float = 86_400.0
    law: Mapping[str, int | str | None] = field(default_factory=dict, hash=False)
    clocks: str = ""
    roll_over: str = "citizen"
    authorities_file: Path | None = None
    public_url: str = ""

    @property
    def authorities(self) -> Path:
        """Where the names, courts and accounts of papers stand; there need be no such file."""
        return self.authorities_file or self.data / "authorities.toml"
    number_words: tuple[tuple[str, str], ...] = ()

    @property
    def writers_limit(self) -> int:
        """How many threads of a process may wait to write: one is left for who only asks."""
        return max(1, self.web_threads - 1)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read `FIELDPOST_…`.

        Raises:
            ConfigError: a value that cannot be what its variable means.
        """
        data = Path(environ.get("FIELDPOST_DATA") or ROOT / "var").expanduser().resolve()
        return cls(
            data=data,
            database_url=environ.get("FIELDPOST_DATABASE_URL") or f"sqlite:///{data / 'fieldpost.sqlite3'}",
            redis_url=environ.get("FIELDPOST_REDIS_URL") or None,
            centre_url=environ.get("FIELDPOST_CENTRE_URL") or None,
            centre_token=environ.get("FIELDPOST_CENTRE_TOKEN", ""),
            centre_timeout_s=_number(environ, "FIELDPOST_CENTRE_TIMEOUT_S", 10.0),
            relay_interval_s=_number(environ, "FIELDPOST_RELAY_INTERVAL_S", 1.0),
            retry_base_s=_number(environ, "FIELDPOST_RETRY_BASE_S", 2.0),
            delivery_attempts=int(_number(environ, "FIELDPOST_DELIVERY_ATTEMPTS", DELIVERY_ATTEMPTS, minimum=1)),
            lease_s=_number(environ, "FIELDPOST_LEASE_S", 60.0),
            access_ttl_s=int(_number(environ, "FIELDPOST_ACCESS_TTL_S", 900)),
            region=_region(environ.get("FIELDPOST_REGION") or "511402"),
            city_box=_box(environ.get("FIELDPOST_CITY_BOX")),
            backoff_ms=int(_number(environ, "FIELDPOST_BACKOFF_MS", 0, minimum=0)),
            web_threads=int(_number(environ, "FIELDPOST_WEB_THREADS", 8, minimum=1)),
            trusted_proxies=int(_number(environ, "FIELDPOST_TRUSTED_PROXIES", 0, minimum=0)),
            first_offence_days=int(_number(environ, "FIELDPOST_FIRST_OFFENCE_DAYS", 730, minimum=1)),
            silent_after_s=_number(environ, "FIELDPOST_SILENT_AFTER_S", 86_400.0),
            parked_after_s=_number(environ, "FIELDPOST_PARKED_AFTER_S", 86_400.0),
            law=_law(environ),
            clocks=environ.get("FIELDPOST_CLOCKS", ""),
            roll_over=environ.get("FIELDPOST_ROLL_OVER") or "citizen",
            authorities_file=_path(environ.get("FIELDPOST_AUTHORITIES")),
            public_url=_url(environ.get("FIELDPOST_PUBLIC_URL") or ""),
            number_words=_number_words(environ.get("FIELDPOST_NUMBER_WORDS", "")),
        )


def _number(environ: Mapping[str, str], name: str, default: float, *, minimum: float = 1e-3) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, not {text!r}") from None
    if not minimum <= value < 1e9:
        raise ConfigError(f"{name} must lie between {minimum} and 1e9, not {text}")
    return value


def _law(environ: Mapping[str, str]) -> dict[str, int | str | None]:
    """What no law that we could read says; a rule that needs a missing one says so, and invents nothing."""
    return {
        "hearing_citizen_fen": _whole(environ, "FIELDPOST_LAW_HEARING_CITIZEN_FEN"),
        "hearing_org_fen": _whole(environ, "FIELDPOST_LAW_HEARING_ORG_FEN"),
        "filing_city_working_days": _whole(environ, "FIELDPOST_LAW_FILING_CITY_WORKING_DAYS"),
        "clock_skew_minutes": _whole(environ, "FIELDPOST_LAW_CLOCK_SKEW_MINUTES"),
        "individual_business_as": _one_of(environ, "FIELDPOST_LAW_INDIVIDUAL_BUSINESS_AS", ("citizen", "org")),
    }


def _whole(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ConfigError(f"{name} must be a whole number from 0, not {text!r}")
    return int(text)


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    text = environ.get(name) or None
    if text is not None and text not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {text!r}")
    return text


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser().resolve() if text else None


def _url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[!-~]{1,150}", text):
        raise ConfigError(f"FIELDPOST_PUBLIC_URL must be an http(s) address of at most 150 characters, not {text!r}")
    return text
def _number_words(text: str) -> tuple[tuple[str, str], ...]:
    """The agency's word before the year of a document number, by document type and enforcing subject."""
    pairs = tuple(tuple(one.strip().split("=", 1)) for one in text.split(";") if one.strip())
    for pair in pairs:
        if len(pair) != 2 or not _NUMBERED.fullmatch(pair[0]) or not _WORD.fullmatch(pair[1]):
            raise ConfigError(
                "FIELDPOST_NUMBER_WORDS must be pairs like D07.city_bureau=…字, joined by ';', each word of at most 30 "
                f"characters without 〔〕第号, not {text!r}"
            )
    return tuple((pair[0], pair[1]) for pair in pairs)


def _region(text: str) -> str:
    if not (len(text) == 6 and text.isascii() and text.isdigit()):
        raise ConfigError(f"FIELDPOST_REGION must be six digits (GB/T 2260), not {text!r}")
    return text


def _box(text: str | None) -> tuple[float, float, float, float]:
    if not text:
        return CITY_BOX
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"FIELDPOST_CITY_BOX must be west,south,east,north in degrees, not {text!r}") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ConfigError(f"FIELDPOST_CITY_BOX must be west,south,east,north in degrees, not {text!r}")
    return west, south, east, north
