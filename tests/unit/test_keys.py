"""The server's keys: made once however many start, private, and good for what they are for."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import jwt
import pytest

from field_api.auth.keys import KeyFileError, Keys
from field_api.config import ROOT


def test_any_number_of_starts_at_once_end_with_one_key(tmp_path: Path) -> None:
    """All that start together hold the same keys, and leave no draft behind."""
    start = threading.Barrier(8)
    opened: list[Keys] = []

    def open_keys() -> None:
        start.wait()
        opened.append(Keys.open(tmp_path / "keys"))

    threads = [threading.Thread(target=open_keys) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len({(keys.kid, keys.mac("x", b"y")) for keys in opened}) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["personal.key", "receipts.key", "secret.key"]


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    """The folder is 0700 and each file 0600."""
    Keys.open(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path) -> None:
    """A cut key file is never replaced by a new key: that would end the chain of trust unseen."""
    Keys.open(tmp_path)
    (tmp_path / "receipts.key").write_bytes(b"short")
    with pytest.raises(KeyFileError, match=r"receipts\.key"):
        Keys.open(tmp_path)
    assert (tmp_path / "receipts.key").read_bytes() == b"short"


def test_a_jws_is_verified_by_the_published_key_alone(tmp_path: Path) -> None:
    """Another implementation verifies what we sign, finding the key by its kid."""
    keys = Keys.open(tmp_path)
    token = keys.sign_jws({"b": [1, "二"], "a": None})
    found = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys.public_jwks()).keys}
    key = found[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["EdDSA"]) == {"a": None, "b": [1, "二"]}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token[:-6] + "AAAAAA", key, algorithms=["EdDSA"])


def test_signing_is_deterministic(tmp_path: Path) -> None:
    """The same content gives the same text in whatever order it was built."""
    keys = Keys.open(tmp_path)
    assert keys.sign_jws({"a": 1, "b": 2}) == Keys.open(tmp_path).sign_jws({"b": 2, "a": 1})


def test_a_mac_of_one_purpose_serves_no_other(tmp_path: Path) -> None:
    """Purposes are apart, and so are installations."""
    keys, others = Keys.open(tmp_path / "a"), Keys.open(tmp_path / "b")
    assert keys.mac("cursor", b"x") == keys.mac("cursor", b"x")
    assert len({keys.mac("cursor", b"x"), keys.mac("csrf", b"x"), others.mac("cursor", b"x")}) == 3


# Rotation.

AT = datetime(2026, 11, 22, tzinfo=UTC)


def verified(token: str, keys: Keys) -> dict[str, object]:
    found = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys.public_jwks()).keys}
    return jwt.decode(token, found[jwt.get_unverified_header(token)["kid"]], algorithms=["EdDSA"])


def test_a_rotation_signs_with_a_new_key_that_the_old_one_endorses(tmp_path: Path) -> None:
    """Old receipts hold; each new key carries its predecessor's word over just itself."""
    keys = Keys.open(tmp_path)
    old = keys.sign_jws({"a": 1})
    kids = [keys.kid, keys.rotate(AT), keys.rotate(AT)]
    assert len(set(kids)) == 3
    assert jwt.get_unverified_header(keys.sign_jws({"a": 2}))["kid"] == kids[-1]
    assert verified(old, keys) == {"a": 1}
    listed = keys.public_jwks()["keys"]
    assert [one["kid"] for one in listed] == kids
    assert "endorsement" not in listed[0]
    for before, one in pairwise(listed):
        assert jwt.get_unverified_header(one["endorsement"])["kid"] == before["kid"]
        assert verified(one["endorsement"], keys) == {name: one[name] for name in ("crv", "kid", "kty", "x")}


def test_a_running_process_takes_the_new_key_up(tmp_path: Path) -> None:
    """Whoever holds the keys signs with what another process has rotated to, and lists it, without a restart."""
    running, commanding = Keys.open(tmp_path), Keys.open(tmp_path)
    first = running.kid
    second = commanding.rotate(AT)
    assert jwt.get_unverified_header(running.sign_jws({}))["kid"] == second
    assert [one["kid"] for one in Keys.open(tmp_path).public_jwks()["keys"]] == [first, second]
    assert [(one.number, one.kid, one.signs) for one in running.listed()] == [(1, first, False), (2, second, True)]
    assert running.listed()[1].made_at == AT


def test_macs_outlive_a_rotation(tmp_path: Path) -> None:
    """Tokens and cursors have a secret of their own: nobody is signed out."""
    keys = Keys.open(tmp_path)
    before = keys.mac("cursor", b"x")
    keys.rotate(AT)
    assert (keys.mac("cursor", b"x"), Keys.open(tmp_path).mac("cursor", b"x")) == (before, before)


def test_of_rotations_at_once_each_makes_a_whole_link_or_fails(tmp_path: Path) -> None:
    """However many start together, the chain has no fork, and every key is endorsed by the one before."""
    start = threading.Barrier(6)
    made: list[str] = []

    def rotate() -> None:
        keys = Keys.open(tmp_path)
        start.wait()
        with contextlib.suppress(FileExistsError):
            made.append(keys.rotate(AT))

    threads = [threading.Thread(target=rotate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Keys.open(tmp_path)
    listed = keys.public_jwks()["keys"]
    assert made
    assert {one["kid"] for one in listed[1:]} == set(made)
    for before, one in pairwise(listed):
        assert jwt.get_unverified_header(one["endorsement"])["kid"] == before["kid"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


_KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from field_api.auth.keys import Keys

left = int(sys.argv[2])

def traced(frame, event, _argument):
    global left
    if not frame.f_code.co_filename.endswith("auth/keys.py"):
        return None
    if event == "line":
        left -= 1
        if not left:
            os._exit(9)
    return traced

keys = Keys.open(Path(sys.argv[1]))
sys.settrace(traced)
keys.rotate(datetime.now(UTC))
"""


def test_a_kill_between_any_two_lines_leaves_the_old_key_or_the_new(tmp_path: Path) -> None:
    """Killed at each line of a rotation, the folder opens, and what signs is listed and whole."""
    lines, seen = 0, set()
    while True:
        lines += 3
        folder = tmp_path / str(lines)
        first = Keys.open(folder).kid
        done = subprocess.run([sys.executable, "-c", _KILLED, str(folder), str(lines)], check=False, cwd=ROOT)
        keys = Keys.open(folder)
        seen.add(len(keys.listed()))
        assert verified(keys.sign_jws({"a": 1}), keys) == {"a": 1}
        assert keys.public_jwks()["keys"][0]["kid"] == first
        if done.returncode == 0:
            break
        assert done.returncode == 9
    assert seen == {1, 2}


def test_a_new_key_that_cannot_be_read_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who runs goes on with the old key and says so; who starts refuses the folder."""
    keys = Keys.open(tmp_path)
    (tmp_path / "receipts-2.key").write_bytes(b"{}")
    assert verified(keys.sign_jws({"a": 1}), keys) == {"a": 1}
    assert "cannot be read" in caplog.text
    with pytest.raises(KeyFileError, match=r"receipts-2\.key"):
        Keys.open(tmp_path)
