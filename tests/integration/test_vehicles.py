"""The files of vehicles: from the tables of the office to the set of permits."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from field_api.auth.tables import Unit
from field_api.casework.sets import shelf, watch
from field_api.casework.vehicles import register
from field_api.casework.vehicles.models import Company, TransportPermit, Vehicle
from field_api.cli import cli
from tests.integration.field import Terminal, terminal
from tests.integration.people import Bureau
from tests.unit.test_law_identifiers import uscc

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
PERMITS = "证号,号牌号码,企业名称,货物,路线,时段,有效期起,有效期止\n"


def write_permits(bureau: Bureau, text: str) -> None:
    report, rows = register.take_permits((PERMITS + text).encode())
    assert report.bad_count == 0
    bureau.change(lambda session: register.write_permits(session, b"k" * 32, rows, NOW, "演示", TODAY))


def test_permits_that_may_still_hold_are_in_the_set(bureau: Bureau) -> None:
    """The last day counts; one that ended before stays in its file and leaves the set."""
    ended = "演-2,川Z00001,,,,,2025-01-01,2026-11-21\n"
    write_permits(bureau, f"演-1,川Z00000,演示公司,渣土,,,2026-01-01,2026-11-22\n{ended}")
    assert bureau.change(lambda session: shelf.difference(session, "carriers", None).count) == 1
    write_permits(bureau, "演-1,川Z00000,演示公司,渣土,,,2026-01-01,2027-11-22\n")
    query = sa.select(TransportPermit.valid_to).order_by(TransportPermit.permit_no)
    assert bureau.change(lambda session: list(session.scalars(query))) == ["2027-11-22", "2026-11-21"]
    told = bureau.change(lambda session: shelf.difference(session, "carriers", 1))
    assert (told.since, len(told.added), len(told.removed)) == (1, 1, 1)


def test_an_empty_cell_takes_nothing_away(bureau: Bureau) -> None:
    """A later table with fewer columns leaves what is known; a firm is one however often it is named."""
    code = uscc("91511402000000000")
    for text in (f"号牌号码,企业名称,车架号,统一社会信用代码\n川Z00000,演示公司,VIN1,{code}\n川Z0000挂,演示公司,,\n",
                 "号牌号码,品牌\n川Z00000,演示牌\n"):  # fmt: skip
        report, rows = register.take_vehicles(text.encode())
        assert report.bad_count == 0
        bureau.change(lambda session, rows=rows: register.write_vehicles(session, rows, NOW))  # type: ignore[misc]  # bound now
    query = sa.select(Vehicle.vin, Vehicle.brand, Company.uscc).join(Company).where(Vehicle.plate == "川Z00000")
    assert bureau.change(lambda session: session.execute(query).one()) == ("VIN1", "演示牌", code)
    assert bureau.change(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Company))) == 1


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("演-1,川Z0000,,,,,2026-01-01,2026-12-31", "plate", "plate_impossible"),
        ("演-1,川Z00000,,,,,2026-12-31,2026-01-01", "valid_to", "ends_before"),
        ("演-1,川Z00000,,,,,2026-01-01,soon", "valid_to", "not_a_day"),
        ("演-1,川Z00000,,,,,,2026-01-01", "valid_from", "required"),
        (f"{'9' * 33},川Z00000,,,,,2026-01-01,2026-12-31", "permit_no", "too_long"),
    ],
)
def test_a_permit_that_cannot_be_is_named(line: str, column: str, code: str) -> None:
    """By line, column and what is wrong."""
    report, rows = register.take_permits(f"{PERMITS}{line}\n".encode())
    assert [(bad.line, bad.column, bad.code) for bad in report.bad] == [(2, column, code)]
    assert rows == []


def run(app: Flask, *words: str) -> Result:
    return CliRunner().invoke(cli, list(words), obj=app.extensions["fieldpost"].config)


def test_the_commands_take_a_good_file_and_refuse_a_bad_one_whole(app: Flask, bureau: Bureau, tmp_path: Path) -> None:
    """One bad line refuses the file, unless the good ones are asked for; the report says how many of each."""
    path = tmp_path / "演示.csv"
    path.write_text("号牌号码,原因\n川Z00000,spills\n川Z1,spills\n", encoding="utf-8")
    refused = run(app, "watch", "import", str(path), "--lang", "en")
    assert refused.exit_code == 1
    assert "line 3 plate: there is no such plate" in refused.output
    assert "watch: empty" in run(app, "watch", "status").output
    taken = run(app, "watch", "import", str(path), "--skip-bad", "--lang", "zh")
    assert taken.exit_code == 0
    assert "读入 2 行，采用 1 行，有误 1 行" in taken.output
    assert "watch: 1 entries" in run(app, "watch", "status").output
    path.write_text(f"{PERMITS}演-1,川Z00000,,,,,2026-01-01,2999-12-31\n", encoding="utf-8")
    assert run(app, "vehicles", "import-permits", str(path)).exit_code == 0
    assert "carriers: 1 entries" in run(app, "watch", "status").output
    path.write_text("号牌号码,所有人\n川Z00000,演示\n", encoding="utf-8")
    assert run(app, "vehicles", "import", str(path)).exit_code == 0


def test_a_vehicles_file_gathers_what_happened_to_it_in_ones_scope(app: Flask, bureau: Bureau) -> None:
    """Checks as tractor or trailer, cases that name the plate or share the incident; of another unit's, nothing."""
    police, city = terminal(bureau, "wang", "liaison"), terminal(bureau, "zhang")
    incident = police.create("incident", description="抛撒")
    check = police.create("vehicle_check", incident=incident["record"], plate="川Z00000", trailer_plate="川Z0000挂",
                          plate_kind="15")  # fmt: skip
    police.done(incident, check)
    shared = city.create("case", incident=incident["record"])
    named = city.create("case", plates=["川Z00000"])
    city.done(shared, named)
    write_permits(bureau, "演-1,川Z00000,演示公司,渣土,,,2026-01-01,2026-12-31\n")
    _, rows = watch.take("号牌号码,原因\n川Z00000,spills\n".encode())
    bureau.change(lambda session: watch.replace(session, b"k" * 32, rows, NOW, "演示"))
    found = file_of(city, "川Z·00000")
    assert (found["shape"], found["city"]) == ("ordinary", "眉山")
    assert [one["id"] for one in found["checks"]] == [check["record"]]
    assert {one["id"] for one in found["cases"]} == {shared["record"], named["record"]}
    assert [one["permit_no"] for one in found["permits"]] == ["演-1"]
    assert [one["reason"] for one in found["watch"]["entries"]] == ["spills"]
    assert [(one["record"], one["code"]) for one in found["doubts"]] == [(check["record"], "plate_kind_differs")]
    assert [one["id"] for one in file_of(city, "川Z0000挂")["checks"]] == [check["record"]]
    city.done(city.patch("case", named["record"], 1, plates=["川Z00009"]))
    assert {one["id"] for one in file_of(city, "川Z00000")["cases"]} == {shared["record"]}
    bureau.change(lambda session: session.add(Unit(id="u2", name="二")))
    stranger = terminal(bureau, "yi", "liaison", unit="u2")
    theirs = file_of(stranger, "川Z00000")
    assert (theirs["checks"], theirs["cases"], len(theirs["permits"])) == ([], [], 1)
    answer = city.handheld.client.get("/api/v1/vehicles/川Z1", headers=city.handheld.bearer)
    assert answer.status_code == 404


def file_of(own: Terminal, plate: str) -> dict[str, Any]:
    answer = own.handheld.client.get(f"/api/v1/vehicles/{plate}", headers=own.handheld.bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)
