"""A new signing key while terminals are out: the reference terminal learns it, and takes no stranger's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jwt
import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from field_api.auth.keys import Keys
from field_api.cli import cli
from field_api.config import Config
from reference.terminal import Terminal, Verdict
from sync.store.tables import ReceiptRow
from tests.integration.people import PASSWORD, Bureau, now
from tests.support.handset import Handset
from tests.support.web import WebServer

CASE = {"category": "0406", "description": "演示数据：占道经营"}


@pytest.fixture
def handset(bureau: Bureau, tmp_path: Path) -> Iterator[Handset]:
    bureau.officer("officer1")
    made = Handset(bureau, tmp_path / "handset")
    made.sign_in("officer1")
    yield made
    made.terminal.close()


def run(config: Config, *words: str) -> Result:
    done = CliRunner().invoke(cli, list(words), obj=config)
    assert done.exit_code == 0, done.output
    return done


def test_a_rotation_between_two_pushes_is_not_noticed(handset: Handset, config: Config, bureau: Bureau) -> None:
    """The terminal meets an unknown kid, fetches the set, and believes the receipt; all receipts verify."""
    for number in range(3):
        handset.terminal.create("case", CASE)
        assert handset.terminal.push().verdict is Verdict.OK
        assert handset.terminal.queue() == []
        if number < 2:
            run(config, "keys", "rotate")
    listed = run(config, "keys", "list").output.splitlines()
    assert [line.endswith("signs") for line in listed] == [False, False, True]
    held = handset.terminal.session.keys().listed()
    assert {one["kid"] for one in held} == {line.split()[1] for line in listed}
    jws = bureau.change(lambda session: session.scalars(sa.select(ReceiptRow.jws)).all())
    assert len({token.split(".")[0] for token in jws}) == 3
    receipts = config.data / "receipts.txt"
    receipts.write_text("\n".join(jws), encoding="ascii")
    assert run(config, "verify", str(receipts)).exit_code == 0


def test_a_terminal_that_was_out_for_two_rotations_learns_both(handset: Handset, config: Config) -> None:
    """Each key vouches for the next, so the chain is followed from the last one that is known."""
    run(config, "keys", "rotate")
    run(config, "keys", "rotate")
    handset.terminal.create("case", CASE)
    assert handset.terminal.push().verdict is Verdict.OK
    assert handset.terminal.queue() == []
    assert len(handset.terminal.session.keys().listed()) == 3


def test_a_key_that_nobody_endorsed_is_not_taken(handset: Handset, config: Config, app: Flask, tmp_path: Path) -> None:
    """Receipts by a stranger's key, listed among ours or forged to be endorsed, free nothing of the queue."""
    stranger = Keys.open(tmp_path / "stranger")
    kid = stranger.rotate(now())
    forged = config.data / "keys" / "receipts-2.key"
    content = orjson.loads((tmp_path / "stranger" / "receipts-2.key").read_bytes())
    forged.write_bytes(orjson.dumps(content))
    handset.terminal.create("case", CASE)
    listed = app.test_client().get("/.well-known/jwks.json").json["keys"]
    assert kid in {one["kid"] for one in listed}
    report = handset.terminal.push()
    assert (report.verdict, report.code) == (Verdict.LATER, "receipt_refused")
    assert len(handset.terminal.queue()) == 1
    assert kid not in {one["kid"] for one in handset.terminal.session.keys().listed()}


def test_a_running_server_needs_no_restart(config: Config, bureau: Bureau, tmp_path: Path) -> None:
    """Web processes that were up before the rotation sign with the new key, and their key set has it."""
    bureau.officer("officer1")
    server = WebServer(config, tmp_path)
    server.start()
    try:
        with Terminal(tmp_path / "handset", f"http://127.0.0.1:{server.port}") as terminal:
            assert terminal.enrol(bureau.code(), "演示机").verdict is Verdict.OK
            assert terminal.sign_in("officer1", PASSWORD).verdict is Verdict.OK
            for _ in range(2):
                terminal.create("case", CASE)
                assert terminal.push().verdict is Verdict.OK
                assert terminal.queue() == []
                signing = run(config, "keys", "list").output.splitlines()[-1].split()[1]
                receipts = bureau.change(lambda session: session.scalars(sa.select(ReceiptRow.jws)).all())
                assert signing in {jwt.get_unverified_header(one)["kid"] for one in receipts}
                run(config, "keys", "rotate")
            assert len(terminal.session.keys().listed()) == 2
    finally:
        server.kill()


def test_a_folder_without_keys_gets_none_by_looking(tmp_path: Path) -> None:
    """A mistyped data folder is an error, not a new chain of trust."""
    config = Config(tmp_path / "nowhere", "sqlite://")
    for word in ("list", "rotate"):
        assert CliRunner().invoke(cli, ["keys", word], obj=config).exit_code == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_new_terminal_is_given_every_key(bureau: Bureau, config: Config, tmp_path: Path) -> None:
    """It can check receipts of before and after a rotation from its enrolment on."""
    run(config, "keys", "rotate")
    late = Handset(bureau, tmp_path / "late")
    try:
        assert len(late.terminal.session.keys().listed()) == 2
    finally:
        late.terminal.close()
