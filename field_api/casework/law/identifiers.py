"""Numbers that name people and firms, judged by themselves: a code of what is wrong, or None.

Checksums by python-stdnum. Its `validate` is not used: it wants the county to have existed in the year of birth
(numbers were first given out in 1984, to people of every age) and no letter at the head of a USCC (村集体 has N).
A number refused wrongly costs more than one let through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from stdnum.cn import ric, uscc

# GB/T 2260 provinces; 81–83 are the residence permits of Hong Kong, Macao and Taiwan.
_PROVINCE_SPANS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES = frozenset(str(code) for first, last in _PROVINCE_SPANS for code in range(first, last + 1))
EARLIEST_BIRTH = date(1900, 1, 1)
_ID_CARD = re.compile(r"[0-9]{17}[0-9Xx]")
# GB 32100 leaves out I, O, S, V and Z.
_USCC = re.compile(r"[1-9ANY][0-9A-HJ-NPQRTUWXY][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_MOBILE = re.compile(r"(?:\+?86[ -]?)?1[3-9][0-9]{9}")
# A shop has a line of its own: area code and number, or one of the 400 and 95 services.
_LANDLINE = re.compile(r"0[0-9]{2,3}[ -]?[2-9][0-9]{6,7}(?:-[0-9]{1,5})?|400-?[0-9]{3}-?[0-9]{4}|9[56][0-9]{3,4}")


@dataclass(frozen=True, slots=True)
class IdCard:
    """What an identity number says of its holder. region: six digits of where it was first given out."""

    number: str
    region: str
    birth: date
    is_male: bool


def looks_like_id_card(text: str) -> bool:
    """Say whether a number has the form of an identity card's, whatever it was called."""
    return _ID_CARD.fullmatch(text) is not None


def id_card_fault(text: str, on: date | None = None) -> str | None:
    """What is wrong with an identity card's number; on: the day by which its holder must have been born.

    Source: GB 11643, data dictionary B.4. A number of 9… is a foreigner's permanent residence card (2023 form).
    """
    if not _ID_CARD.fullmatch(text):
        return "id_card_form"
    if text[0] != "9" and text[:2] not in PROVINCES:
        return "id_card_region"
    birth = _birth(text)
    if birth is None or birth < EARLIEST_BIRTH or (on is not None and birth > on):
        return "id_card_birth"
    if ric.calc_check_digit(text) != text[-1].upper():
        return "id_card_checksum"
    return None


def read_id_card(text: str) -> IdCard | None:
    """What a valid number tells; None where it is none."""
    birth = _birth(text) if id_card_fault(text) is None else None
    if birth is None:
        return None
    return IdCard(text.upper(), text[:6], birth, is_male=int(text[16]) % 2 == 1)


def uscc_fault(text: str) -> str | None:
    """What is wrong with a unified social credit code. Source: GB 32100, data dictionary B.4."""
    if not _USCC.fullmatch(text):
        return "uscc_form"
    return None if uscc.calc_check_digit(text[:17]) == text[17] else "uscc_checksum"


def phone_fault(text: str) -> str | None:
    """What is wrong with a telephone number, mobile or fixed. Source: data dictionary B.4."""
    return None if _MOBILE.fullmatch(text) or _LANDLINE.fullmatch(text) else "phone_form"


def full_years(birth: date, on: date) -> int:
    """Somebody's age in full years (周岁), which begin the day after the birthday.

    Source: the Supreme People's Court's reading of 周岁 (法释〔2006〕1号, Art. 2), read as favouring the party.
    """
    return on.year - birth.year - ((on.month, on.day) <= (birth.month, birth.day))


def _birth(text: str) -> date | None:
    try:
        return date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return None
