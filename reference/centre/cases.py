"""Judge a delivered case; pure, so that it can be read as the description of the wire.

The case, as `POST /cases` expects it (`docs/centre.md` has the page):

    {"case": UUID, "version": 1.., "case_no": text or null, "category": "0406",
     "description": 1 to 500 characters, "address": text, "position": {lng, lat, coord_sys, accuracy_m},
     "occurred_at": RFC 3339 with offset, "status": text, "unit": text or null,
     "officers": [text or object], "timeline": [object],
     "evidence": [{"id", "sha256", "size", "media_type", "role", "captured_at"}], "incident": text or null}

One of `address` and `position` must be there. Every photo must have arrived before its case. Fields that the
centre does not know are kept with the rest and judged by nobody.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reference.centre.refusals import Refusal

MAX_DESCRIPTION = 500
MAX_ADDRESS = 300
MAX_TEXT = 200
MAX_EVIDENCE = 200
MAX_OFFICERS = 50
MAX_TIMELINE = 1000
MAX_VERSION = 2**53 - 1
COORDINATE_SYSTEMS = ("wgs84", "gcj02", "cgcs2000")

# Two numberings are in use; both have large classes 01 to 06, the old one also 21 for local extensions.
CATEGORY = re.compile(r"(?:0[1-6]|21)(?!00)[0-9]{2}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHA256 = re.compile(r"[0-9a-f]{64}")
RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True)
class Case:
    """Hold one version of a case that was found good."""

    case: str
    version: int
    digest: str
    body: str


def parse(raw: bytes) -> dict[str, Any]:
    """Read a JSON object, strictly: no duplicate keys, no NaN, no lone surrogates."""
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refusal(422, "malformed", "请求体不是合格的 JSON (the body is not well-formed JSON)") from None
    if not isinstance(document, dict):
        raise Refusal(422, "malformed", "请求体须为 JSON 对象 (the body must be a JSON object)")
    return document


def check(document: dict[str, Any], key: str, held_size: Callable[[str], int | None]) -> Case:
    """Return the case when every field is as it should be.

    key: the Idempotency-Key as sent. held_size: gives the bytes of evidence held, by digest, or None.

    Raises: Refusal (422) with the first fault found.
    """
    case, version = _identity(document, key)
    _check_what(document)
    _check_where(document)
    _check_time(document.get("occurred_at"), "occurred_at")
    _check_context(document)
    _check_evidence(document.get("evidence"), held_size)
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Case(case, version, hashlib.sha256(body.encode("utf-8")).hexdigest(), body)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _refuse(field: str, message: str) -> Refusal:
    return Refusal(422, f"{field}_invalid", f"{field}: {message}")


def _identity(document: dict[str, Any], key: str) -> tuple[str, int]:
    case, version = document.get("case"), document.get("version")
    if not isinstance(case, str) or not UUID.fullmatch(case):
        raise _refuse("case", "须为 UUID (must be a UUID)")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_VERSION:
        raise _refuse("version", "须为正整数 (must be a positive integer)")
    if key != f"{case}:{version}":
        raise Refusal(422, "key_mismatch", "Idempotency-Key 须为“案件:版本” (must be <case>:<version>)")
    return case, version


def _check_what(document: dict[str, Any]) -> None:
    category, description = document.get("category"), document.get("description")
    if not isinstance(category, str) or not CATEGORY.fullmatch(category):
        raise _refuse("category", "不是已知的四位类别代码 (not a known four-digit category code)")
    if not isinstance(description, str) or not description.strip() or len(description) > MAX_DESCRIPTION:
        raise _refuse("description", f"须有 1 至 {MAX_DESCRIPTION} 字 (1 to {MAX_DESCRIPTION} characters)")


def _check_where(document: dict[str, Any]) -> None:
    address, position = document.get("address"), document.get("position")
    if address is not None and (not isinstance(address, str) or len(address) > MAX_ADDRESS):
        raise _refuse("address", f"须为不超过 {MAX_ADDRESS} 字的文字 (text of at most {MAX_ADDRESS})")
    if position is not None:
        _check_position(position)
    elif not (address or "").strip():
        raise Refusal(422, "place_missing", "地址与坐标至少填一项 (an address or a position is required)")


def _check_position(position: object) -> None:
    if not isinstance(position, dict) or position.get("coord_sys") not in COORDINATE_SYSTEMS:
        raise _refuse("position", "须注明坐标系 (must name wgs84, gcj02 or cgcs2000)")
    inside = _within(position.get("lng"), -180, 180) and _within(position.get("lat"), -90, 90)
    accuracy_m = position.get("accuracy_m")
    if not inside or not (accuracy_m is None or _within(accuracy_m, 0, 1_000_000)):
        raise _refuse("position", "坐标或精度超出范围 (coordinates or accuracy out of range)")


def _within(number: object, low: float, high: float) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return low <= number <= high and math.isfinite(number)


def _check_time(at: object, field: str) -> None:
    fault = _refuse(field, "须为带时区的 RFC 3339 时间 (RFC 3339 with an offset)")
    if not isinstance(at, str) or not RFC3339.fullmatch(at):
        raise fault
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise fault from None


def _check_context(document: dict[str, Any]) -> None:
    if not _is_text(document.get("status")):
        raise _refuse("status", "须为非空文字 (must be text)")
    for field in ("case_no", "unit", "incident"):
        if document.get(field) is not None and not _is_text(document[field]):
            raise _refuse(field, "须为非空文字或 null (must be text or null)")
    _check_list(document, "officers", MAX_OFFICERS, (str, dict))
    _check_list(document, "timeline", MAX_TIMELINE, (dict,))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= MAX_TEXT


def _check_list(document: dict[str, Any], field: str, most: int, kinds: tuple[type, ...]) -> None:
    elements = document.get(field, [])
    if not isinstance(elements, list) or len(elements) > most:
        raise _refuse(field, f"须为至多 {most} 项的列表 (a list of at most {most})")
    if not all(isinstance(element, kinds) for element in elements):
        raise _refuse(field, "列表项类型不符 (an element has the wrong kind)")


def _check_evidence(evidence: object, held_size: Callable[[str], int | None]) -> None:
    if not isinstance(evidence, list) or len(evidence) > MAX_EVIDENCE:
        raise _refuse("evidence", f"须为至多 {MAX_EVIDENCE} 项的列表 (a list of at most {MAX_EVIDENCE})")
    for photo in evidence:
        if not isinstance(photo, dict):
            raise _refuse("evidence", "每项须为对象 (each must be an object)")
        _check_photo(photo, held_size)


def _check_photo(photo: dict[str, Any], held_size: Callable[[str], int | None]) -> None:
    sha256 = photo.get("sha256")
    if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
        raise _refuse("evidence", "sha256 须为 64 位小写十六进制 (lower-case hex)")
    for field in ("id", "media_type", "role"):
        if not _is_text(photo.get(field)):
            raise _refuse("evidence", f"{field} 须为非空文字 (must be text)")
    if photo.get("captured_at") is not None:
        _check_time(photo["captured_at"], "captured_at")
    size = held_size(sha256)
    if size is None:
        raise Refusal(422, "evidence_missing", f"证据未先送达 (evidence has not arrived): {sha256}")
    if isinstance(photo.get("size"), bool) or photo.get("size") != size:
        raise Refusal(422, "evidence_size", f"证据大小与收到的不符 (size differs from what came): {sha256}")
