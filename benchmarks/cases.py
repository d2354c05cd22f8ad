"""Made-up work of terminals: cases of 25 fields and 1.5 KB, photos, and the operations that write them.

Everything is generated from a seeded source; every text says that it is demo data.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils import uuid7

# What fifty operations are: half creates, a quarter patches, the rest appends and transitions.
CASES, PHOTOS, PATCHES, APPENDS, TRANSITIONS = 17, 8, 12, 10, 3
MIX = CASES + PHOTOS + PATCHES + APPENDS + TRANSITIONS
CREATE_BYTES = 1_500
SENTENCES = (
    "占道经营，摊位越出门店约两米", "流动摊贩在路口停留叫卖", "店外堆放纸箱和货架", "路面有散落的砂石和泥土",
    "运输车辆未覆盖篷布", "广告牌遮挡信号灯", "沿街晾晒衣物被褥", "生活垃圾未入桶", "施工围挡占用人行道",
    "下水井盖松动有异响", "绿化带被车辆碾压", "共享单车堆放在盲道上", "当事人表示立即整改", "已当面告知并劝导",
    "现场拍照取证两张", "十分钟后复查已恢复原状", "与社区网格员一同到场", "路段较窄，影响行人通过",
)
STEPS = ("ids_shown", "persuade", "educate", "correction_ordered", "slip_given")


@dataclass
class Writer:
    """A signed-in terminal as one who writes: its store, its key, the number of its last operation."""

    terminal: str
    officer: str
    key: bytes
    seed: int = 1
    store: str = field(default_factory=lambda: str(uuid7()))
    number: int = 0
    earlier: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._signer = Ed25519PrivateKey.from_private_bytes(self.key)

    def operation(self, action: str, record: str, type_: str = "case", **more: Any) -> dict[str, Any]:
        """The next operation of this store."""
        self.number += 1
        named = {"id": str(uuid7()), "number": self.number, "action": action, "type": type_, "record": record}
        return {**named, "at": moment(), **more}

    def case(self, size: int = CREATE_BYTES) -> dict[str, Any]:
        """Create a case whose operation has about `size` bytes."""
        return self.operation("create", str(uuid7()), set=fields(self._random, size - 260))

    def photo(self, case: str) -> dict[str, Any]:
        """Create the record of a photo, signed as a terminal signs it."""
        values = {
            "case": case, "role": "far", "sha256": secrets.token_hex(32), "size": 1_800_000,
            "media_type": "image/jpeg", "captured_at": moment(), "position": position(self._random),
            "terminal": self.terminal, "officer": self.officer,
        }  # fmt: skip
        message = b"fieldpost/evidence/1\n" + orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        signature = base64.urlsafe_b64encode(self._signer.sign(message)).rstrip(b"=").decode()
        return self.operation("create", str(uuid7()), "evidence", set={**values, "signature": signature})

    def append(self, case: str) -> dict[str, Any]:
        """Add a step to a case's timeline."""
        step = {"id": str(uuid7()), "step": self._random.choice(STEPS), "at": moment(), "note": self._sentence()}
        return self.operation("append", case, list="timeline", item=step)

    def patch(self, case: str, base: Any, **values: Any) -> dict[str, Any]:
        """Edit a case; some field of the officer's where none is named."""
        return self.operation("patch", case, base=base, set=values or self._edit())

    def _edit(self) -> dict[str, Any]:
        return self._random.choice((
            {"address": f"演示区演示路 {self._random.randrange(999)} 号"},
            {"description": "".join(self._random.sample(SENTENCES, 4))},
            {"amount_fen": self._random.randrange(5_000, 50_000)},
        ))

    def _sentence(self) -> str:
        return self._random.choice(SENTENCES)

    def mixed(self, count: int, photos: int = PHOTOS) -> list[dict[str, Any]]:
        """The mix, `count` operations of it, as one batch; later edits also reach cases of the batch before.

        photos: how many of each twenty-five creates are photos' records.
        """
        made: list[dict[str, Any]] = []
        for _ in range(-(-count // MIX)):
            made += self._mix(photos)
        return made[:count]

    def _mix(self, photo_count: int) -> list[dict[str, Any]]:
        creates = [self.case() for _ in range(CASES + PHOTOS - photo_count)]
        names = [one["record"] for one in creates]
        base = {one["record"]: {"operation": one["id"]} for one in creates}
        known = self._random.sample(self.earlier, min(PATCHES // 2, len(self.earlier)))
        edited = known + names[: PATCHES - len(known)]
        photos = [self.photo(names[index // 2]) for index in range(photo_count)]
        appends = [self.append(name) for name in names[:APPENDS]]
        patches = [self.patch(name, base.get(name, 1)) for name in edited]
        steps = [self.operation("transition", name, base=base[name], event="register") for name in names[:TRANSITIONS]]
        self.earlier = names
        return self._renumbered([*creates, *photos, *appends, *patches, *steps])

    def _renumbered(self, operations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        first = self.number - len(operations) + 1
        return [{**one, "number": first + index} for index, one in enumerate(operations)]

    def body(self, operations: Iterable[Mapping[str, Any]]) -> bytes:
        """A push of these operations, as bytes."""
        envelope = {
            "protocol": 1, "schema": 1, "app": "1.0.0", "batch": str(uuid7()), "store": self.store,
            "clock": {"wall": moment(), "monotonic_ms": 1000, "boot": "bench"}, "operations": list(operations),
        }  # fmt: skip
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def fields(source: random.Random, size: int) -> dict[str, Any]:
    """What an officer can fill in of a case, all of it, with words enough to make about `size` bytes."""
    digits = source.randrange(10_000_000, 99_999_999)
    values: dict[str, Any] = {
        "category": "0406", "source": "patrol", "address": f"演示区演示路 {digits % 999} 号附近",
        "description": "演示数据：", "position": position(source), "plates": [f"川Z{digits % 100_000:05}"],
        "shop_name": f"演示小店{digits % 1000}", "amount_fen": digits % 50_000, "priority_hint": digits % 10,
        "party": {"kind": "person", "name": "演示当事人", "id_no": f"DEMO{digits}", "phone": f"199{digits}",
                  "address": f"演示区演示街 {digits % 99} 号"},
        "legal_basis": ["演示依据第一条第一款", "演示依据第二条第三款"], "occurred_at": moment(),
    }  # fmt: skip
    while len(values["description"]) < 470 and size_of(values) < size - 40:
        values["description"] += source.choice(SENTENCES) + "；"
    note = values["legal_basis"]
    while size_of(values) < size - 40 and len(note) < 20:
        note.append(source.choice(SENTENCES) * 3)
    return values


def document(source: random.Random, size: int = CREATE_BYTES) -> dict[str, Any]:
    """A whole case with its timeline as one document, for servers that know no lists."""
    steps = [{"id": str(uuid7()), "step": step, "at": moment()} for step in STEPS]
    return {**fields(source, size - size_of(steps) - 14), "timeline": steps}


def position(source: random.Random) -> dict[str, Any]:
    """Somewhere in the city."""
    lng, lat = 103.8 + source.random() / 10, 30.0 + source.random() / 10
    return {"lng": round(lng, 7), "lat": round(lat, 7), "coord_sys": "cgcs2000", "accuracy_m": 6}


def size_of(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(orjson.dumps(value))


def moment() -> str:
    """Now, as terminals write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
