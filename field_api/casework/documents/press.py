"""The press: a template and a context become a PDF/A-2b, the same bytes for the same paper. Knows no database.

A typst Compiler serves one thread; each thread keeps its own, and all share one set of fonts. Data goes in as
JSON beside the template, never into its markup. What a template could reach is the folder of templates.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson
import typst

from field_api.casework.documents import glyphs
from field_api.casework.documents.templates import COPIES, FOLDER, Template, shipped

STANDARD: Final = "a-2b"
FAMILIES = frozenset({"Noto Serif SC", "Noto Sans SC"})
_own = threading.local()


@dataclass(frozen=True, slots=True)
class Rendered:
    """One printed copy."""

    pdf: bytes
    sha256: str
    template: str


def check() -> None:
    """Make sure, at the start, that papers can be set: fonts, manifest, files.

    Raises:
        FontUnfit, TemplatesUnfit.
    """
    shipped()
    glyphs.shown()
    lacking = FAMILIES - set(_fonts().families())
    if lacking:
        raise glyphs.FontUnfit(f"the font {min(lacking)} is not there; install pylopdf-fonts-zh-cn again")


def render(template: Template, context: Mapping[str, Any], copy: str, stamp: int) -> Rendered:
    """Print one copy. stamp: the paper's moment in seconds, which the PDF says it was made at."""
    pdf = _compiler().compile(
        input=str(FOLDER / template.file),
        format="pdf",
        sys_inputs=_inputs(context, copy),
        pdf_standards=STANDARD,
        timestamp=stamp,
    )
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no single file")
    return Rendered(pdf, hashlib.sha256(pdf).hexdigest(), template.version)


def told_lines(template: Template, context: Mapping[str, Any], copy: str) -> list[tuple[str, list[str]]]:
    """What the copy says, piece by piece: (kind, words), for printers that know no PDF."""
    # A query is of what was compiled last.
    render(template, context, copy, 0)
    found = orjson.loads(_compiler().query("<line>", field="value"))
    return [(one["kind"], one["parts"]) for one in found]


def _inputs(context: Mapping[str, Any], copy: str) -> dict[str, str]:
    medium = "roll" if copy == "thermal" else "a4"
    return {"context": orjson.dumps(context).decode(), "medium": medium, "copy": COPIES[copy][0]}


@cache
def _fonts() -> typst.Fonts:
    folders = sorted({str(path.parent) for path in glyphs.font_files()})
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)


def _compiler() -> typst.Compiler:
    held: typst.Compiler | None = getattr(_own, "compiler", None)
    if held is None:
        held = _own.compiler = typst.Compiler(root=str(FOLDER), font_paths=_fonts(), ignore_system_fonts=True)
    return held
