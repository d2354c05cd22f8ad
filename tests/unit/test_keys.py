"""The server's keys: made once however many start, private, and good for what they are for."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import jwt
import pytest

from field_api.auth.keys import KeyFileError, Keys


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
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["receipts.key", "secret.key"]


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
