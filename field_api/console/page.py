"""A page's way: who asks and the one transaction are `endpoint`'s; what a person reads is made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, g, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from field_api import languages
from field_api.auth.console import csrf_token
from field_api.auth.identity import Identity
from field_api.auth.sessions import identify_console
from field_api.casework.clock_words import REMEDIES, RESULTS
from field_api.casework.delivery import FINISHED
from field_api.casework.enums import ENUMS, label
from field_api.casework.words import advice
from field_api.console import show
from field_api.console.registers import registers_of
from field_api.console.words import LANGUAGES, WORDS, name_of, say
from field_api.endpoint import Answer, Caller, Context, Mode, endpoint
from field_api.extensions import services
from field_api.problems import CATALOGUE, Problem, in_language
from sync.engine.kinds import UUID
from sync.store.ids import new_id

LANGUAGE_COOKIE = "fieldpost_lang"
LONGEST_TEXT = 2000
FORM_LIMIT_BYTES = 1024 * 1024
HOME = "/console/"
# Line ends and the wide space of Chinese input may stay; no database holds the rest.
_UNSTORABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
# Said on the page that the form stood on; every other problem has a page of its own.
_SAID_IN_PLACE = frozenset(
    {
        "own_case",
        "case_not_closed",
        "conflicts_open",
        "changed_meanwhile",
        "evidence_not_ready",
        "already_resolved",
        "batch_too_large",
        "envelope_invalid",
        "export_invalid",
        "invalid_field",
        "out_of_scope",
        "push_in_flight",
    }
)

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals.update(CATALOGUE=CATALOGUE, ENUMS=ENUMS, FINISHED=FINISHED, new_id=new_id, show=show)
TEMPLATES.globals.update(in_language=in_language, REMEDIES=REMEDIES, RESULTS=RESULTS)


def page(*, caller: Caller = "console", mode: Mode = "read") -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view a page; it is called as `view(context, **path)`."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Response]:
        serve = endpoint(view.__name__, caller=caller, mode=mode)(view)

        # Not functools.wraps: it would carry over the `spec` by which the API's documentation finds its routes.
        def handle(**path: Any) -> Response:
            return serve(**{name: str(value) for name, value in path.items()})

        handle.__name__ = view.__name__
        return handle

    return decorate


def language() -> str:
    """The reader's language: his choice, or what his browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return languages.asked_for()


def render(
    context: Context, template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Answer:
    """A page for the person who asks."""
    text = _text(template, context.who, values)
    return Answer(text.encode(), status, dict(headers or {}), "text/html")


def _text(template: str, who: Identity | None, values: Mapping[str, Any]) -> str:
    lang = language()
    done = request.args.get("done", "")
    common = {
        "lang": lang,
        "t": lambda key, **parts: say(lang, key, **parts),
        "name_of": lambda family, code: name_of(lang, family, code),
        "advice": lambda family, code: advice(family, code, lang),
        "label": lambda enum, code: label(enum, code, lang),
        "me": who,
        "csrf": csrf_token(services().keys, who.session) if who else "",
        "here": request.full_path.rstrip("?"),
        "path": request.path,
        "done": done if f"done.{done}" in WORDS else "",
        "problem": CATALOGUE.get(request.args.get("problem", "")),
        "badges": None,
        "registers": registers_of(who),
    }
    return TEMPLATES.get_template(template).render(**common | dict(values))


def known(context: Context) -> Context:
    """The same, with the reader's name where he happens to be signed in: for pages that are open to anyone."""
    try:
        who = identify_console(context.session, context.keys, request, context.now)
    except Problem:
        return context
    return replace(context, who=who)


def see(path: str, **query: str) -> Answer:
    """Send the reader on to another page, after a form was taken in."""
    target = f"{path}?{urlencode(query)}" if query else path
    return Answer(status=303, headers={"Location": target})


def return_to(path: str) -> None:
    """Name the page on which a refusal of this form is to be read."""
    g.console_back = path


def own_path(text: str, otherwise: str = HOME) -> str:
    """A path of this site, from a place that anyone can write to."""
    plain = text.startswith("/") and not text.startswith("//") and text.isprintable() and "\\" not in text
    return text if plain else otherwise


def form_text(name: str, longest: int = LONGEST_TEXT) -> str:
    """A form's field: trimmed, one kind of line end, nothing that cannot be stored.

    Raises:
        Problem: invalid_field.
    """
    request.max_content_length = FORM_LIMIT_BYTES
    text = request.form.get(name, "").replace("\r\n", "\n").strip()
    if len(text) > longest or _UNSTORABLE.search(text):
        raise Problem("invalid_field", errors=[{"pointer": f"/{name}", "code": "not_text", "message": name}])
    return text


def form_id(name: str = "operation") -> str:
    """The id that the page gave its form, which makes a second click harmless.

    Raises:
        Problem: malformed_body.
    """
    text = form_text(name, 36)
    if not UUID.fullmatch(text):
        raise Problem("malformed_body")
    return text


def argument(name: str, longest: int = 100) -> str:
    """A word of the query string, without what cannot be stored."""
    return _UNSTORABLE.sub("", request.args.get(name, "")[:longest]).strip()


def is_for_people() -> bool:
    """Say whether a request is for a page, so that its problem must be one too."""
    return request.path.startswith(("/console", "/problems", "/d/"))


def problem_response(problem: Problem, request_id: str) -> Response:
    """A problem as a page: a way back in, a word on the form's page, or what happened and what to do."""
    kind = problem.kind
    if kind.retry == "login" and request.path != "/console/login":
        wanted = request.full_path.rstrip("?") if request.method == "GET" else HOME
        expired = "&expired=1" if kind.code == "token_expired" else ""
        return Response(status=303, headers={"Location": f"/console/login?next={quote(wanted)}{expired}"})
    back = g.get("console_back")
    if back is not None and kind.code in _SAID_IN_PLACE:
        return Response(status=303, headers={"Location": f"{back}?problem={kind.code}"})
    values = {"kind": kind, "detail": problem.detail, "request_id": request_id}
    return Response(_text("problem_met.html", g.get("who"), values), status=kind.status, mimetype="text/html")
