"""Counts shared by processes: summed, and kept when a process dies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from field_api.metrics import Gauge, Metrics, gauges, register_gauge

COUNT = """
import sys
from pathlib import Path
from field_api.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
metrics.count("seen_total", "Seen", {"route": "/x"}, 2)
metrics.observe("took_seconds", "Took", {"route": "/x"}, 0.3)
"""


@pytest.fixture(autouse=True)
def no_gauges() -> Iterator[None]:
    """Begin with none registered: an application's own want a database."""
    kept = dict(gauges)
    gauges.clear()
    yield
    gauges.clear()
    gauges.update(kept)


def values(metrics: Metrics) -> dict[tuple[str, str], float]:
    text = metrics.expose(Session()).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, sample.labels.get("le", "")): sample.value for sample in samples}


def count_elsewhere(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", COUNT, str(folder)], check=True)


def test_dead_processes_counts_stay_and_their_files_do_not(tmp_path: Path) -> None:
    """However many processes came and went, the sum is whole and the number of files the same."""
    for _ in range(3):
        count_elsewhere(tmp_path)
    metrics = Metrics(tmp_path)
    metrics.count("seen_total", "Seen", {"route": "/x"})
    metrics.observe("took_seconds", "Took", {"route": "/x"}, 7.0)
    found = values(metrics)
    assert found["seen_total", ""] == 7
    assert found["took_seconds_count", ""] == 4
    assert round(found["took_seconds_sum", ""], 6) == 7.9
    assert found["took_seconds_bucket", "0.25"] == 0
    assert found["took_seconds_bucket", "0.5"] == 3
    assert found["took_seconds_bucket", "10.0"] == found["took_seconds_bucket", "+Inf"] == 4
    assert len(list(tmp_path.glob("*.db"))) == 4
    assert len(list(tmp_path.glob("*.alive"))) == 1
    metrics.close()


def test_a_living_processs_files_are_left_alone(tmp_path: Path) -> None:
    """A process that starts beside a living one does not take its counts for a dead one's."""
    first, second = Metrics(tmp_path), Metrics(tmp_path)
    first.count("seen_total", "Seen", {})
    second.count("seen_total", "Seen", {})
    first.count("seen_total", "Seen", {})
    assert values(second)["seen_total", ""] == 3
    first.close()
    second.close()


def test_a_registered_gauge_is_read_when_asked(tmp_path: Path) -> None:
    """A gauge shows what its reader says now, with its labels."""
    readings = iter([2.0, 5.0])
    register_gauge(Gauge("waiting", "Waiting", ("state",), lambda _session: [(("due",), next(readings))]))
    metrics = Metrics(tmp_path)
    assert [values(metrics)["waiting", ""] for _ in range(2)] == [2.0, 5.0]


def test_a_gauge_that_keeps_its_value_is_read_once(tmp_path: Path) -> None:
    """However often it is asked for meanwhile, what it was read as is told again."""
    readings = iter([2.0])
    register_gauge(Gauge("dear", "Dear", (), lambda _session: [((), next(readings))], fresh_s=3600))
    metrics = Metrics(tmp_path)
    assert [values(metrics)["dear", ""] for _ in range(3)] == [2.0, 2.0, 2.0]
