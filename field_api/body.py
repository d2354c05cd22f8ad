"""The body of a request, taken as hostile: bounded in size and depth before anything else sees it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import zlib
from typing import Any, NoReturn

import zstandard
from flask import Request
from werkzeug.exceptions import ClientDisconnected

from field_api.problems import Problem

JOSE = "application/jose"
MAX_DEPTH = 32
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_PIECE = 64 * 1024
# A frame may ask for a window of gigabytes; 8 MiB is what the format's own limit recommends.
_MAX_WINDOW_BYTES = 8 * 1024 * 1024
# What one step may unpack to is bounded by what goes in: a block of four bytes gives 128 KiB.
_ZSTD_PIECE = 256
_NESTING = (dict, list)
_SIZE_UNKNOWN = (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR)


def read_json(request: Request, *, limit: int, digest_required: bool = False) -> Any:
    """Read, check and parse a JSON body; a signed text (`application/jose`) is read as the one string it is.

    limit: bytes, counted after decompression.

    Raises:
        Problem: body_damaged, batch_too_large, unsupported_encoding, malformed_body.
    """
    raw = _read(request, limit)
    _check_digest(request, raw, required=digest_required)
    plain = _decompress(raw, request.headers.get("Content-Encoding", ""), limit)
    return plain.decode("ascii", "replace") if request.mimetype == JOSE else parse_json(plain)


def parse_json(text: bytes) -> Any:
    """Parse strictly: UTF-8, no duplicate keys, no NaN or infinity, at most `MAX_DEPTH` deep."""
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise Problem("malformed_body", _reason(error)) from None
    _check_depth(value)
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    # All others of json are either these or the interpreter's own word on numbers of thousands of digits.
    known = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | Unfit)
    return str(error)[:200] if known else "a number has too many digits"


class Unfit(ValueError):
    """It parses, but no JSON text may say it."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unfit("a key stands twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Unfit(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Unfit("a number is out of range")
    return value


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, _NESTING) else []
    for _ in range(MAX_DEPTH - 1):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if isinstance(child, _NESTING)
        ]
        if not level:
            return
    if any(level):
        raise Problem("malformed_body", "nested too deeply")


def _read(request: Request, limit: int) -> bytes:
    length = request.content_length
    if length is not None and length > limit:
        raise Problem("batch_too_large")
    try:
        raw = request.stream.read(limit + 1)
    except ClientDisconnected:
        raise Problem("body_damaged", "fewer bytes came than were announced") from None
    if len(raw) > limit:
        raise Problem("batch_too_large")
    # The server takes a cut line for the end of the body; only the announced length tells.
    if length is not None and len(raw) != length:
        raise Problem("body_damaged", "fewer bytes came than were announced")
    return raw


def _check_digest(request: Request, raw: bytes, *, required: bool) -> None:
    header = request.headers.get("Content-Digest")
    if header is None:
        if required:
            raise Problem("body_damaged", "Content-Digest is missing")
        return
    match = _DIGEST.search(header)
    if match is None or base64.b64decode(match[1]) != hashlib.sha256(raw).digest():
        raise Problem("body_damaged", "Content-Digest does not match the body")


def _decompress(raw: bytes, encoding: str, limit: int) -> bytes:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return raw
    try:
        if name == "gzip":
            return _bounded(gzip.GzipFile(fileobj=io.BytesIO(raw)), limit)
        if name == "zstd":
            return _unpack_zstd(raw, limit)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
        raise Problem("body_damaged", f"the {name} stream is damaged") from None
    raise Problem("unsupported_encoding", f"Content-Encoding: {name[:40]}")


def _unpack_zstd(raw: bytes, limit: int) -> bytes:
    """Unpack one whole frame. A stream reader would take a cut frame for a short one."""
    frame = zstandard.get_frame_parameters(raw)
    if frame.content_size not in _SIZE_UNKNOWN and frame.content_size > limit:
        raise Problem("batch_too_large")
    if frame.window_size > _MAX_WINDOW_BYTES:
        raise Problem("unsupported_encoding", "the zstd window is larger than 8 MiB")
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
    pieces: list[bytes] = []
    total = at = 0
    while not unpacker.eof:
        piece = raw[at : at + _ZSTD_PIECE]
        if not piece:
            raise zstandard.ZstdError("the frame is cut")
        at += len(piece)
        pieces.append(unpacker.decompress(piece))
        total += len(pieces[-1])
        if total > limit:
            raise Problem("batch_too_large")
    if unpacker.unused_data or at < len(raw):
        raise zstandard.ZstdError("something follows the frame")
    return b"".join(pieces)


def _bounded(reader: Any, limit: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while piece := reader.read(_PIECE):
        total += len(piece)
        if total > limit:
            raise Problem("batch_too_large")
        pieces.append(piece)
    return b"".join(pieces)
