"""`./fieldpost bench` runs: every figure is reached, on a real installation, in its quickest version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cli
from benchmarks.measure import QUICK


def _run(folder: Path, *arguments: str) -> dict[str, Any]:
    assert cli.main(["--quick", "--output", str(folder), *arguments]) == 0
    [path] = folder.glob("*-quick.json")
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


@pytest.mark.timeout(600)
def test_every_figure_of_the_table_is_reached_on_sqlite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each figure, printed and kept, with the database's own word on its durability."""
    [database] = _run(tmp_path, "--database", "sqlite")["databases"]
    figures = {(one["name"], one["unit"]): one for one in database["figures"]}
    assert len(figures) == len(database["figures"]) >= 25
    assert all(one["median"] is not None for one in figures.values())
    assert sum(one["target"] is not None for one in figures.values()) >= 20
    assert database["synchronous"] == 2, "FULL"
    assert [one["cases"] for one in database["seeded"]][:2] == [QUICK.first_cases, QUICK.held_cases]
    printed = capsys.readouterr().out
    assert [name for name, _ in figures if f"| {name} |" not in printed] == []


@pytest.mark.timeout(600)
def test_postgresql_is_measured_durable_and_seeded_alike(tmp_path: Path) -> None:
    """A first pull of what was seeded by COPY brings every case once, and fsync is on."""
    [database] = _run(tmp_path, "--database", "postgresql", "--only", "first", "idle")["databases"]
    assert (database["fsync"], database["synchronous_commit"]) == ("on", "on")
    assert {one["unit"] for one in database["figures"]} == {"s", "MB", "bytes", "ms"}
