"""Draw the pictures of docs/documents.md: `python -m tests.support.paper_pictures`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from io import BytesIO

import pypdfium2
from PIL import Image

from field_api.casework.documents import contexts, press, seals, templates
from field_api.casework.documents.contexts import Source
from launcher.installation import ROOT
from tests.support import paper_samples as samples

FOLDER = ROOT / "docs" / "images" / "documents"
SHOWN = ["D03", "D05", "D07", "D09", "D17", "D19", "D21", "D37", "D40"]
THERMAL = frozenset({"D05", "D07"})
URL = "https://shenyan.example"
MAX_BYTES = 120_000


def printed(kind: str, copy: str, at: str = samples.MADE_AT) -> bytes:
    """A sample paper as PDF."""
    element = samples.element(kind, at)
    authority = samples.POLICE if kind in samples.POLICE_TYPES else samples.CITY
    source = Source(samples.case(kind), element, samples.OFFICERS, authority, samples.CAPITALS.__getitem__, demo=True)
    made = contexts.made_at(element)
    template = templates.find(kind, made.date() if made else date.min)
    if template is None:
        raise LookupError(f"no template of {kind}")
    context = contexts.build(template, source)
    if template.public:
        context = seals.sealed(context, "DEMO0000DEMO0000", URL)
    return press.render(template, context, copy, contexts.stamp_of(element)).pdf


def draw(pdf: bytes, scale: float) -> Iterator[bytes]:
    """Each page as a small PNG."""
    with pypdfium2.PdfDocument(pdf) as pages:
        for page in pages:
            image = page.render(scale=scale, grayscale=True).to_pil()
            yield _small(image)


def _small(image: Image.Image) -> bytes:
    held = BytesIO()
    image.quantize(colors=12).save(held, "PNG", optimize=True)
    return held.getvalue()


def main() -> None:
    """Write every picture anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, pdf in _papers():
        for number, picture in enumerate(draw(pdf, 2.0 if name.endswith("thermal") else 1.7), 1):
            path = FOLDER / f"{name}{'' if number == 1 else f'-{number}'}.png"
            path.write_bytes(picture)
            sys.stdout.write(f"{path.name}: {len(picture)} bytes\n")


def _papers() -> Iterator[tuple[str, bytes]]:
    for kind in SHOWN:
        yield kind, printed(kind, "party")
        if kind in THERMAL:
            yield f"{kind}-thermal", printed(kind, "thermal")
    yield "D07-stub", printed("D07", "stub")


if __name__ == "__main__":
    main()
