"""An installation's background side for the tests: its database, its cases, its real worker and relay."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from demo.pictures import make_photo
from field_api.auth import officers, passwords
from field_api.casework import evidence, server, staff
from field_api.casework.founding import found
from field_api.config import ROOT, Config
from field_api.extensions import db, services
from field_api.transactions import write
from launcher import guard
from media.blobs import FileBlobs
from media.tables import Blob
from reference.centre.process import CentreProcess
from sync.engine.values import Author, Operation
from sync.service.received import own_operation
from sync.service.workspace import Workspace
from sync.store.ids import new_id
from sync.store.outbox import OutboxRow
from sync.store.tables import RecordRow
from tests.integration.people import UNIT, running
from tests.support.guarded import GuardedProgram, plain_environment
from tests.support.waiting import wait_until

T = TypeVar("T")
TOKEN = "demo-token"
PATIENCE_S = 60.0
CREATED_AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class Station:
    """One installation. Its programs are started by name (`run`, `relay`) and killed with all they forked."""

    def __init__(self, app: Flask, centre: CentreProcess | None, redis_url: str, settings: Mapping[str, str]) -> None:
        self.app = app
        self.centre = centre
        self.config: Config = app.extensions["fieldpost"].config
        self.blobs = FileBlobs(self.config.data / "blobs")
        self.programs: dict[str, GuardedProgram] = {}
        self.officer = ""
        self._environment = plain_environment(self.config.data) | {
            "PYTHONPATH": str(ROOT),
            "FIELDPOST_DATA": str(self.config.data),
            "FIELDPOST_DATABASE_URL": self.config.database_url,
            "FIELDPOST_REDIS_URL": redis_url,
            "FIELDPOST_RELAY_INTERVAL_S": "0.1",
            "FIELDPOST_RETRY_BASE_S": "0.1",
            "FIELDPOST_CENTRE_TIMEOUT_S": "5",
            "FIELDPOST_LEASE_S": "3",
        }
        if centre is not None:
            self._environment |= {"FIELDPOST_CENTRE_URL": centre.url, "FIELDPOST_CENTRE_TOKEN": centre.token}
        self._environment |= settings

    def start(self, *names: str) -> None:
        """Start the worker (`run`) or the relay (`relay`)."""
        for name in names:
            self.programs[name] = GuardedProgram(
                [sys.executable, "-m", "worker", name], cwd=ROOT, env=self._environment,
                log_path=self.config.data / f"{name}.log",
            )

    def kill(self, name: str) -> None:
        """End a program and its horse between two lines."""
        program = self.programs.pop(name)
        guard.kill_session(program._popen.pid)
        program.stop()

    def stop(self) -> None:
        for name in list(self.programs):
            self.programs.pop(name).stop()

    def log(self, name: str) -> list[dict[str, Any]]:
        """The lines that a program has logged, whole ones only."""
        lines = (self.config.data / f"{name}.log").read_bytes().split(b"\n")[:-1]
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def change(self, work: Callable[[Session], T]) -> T:
        """Run `work(session)` in one committed transaction."""
        with self.app.app_context():
            session = db.session()
            return write(session, lambda: work(session))

    def apply(self, *operations: Operation) -> list[dict[str, Any]]:
        """Have operations take effect; none may be quarantined."""
        def work(session: Session) -> list[dict[str, Any]]:
            space = Workspace(session, services().home, datetime.now(UTC))
            return space.apply([own_operation(one) for one in operations])

        results = self.change(work)
        assert all(one["outcome"] != "quarantined" for one in results), results
        return results

    def patch(self, case: str, **values: Any) -> None:
        """Change a case as the server may."""
        self.apply(server.patch("case", case, values, datetime.now(UTC)))

    def correct(self, case: str, **values: Any) -> None:
        """Change a case as its unit's officer would, having seen all of it."""
        author = Author(self.officer, frozenset({"officer"}), UNIT, "store-1")
        operation = Operation(new_id(), "patch", "case", case, author, server.moment(datetime.now(UTC)),
                              base=self.version(case), set=values)
        self.apply(operation)

    def case(self, *photos: bytes, **values: Any) -> str:
        """A closed case with photos whose bytes are here, passed by nobody yet; returns its id."""
        case = new_id()
        standing = {"category": "0406", "description": "占道经营，已劝导", "address": "演示路 1 号", "unit": UNIT,
                    "author": self.officer, "status": "closed", "occurred_at": server.moment(CREATED_AT)}
        self.apply(server.create("case", case, standing | values, datetime.now(UTC)))
        for photo in photos:
            self.piece(case, photo)
        return case

    def piece(self, case: str, photo: bytes) -> str:
        """A photo of a case, passed, its bytes stored after its record came; returns the evidence's id."""
        digest = hashlib.sha256(photo).hexdigest()
        piece = self.name(case, digest, len(photo))
        self.keep(photo)
        self.arrived(digest, len(photo))
        return piece

    def name(self, case: str, digest: str, size: int) -> str:
        """A passed evidence record of a case; returns its id."""
        piece = new_id()
        values = {"case": case, "role": "far", "sha256": digest, "size": size, "media_type": "image/jpeg",
                  "captured_at": server.moment(CREATED_AT), "terminal": new_id(), "officer": self.officer,
                  "position": {"lng": 103.84, "lat": 30.05, "coord_sys": "wgs84", "accuracy_m": 5},
                  "signature": "A" * 86, "review": "passed"}
        self.apply(server.create("evidence", piece, values, datetime.now(UTC)))
        return piece

    def arrived(self, digest: str, size: int) -> None:
        """Say that a photo's bytes are here."""
        self.change(lambda session: evidence.arrived(session, services().home, digest, size, datetime.now(UTC)))

    def keep(self, photo: bytes) -> str:
        """Store a photo's bytes; returns their digest."""
        digest = hashlib.sha256(photo).hexdigest()
        draft = self.config.data / f"{digest}.draft"
        draft.write_bytes(photo)
        self.blobs.put(draft, digest, len(photo))
        row = {"sha256": digest, "size": len(photo), "media_type": "image/jpeg", "stored_at": datetime.now(UTC)}
        self.change(lambda session: session.execute(sa.insert(Blob).values(row)))
        return digest

    def finished(self, *photos: bytes) -> str:
        """A case that is ready for the centre; returns its id."""
        case = self.case(*photos)
        self.patch(case, review="passed")
        return case

    def body(self, case: str) -> dict[str, Any]:
        """The case as it stands."""
        query = sa.select(RecordRow.body).where(RecordRow.id == case)
        return orjson.loads(self.change(lambda session: session.scalars(query).one()))

    def version(self, case: str) -> int:
        query = sa.select(RecordRow.version).where(RecordRow.id == case)
        return self.change(lambda session: session.scalars(query).one())

    def rows(self, subject: str) -> list[Any]:
        """The outbox rows of a case or a digest, oldest version first."""
        query = sa.select(*OutboxRow.__table__.columns).where(OutboxRow.subject == subject)
        return list(self.change(lambda session: session.execute(query.order_by(OutboxRow.version)).all()))

    def received(self, case: str) -> dict[str, Any] | None:
        """What the centre has of a case."""
        assert self.centre is not None
        return next((one for one in self.centre.received()["cases"] if one["case"] == case), None)

    def wait_for(self, case: str, delivery: str) -> dict[str, Any]:
        """Wait until the case's delivery stands so; returns the case."""
        wait_until(lambda: self.body(case)["delivery"] == delivery, f"{delivery}, rows {self.rows(case)}", PATIENCE_S)
        return self.body(case)


def photo(seed: int = 1) -> bytes:
    """A small drawn photo."""
    return make_photo(None, label="演示", taken_at=CREATED_AT, lng=103.84, lat=30.05, seed=seed, size=(800, 600))


@contextmanager
def station(
    database_url: str, data: Path, redis_url: str, centre: CentreProcess | None, **settings: str
) -> Iterator[Station]:
    """An installation with one unit and one officer; its programs end with the block."""
    given = {"centre_url": centre.url, "centre_token": centre.token} if centre else {}
    config = Config(data, database_url, redis_url, retry_base_s=0.1, lease_s=3.0, centre_timeout_s=5.0, **given)
    with running(config) as app:
        made = Station(app, centre, redis_url, settings)

        def prepare(session: Session) -> str:
            found(session, services().home, datetime.now(UTC))
            officers.add_unit(session, UNIT, "演示一中队")
            new = officers.NewOfficer("demo", "演示队员", ("officer",), UNIT)
            return staff.add(session, services().home, new, passwords.hash_password("correct horse 2026")).id

        made.officer = made.change(prepare)
        try:
            yield made
        finally:
            made.stop()
