"""The OpenAPI document, and the page that people read it on; each problem's page is the console's.

All are rendered here, once for an application; nothing on them comes from elsewhere and nothing is a script.
"""

from __future__ import annotations

import hashlib
from functools import partial
from importlib.resources import files
from typing import Any

import orjson
from flask import Blueprint, current_app, render_template, request

from field_api import languages, openapi
from field_api.endpoint import Answer, Context, endpoint
from field_api.problems import CATALOGUE
from field_api.schemas.words import TAGS

blueprint = Blueprint("documentation", __name__, template_folder="templates")
_RENDERED = "fieldpost_openapi"
_LANGUAGES = {"zh": "zh-CN", "en": "en"}
_BRIEF = partial(endpoint, caller="anyone", mode="own", tag="service")


@blueprint.get("/api/v1/openapi.json")
@_BRIEF("This document")
def openapi_document(_context: Context) -> Answer:
    body, tag, _document = _rendered()
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.if_none_match.contains(tag.strip('"')):
        return Answer(status=304, headers=headers)
    return Answer(body, headers=headers)


@blueprint.get("/api/v1/docs")
@_BRIEF("Read this document", media_types=("text/html",))
def docs(_context: Context) -> Answer:
    document = _rendered()[2]
    return _page("documentation/docs.html", document=document, groups=_groups(document), tags=TAGS)


@blueprint.get("/api/v1/docs.css")
@_BRIEF("The style of the pages for people", media_types=("text/css",))
def style(_context: Context) -> Answer:
    css = files("field_api.api").joinpath("templates/documentation/docs.css").read_bytes()
    return Answer(css, headers={"Cache-Control": "public, max-age=3600"}, media_type="text/css")


def _rendered() -> tuple[bytes, str, dict[str, Any]]:
    """The document as bytes, its entity tag, and itself; made at the first call, when all routes are there."""
    held: tuple[bytes, str, dict[str, Any]] | None = current_app.extensions.get(_RENDERED)
    if held is None:
        document = openapi.build(current_app)
        body = orjson.dumps(document)
        held = current_app.extensions[_RENDERED] = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', document
    return held


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, each ready to show."""
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in TAGS}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation["tags"][0]
            groups.setdefault(tag, []).append(_shown(document, path, method, operation))
    return {name: shown for name, shown in groups.items() if shown}


def _shown(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    good = {code: answer for code, answer in operation["responses"].items() if code < "400"}
    codes = [code for answer in operation["responses"].values() for code in answer.get("x-codes", ())]
    [request_media] = operation.get("requestBody", {}).get("content", {"": {}}).values()
    return {
        "method": method.upper(),
        "path": path,
        "id": operation["operationId"],
        "zh": operation.get("x-summary-zh", operation["summary"]),
        "en": operation["summary"],
        "later": operation.get("x-not-there-yet", False),
        "callers": [sorted(one) for one in operation["security"]],
        "parameters": [_resolve(document, one) for one in operation["parameters"]],
        "request": _body(document, request_media),
        "answers": [
            (code, media_type, _body(document, media))
            for code, answer in good.items()
            for media_type, media in (answer.get("content") or {"": {}}).items()
        ],
        "problems": [CATALOGUE[code] for code in codes],
    }


def _body(document: dict[str, Any], media: dict[str, Any]) -> dict[str, Any]:
    """A body to show: its fields as (name, type, required), and its example."""
    schema = media.get("schema", {})
    many = schema.get("type") == "array"
    schema = _resolve(document, schema["items"] if many else schema)
    example = media.get("example")
    return {
        "many": many,
        "fields": [
            (name, _type(one), name in schema.get("required", ())) for name, one in schema.get("properties", {}).items()
        ],
        "example": orjson.dumps(example, option=orjson.OPT_INDENT_2).decode() if example is not None else "",
    }


def _resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _type(schema: dict[str, Any]) -> str:
    """A field's type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = schema.get("type", "any")
    words = " | ".join(kind) if isinstance(kind, list) else str(kind)
    if "items" in schema:
        words = f"{words} of {_type(schema['items'])}"
    if "enum" in schema:
        words = f"{words}: {', '.join(str(one) for one in schema['enum'])}"
    return words


def _page(template: str, **values: Any) -> Answer:
    language = request.args.get("lang")
    if language not in _LANGUAGES:
        language = languages.asked_for()
    zh = language == "zh"
    text = render_template(template, zh=zh, lang=_LANGUAGES[language], **values)
    headers = {"Content-Language": _LANGUAGES[language], "Vary": "Accept-Language"}
    return Answer(text.encode(), headers=headers, media_type="text/html")
