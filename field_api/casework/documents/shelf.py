"""The shelf: a paper is made out once, and from then on is what it was, whoever asks and whatever changes.

The first request fixes what the paper says (`rendered_document`); each copy's bytes are kept when first printed
(`rendered_copy`). A correction is another element that `replaces` this one, with a number of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from field_api.auth.identity import Identity
from field_api.casework import scope
from field_api.casework.documents import contexts, press, seals, slips, templates
from field_api.casework.documents.authority import of_unit
from field_api.casework.documents.contexts import Source
from field_api.casework.documents.tables import DocumentView, RenderedCopy, RenderedDocument
from field_api.casework.documents.templates import COPIES, Template
from field_api.casework.documents.words import MISSING
from field_api.problems import Problem
from sync.engine.kinds import UUID
from sync.store.base import Base
from sync.store.ids import new_id
from sync.store.tables import RecordRow

LINES = "lines"
MAX_OFFICERS = 6


@dataclass(frozen=True, slots=True)
class Press:
    """What papers are made out with. public_url: where citizens check, or empty.

    capitals: fen → words; without it the words that were handed over are printed.
    """

    keys: seals.Maker
    authorities: Path
    public_url: str
    capitals: Callable[[int], str] | None


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper made out: what it says, in which form."""

    element: str
    record: str
    template: Template
    context: Mapping[str, Any]
    made_at: datetime
    authority: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy on its way out. body: a PDF, or plain lines in UTF-8."""

    body: bytes
    sha256: str
    kind: str


def find(session: Session, identity: Identity, record: str, record_type: str, element: str, made: Press) -> Paper:
    """The paper, as it was fixed, or as it would be fixed now. Writes nothing.

    Raises:
        Problem: not_found, not_permitted, document_incomplete, document_form_unknown.
    """
    if not UUID.fullmatch(record) or not UUID.fullmatch(element):
        raise Problem("not_found")
    row = scope.require(session, identity, record, record_type)
    if identity.masked:
        # A paper names its party in full.
        raise Problem("not_permitted")
    body = orjson.loads(row.body)
    found = next((one for one in body.get("documents") or [] if one["id"] == element), None)
    if found is None:
        raise Problem("not_found")
    kept = session.get(RenderedDocument, element)
    return _kept(kept) if kept else _made_out(session, row.id, body, found, made)


def kept_copy(session: Session, paper: Paper, kind: str) -> Copy | None:
    """A copy that was printed before."""
    if kind == LINES:
        return None
    row = session.get(RenderedCopy, (paper.element, kind))
    return Copy(row.pdf, row.sha256, kind) if row else None


def require_copy(paper: Paper, kind: str) -> None:
    """Refuse a copy that this paper does not have. Raises: Problem not_found."""
    wanted = "thermal" if kind == LINES else kind
    if wanted not in COPIES or wanted not in paper.template.copies:
        raise Problem("not_found")


def print_copy(paper: Paper, kind: str) -> Copy:
    """Print a copy; takes milliseconds of a processor and needs no database."""
    if kind == LINES:
        lines = slips.lines(press.told_lines(paper.template, paper.context, "thermal"))
        return Copy("".join(f"{line}\n" for line in lines).encode(), "", kind)
    stamp = int(paper.made_at.timestamp())
    printed = press.render(paper.template, paper.context, kind, stamp)
    return Copy(printed.pdf, printed.sha256, kind)


def put(session: Session, paper: Paper, copy: Copy, keys: seals.Maker, now: datetime) -> Copy | None:
    """Keep a paper and its copy, where nobody was first.

    Returns the copy that is kept; None where another fixed the paper with other words meanwhile.
    Writes: rendered_document, rendered_copy.
    """
    digest = contexts.digest(_words(paper.context))
    _insert(
        session,
        RenderedDocument,
        element=paper.element,
        record=paper.record,
        token=seals.token(keys, paper.element),
        type=paper.template.type,
        template=paper.template.version,
        number=paper.context["number"],
        authority=paper.authority,
        made_at=paper.made_at,
        context=zlib.compress(orjson.dumps(paper.context)),
        sha256=digest,
        at=now,
    )
    if session.scalar(sa.select(RenderedDocument.sha256).where(RenderedDocument.element == paper.element)) != digest:
        return None
    if copy.kind == LINES:
        return copy
    _insert(
        session, RenderedCopy, element=paper.element, copy=copy.kind, sha256=copy.sha256, pdf=copy.body, at=now
    )
    return kept_copy(session, paper, copy.kind)


def note_view(session: Session, identity: Identity, element: str, kind: str, now: datetime) -> None:
    """Write down that this officer is given this paper. Writes: document_view."""
    session.add(DocumentView(id=new_id(), element=element, officer=identity.officer, kind=kind, at=now))
    session.flush()


def _insert(session: Session, table: type[Base], **values: Any) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).values(**values).on_conflict_do_nothing())


def _words(context: Mapping[str, Any]) -> dict[str, Any]:
    """What a paper says, without what is printed to check it."""
    return {name: part for name, part in context.items() if name != "check"}


def _kept(row: RenderedDocument) -> Paper:
    template = next((one for one in templates.shipped() if one.version == row.template), None)
    if template is None:
        raise Problem("document_form_unknown", row.template)
    context = orjson.loads(zlib.decompress(row.context))
    return Paper(row.element, row.record, template, context, row.made_at, row.authority)


def _made_out(
    session: Session, record: str, body: Mapping[str, Any], element: Mapping[str, Any], made: Press
) -> Paper:
    moment = contexts.made_at(element)
    template = templates.find(element["type"], moment.date()) if moment else None
    if moment is None or template is None:
        raise Problem("document_form_unknown", element["type"])
    whole = _with_parent(session, body)
    police = whole.get("subject") == "traffic_police"
    authority = of_unit(made.authorities, whole.get("unit"), "police" if police else "city")
    officers = _officers(session, element, whole)
    context = contexts.build(template, Source(whole, element, officers, authority, made.capitals))
    lacking = contexts.missing(template, context, police=police)
    if lacking:
        raise Problem("document_incomplete", errors=[_lack(path) for path in lacking])
    if template.public:
        context = seals.sealed(context, seals.token(made.keys, element["id"]), made.public_url)
    return Paper(element["id"], record, template, context, moment.astimezone(UTC), context["authority"]["name"])


def _lack(path: str) -> dict[str, str]:
    zh, en = MISSING[path]
    return {"pointer": "/" + path.replace(".", "/"), "code": "required", "message": f"缺少{zh} · {en} is missing"}


def _with_parent(session: Session, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A measure's or a proceeding's body over that of its case; the record's own words count first."""
    parent = body.get("case")
    if not isinstance(parent, str):
        return body
    above = session.scalar(sa.select(RecordRow.body).where(RecordRow.id == parent, RecordRow.type == "case"))
    case = orjson.loads(above) if above else {}
    return {**case, **{name: value for name, value in body.items() if value is not None}}


def _officers(session: Session, element: Mapping[str, Any], body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The officers' reference bodies, in the record's order: the first is in charge."""
    named = body.get("officers") or [element.get("by") or body.get("author")]
    wanted = [one for one in named if isinstance(one, str)][:MAX_OFFICERS]
    query = sa.select(RecordRow.id, RecordRow.body).where(RecordRow.type == "officer", RecordRow.id.in_(wanted))
    known = {id_: {**orjson.loads(text), "id": id_} for id_, text in session.execute(query)}
    return [known[one] for one in wanted if one in known]
