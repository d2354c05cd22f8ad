"""The configuration: read once from the environment into a frozen object, passed to `create_app`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# West, south, east, north of Meishan in degrees: from memory, so configuration.
CITY_BOX = (102.8, 29.4, 104.5, 30.3)
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
