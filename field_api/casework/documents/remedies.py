"""What a party may do against a paper, in the words of the day on which it was made. Pure.

Sources, read: 行政复议法 (2023, in force 2024-01-01) Art. 20, 22, 23; 行政处罚法 (2021) Art. 72, 73. The terms of
suits (six months, fifteen days after a review) are 行政诉讼法 Art. 45 and 46, not read: see docs/documents.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

UNSET = "（未配置）"
REVIEW_FIRST = "应当先申请行政复议"


@dataclass(frozen=True, slots=True)
class Bodies:
    """To whom a party can turn, as configured. channel: an address for reviews through the internet."""

    review: str = ""
    court: str = ""
    channel: str = ""


_NOT_STAYED = "复议、诉讼期间，本决定不停止执行，法律另有规定的除外；加处罚款的数额在复议、诉讼期间不予计算。"
_MEASURE_GOES_ON = "复议、诉讼期间，本措施不停止执行，法律另有规定的除外。"
VARIANTS: Mapping[str, str] = MappingProxyType(
    {
        "spot_2021": "如不服本决定，可以自收到本决定书之日起六十日内向{review}申请行政复议，"
        "也可以自收到本决定书之日起六个月内直接向{court}提起行政诉讼。" + _NOT_STAYED,
        "spot_2024": "如不服本当场作出的行政处罚决定，"
        "依照《中华人民共和国行政复议法》第二十三条第一款第（一）项的规定，"
        + REVIEW_FIRST
        + "：请自知道或者应当知道本决定之日起六十日内向{review}提出申请；对行政复议决定仍不服的，"
        "可以自收到行政复议决定书之日起十五日内向{court}提起行政诉讼。"
        "未经行政复议，不能直接提起行政诉讼。" + _NOT_STAYED,
        "general": "如不服本决定，可以自知道或者应当知道本决定之日起六十日内向{review}申请行政复议，"
        "也可以自收到本决定书之日起六个月内直接向{court}提起行政诉讼。" + _NOT_STAYED,
        "no_penalty": "如不服本决定，可以自知道或者应当知道本决定之日起六十日内向{review}申请行政复议，"
        "也可以自收到本决定书之日起六个月内直接向{court}提起行政诉讼。",
        "measure": "如不服本行政强制措施，可以自知道或者应当知道之日起六十日内向{review}申请行政复议，"
        "也可以自收到本文书之日起六个月内直接向{court}提起行政诉讼。" + _MEASURE_GOES_ON,
        "order": "如不服本通知，可以自知道或者应当知道之日起六十日内向{review}申请行政复议，"
        "也可以自收到本文书之日起六个月内直接向{court}提起行政诉讼。",
    }
)
ELECTRONIC = "本文书以电子方式送达，同时提供互联网行政复议申请渠道：{channel}。"


def words(variant: str, bodies: Bodies, *, electronic: bool) -> str:
    """The remedy sentence; what nobody configured is printed as such, never invented."""
    filled = VARIANTS[variant].format(
        review=bodies.review or f"行政复议机关{UNSET}", court=bodies.court or f"人民法院{UNSET}"
    )
    if electronic:
        filled += ELECTRONIC.format(channel=bodies.channel or UNSET)
    return filled
