"""`./fieldpost bench`: what this machine does, measured in one run, with medians and spread."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.site import Site, running
from launcher.installation import ROOT

TERMINALS = 8
PUSHES_EACH = 25
RECORDS = 10_000
IDLE = 200
PHOTOS, PHOTO_BYTES, PHOTO_LANES = 100, 2_000_000, 4


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and write the raw results beside the others."""
    parser = argparse.ArgumentParser(prog="fieldpost bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each measurement (重复次数)")
    parser.add_argument("--database-url", help="PostgreSQL instead of SQLite; an empty database")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="fieldpost-bench-", dir=_disk()) as folder,
        running(Path(folder), options.database_url, TERMINALS) as site,
    ):
        figures = measure(site, options.rounds)
        apart = bool(site.load_cores)
    results = {"machine": _machine(options.database_url, apart=apart), "rounds": options.rounds, "figures": figures}
    _print(results)
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y-%m-%d}-{results['machine']['database']}.json"
    (options.output / name).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"\n{options.output / name}\n")
    return 0 if not figures["failures"] else 1


def measure(site: Site, rounds: int) -> dict[str, Any]:
    """Every figure, as the list of its runs."""
    figures: dict[str, Any] = {"failures": 0}
    pushed = [_push(site) for _ in range(rounds)]
    figures["push_operations_per_s"] = [one[0] for one in pushed]
    figures["push_p95_ms"] = [one[1] for one in pushed]
    figures["failures"] += sum(one[2] for one in pushed)
    pulled = [_pull(site) for _ in range(rounds)]
    figures["first_pull_records"] = pulled[-1][1]
    figures["first_pull_s_for_10000"] = [round(took * RECORDS / records, 3) for took, records, _ in pulled]
    cursor = pulled[-1][2]
    idle = [load.idle_pulls(site.clients[0], cursor, IDLE) for _ in range(rounds)]
    figures["idle_pull_ms"] = [round(statistics.median(seconds) * 1000, 2) for seconds, _ in idle]
    figures["idle_pull_bytes"] = idle[-1][1]
    before = site.peak_mib("web")
    # The worker makes copies of what was uploaded, on the same cores: measured with it held, and beside it.
    site.hold("worker")
    uploads = [_upload(site) for _ in range(rounds)]
    site.let_go("worker")
    beside = [_upload(site) for _ in range(rounds)]
    figures["upload_mb_per_s"] = [one[0] for one in uploads]
    figures["upload_mb_per_s_beside_worker"] = [one[0] for one in beside]
    figures["failures"] += sum(one[1] for one in uploads + beside)
    figures["upload_peak_growth_mib_each"] = round((site.peak_mib("web") - before) / PHOTO_LANES, 2)
    figures["resident_mib"] = site.resident_mib()
    return figures


def _push(site: Site) -> tuple[float, float, int]:
    jobs = [(client, load.batches(PUSHES_EACH)) for client in site.clients]
    samples = load.together(load.push_all, jobs, site.load_cores)
    seconds = sorted(second for sample in samples for second in sample.seconds)
    operations = TERMINALS * PUSHES_EACH * load.OPERATIONS
    p95 = seconds[int(len(seconds) * 0.95) - 1]
    return round(operations / _span(samples), 1), round(p95 * 1000, 1), sum(sample.failures for sample in samples)


def _pull(site: Site) -> tuple[float, int, str]:
    """A first pull; the pushes before it left fewer records than wanted at the start, so it is topped up."""
    client = site.clients[0]
    took, records, cursor = load.pull_all(client)
    if records < RECORDS:
        load.push_all(client, load.creates(RECORDS - records))
        took, records, cursor = load.pull_all(client)
    return took, records, cursor


def _upload(site: Site) -> tuple[float, int]:
    each = PHOTOS // PHOTO_LANES
    jobs = [
        (client, [secrets.token_bytes(PHOTO_BYTES) for _ in range(each)]) for client in site.clients[:PHOTO_LANES]
    ]
    samples = load.together(load.upload_all, jobs, site.load_cores)
    megabytes = PHOTO_LANES * each * PHOTO_BYTES / 1e6
    return round(megabytes / _span(samples), 1), sum(sample.failures for sample in samples)


def _span(samples: Sequence[load.Sample]) -> float:
    return max(sample.ended for sample in samples) - min(sample.begun for sample in samples)


def _disk() -> str | None:
    """A folder on a real disk: fsync to memory would measure nothing."""
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    return str(folder)


def _machine(database_url: str | None, *, apart: bool) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_pinned_apart": apart,
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "database": "postgresql" if database_url else "sqlite",
        "versions": {name: version(name) for name in ("flask", "granian", "sqlalchemy", "orjson", "psycopg")},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _print(results: dict[str, Any]) -> None:
    machine, figures = results["machine"], results["figures"]
    sys.stdout.write(f"{machine['processor']}, {machine['cores']} cores, {machine['database']}\n")
    for name, value in figures.items():
        if isinstance(value, list):
            low, middle, high = min(value), statistics.median(value), max(value)
            sys.stdout.write(f"{name:32} median {middle:>10}   {low} … {high}\n")
        else:
            sys.stdout.write(f"{name:32} {value}\n")


if __name__ == "__main__":
    sys.exit(main())
