"""What is printed and what is kept: a table with targets, and the raw numbers with machine and versions."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.measure import Figure, Scale
from benchmarks.site import Site

PACKAGES = ("flask", "granian", "sqlalchemy", "orjson", "psycopg")
MET = {True: "yes", False: "NO", None: ""}


def begin(command: str, scale: Scale) -> dict[str, Any]:
    """What stands above the figures of a run."""
    return {"command": command, "machine": machine(), "scale": asdict(scale), "databases": []}


def machine() -> dict[str, Any]:
    """The machine and what runs on it."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def database_facts(site: Site) -> dict[str, Any]:
    """Version and durability, asked of the database itself."""
    if site.database == "sqlite":
        with site.app.app_context():
            facts = site.write(lambda session: [session.scalar(sa.text(f"PRAGMA {name}")) for name in _PRAGMAS])
        return {"version": sqlite3.sqlite_version, **dict(zip(_PRAGMAS, facts, strict=True))}
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
    return {
        name: site.write(lambda session, name=name: session.scalar(sa.text(f"SHOW {name}")))  # type: ignore[misc] # bound early
        for name in names
    }


_PRAGMAS = ("journal_mode", "synchronous")


def _processor() -> str:
    for line_ in Path("/proc/cpuinfo").read_text().splitlines():
        if line_.startswith("model name"):
            return line_.split(":", 1)[1].strip()
    return platform.machine()


def line(database: str, figure: Figure) -> None:
    """Print a figure as soon as it is there."""
    least, most = min(figure.runs), max(figure.runs)
    spread = f"{_short(least)} … {_short(most)}" if len(figure.runs) > 1 else ""
    sys.stdout.write(
        f"{database:10} {figure.name:66} {figure.unit:15} {figure.target or ''!s:>8} "
        f"{_short(figure.median):>9}  {spread:22} {MET[figure.met]}\n"
    )
    sys.stdout.flush()


def table(results: dict[str, Any]) -> str:
    """The whole, as a Markdown table with a column for each database."""
    databases = results["databases"]
    rows: dict[tuple[str, str], list[str]] = {}
    for index, database in enumerate(databases):
        for one in database["figures"]:
            row = rows.setdefault((one["name"], one["unit"]), [one["target"] or "", *[""] * len(databases)])
            spread = f" ({_short(one['least'])} … {_short(one['most'])})" if len(one["runs"]) > 1 else ""
            row[index + 1] = f"{_short(one['median'])}{spread}{' **no**' if one['met'] is False else ''}"
    names = [database["database"] for database in databases]
    head = f"| figure | unit | target | {' | '.join(names)} |\n|{'---|' * (3 + len(names))}\n"
    return head + "".join(f"| {name} | {unit} | {' | '.join(cells)} |\n" for (name, unit), cells in rows.items())


def write(results: dict[str, Any], folder: Path, kind: str) -> None:
    """Print the table, and keep the raw numbers."""
    text = table(results)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}-{kind}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for one in results["databases"]:
        facts = ", ".join(f"{name} {value}" for name, value in one.items() if isinstance(value, str | int | float))
        sys.stdout.write(f"\n{facts}")
    sys.stdout.write(f"\n\n{text}\n{path}\n")


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
