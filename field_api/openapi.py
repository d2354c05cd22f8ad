"""The OpenAPI 3.1 document, read off the routes and schemas that serve: it cannot say what the code does not do.

A route that is no `endpoint` (the uploads speak tus) is listed by its docstring, so that none is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from field_api.auth.console import COOKIE, CSRF_HEADER
from field_api.endpoint import JSON, Spec
from field_api.problems import CATALOGUE, Problem, document
from field_api.schemas.examples import EXAMPLES, PARAMETERS
from field_api.schemas.fields import Instant, UuidText
from field_api.schemas.words import SUMMARIES_ZH, TAGS

PREFIX = "/api/v1"
VERSION = "1.0.0"
PROBLEM_TYPE = "application/problem+json"
RETRIES = ("fix", "split", "login", "stop", "resync", "later")
_PART = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
_WITH_BODY = ("malformed_body", "body_damaged", "envelope_invalid", "unsupported_encoding", "batch_too_large")
_OF_CALLER: Mapping[str, tuple[str, ...]] = {
    "anyone": (),
    "terminal": ("token_missing", "token_expired", "token_revoked", "terminal_revoked", "officer_disabled"),
    "console": ("token_missing", "token_expired", "officer_disabled", "not_permitted", "csrf_failed"),
}
_ALWAYS = ("unavailable", "internal_error")
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "anyone": [{}],
    "terminal": [{"bearer": []}],
    "console": [{"session": [], "csrf": []}],
    "either": [{"bearer": []}, {"session": [], "csrf": []}],
}
_HTTP_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")


class ProblemSchema(Schema):
    """RFC 9457, with what a client obeys: `code` and `retry`. More codes may be added."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "the request's id"})
    code = fields.String(required=True)
    retry = fields.String(required=True, metadata={"enum": list(RETRIES)})
    errors = fields.List(fields.Dict(keys=fields.String(), values=fields.String()))
    control = fields.Dict()


def build(app: Flask) -> dict[str, Any]:
    """Write the document of an application: every route under `/api/v1`."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="Fieldpost 执法通",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={
            "description": "Obey `retry`, not the status. 请按 retry 行事，不要看状态码。",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": f"{zh} · {en}"} for name, (zh, en) in TAGS.items()],
    )
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_exact_pattern)  # type: ignore[no-untyped-call]  # apispec has no types here
    for kind, format_ in ((Instant, "date-time"), (UuidText, "uuid")):
        plugin.map_to_openapi_type(kind, "string", format_)  # type: ignore[no-untyped-call]  # nor here
    _add_components(spec)
    for rule, view in routes(app):
        operations = {method.lower(): _operation(rule, method, view) for method in _methods(rule)}
        spec.path(path=path_of(rule), operations=operations)
    return _plain(spec.to_dict())


def routes(app: Flask) -> Iterator[tuple[Rule, Callable[..., Any]]]:
    """Every route under `/api/v1`, by path, with its view."""
    found = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(f"{PREFIX}/")]
    for rule in sorted(found, key=lambda one: (one.rule, one.endpoint)):
        yield rule, app.view_functions[rule.endpoint]


def path_of(rule: Rule) -> str:
    """A route's path as OpenAPI spells it."""
    return _PART.sub(lambda match: "{" + match["name"] + "}", rule.rule)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """The document as JSON has it: no tuples, no integer keys."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    return plain


def _methods(rule: Rule) -> list[str]:
    return [method for method in _HTTP_METHODS if method in (rule.methods or ())]


def _schema_name(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")


def _exact_pattern(_converter: object, field: fields.Field[Any], **_options: Any) -> dict[str, Any]:
    """Python's pattern as ECMA has it: our validators match the whole text, and `\\Z` is Python's alone."""
    for validator in field.validators:
        regex = getattr(validator, "regex", None)
        if isinstance(regex, re.Pattern):
            return {"pattern": f"^{regex.pattern.removesuffix(chr(92) + 'Z')}$"}
    return {}


def _add_components(spec: APISpec) -> None:
    spec.components.schema("Problem", schema=ProblemSchema)
    spec.components.schema("Operation", _OPERATION)
    for code in CATALOGUE:
        problem = document(Problem(code), "en", "0123456789abcdef")
        spec.components.example(code, {"summary": CATALOGUE[code].zh, "value": problem})
    spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "description": "A terminal's access token."}
    )
    spec.components.security_scheme("session", {"type": "apiKey", "in": "cookie", "name": COOKIE})
    spec.components.security_scheme(
        "csrf",
        {
            "type": "apiKey",
            "in": "header",
            "name": CSRF_HEADER,
            "description": "From the console's page; required for whatever changes something.",
        },
    )
    for name, (description, required, schema) in _REQUEST_HEADERS.items():
        spec.components.parameter(
            name,
            "header",
            {"name": name, "description": description, "required": required, "schema": schema},
        )
    for name, description in _ANSWER_HEADERS.items():
        spec.components.header(name, {"description": description, "schema": {"type": "string"}})


# Operations are judged one by one after the envelope is understood, so no schema refuses them.
_TEXT = {"type": "string", "maxLength": 64}
_ID = {"type": "string", "format": "uuid"}
_OPERATION: dict[str, Any] = {
    "type": "object",
    "description": "One edit. What is wrong in it quarantines it alone.",
    "required": ["id", "action", "type", "record", "at"],
    "properties": {
        "id": _ID,
        "number": {"type": "integer", "minimum": 1},
        "action": {"type": "string", "enum": ["create", "patch", "append", "transition", "void", "discard"]},
        "type": _TEXT,
        "record": _ID,
        "base": {
            "oneOf": [
                {"type": "integer", "minimum": 0},
                {"type": "object", "required": ["operation"], "properties": {"operation": _ID}},
            ]
        },
        "set": {"type": "object"},
        "was": {"type": "object"},
        "list": _TEXT,
        "item": {"oneOf": [{"type": "object"}, {**_ID, "description": "Of the element that is voided."}]},
        "event": _TEXT,
        "reason": {"type": "string", "minLength": 1, "maxLength": 500},
        "after": {"type": "array", "items": _ID},
        "group": {"type": "object", "properties": {"id": _ID, "size": {"type": "integer"}}},
        "officer": _ID,
        "at": {"type": "string", "format": "date-time"},
        "hlc": _TEXT,
        "boot": _TEXT,
        "monotonic_ms": {"type": "integer"},
    },
}
_REQUEST_HEADERS: Mapping[str, tuple[str, bool, dict[str, Any]]] = {
    "Content-Digest": ("`sha-256=:…:` over the body as sent (RFC 9530).", True, {"type": "string"}),
    "Content-Encoding": (
        "How the request's body is compressed; limits count decompressed bytes.",
        False,
        {"type": "string", "enum": ["gzip", "zstd", "identity"]},
    ),
    "Accept-Encoding": ("`zstd` or `gzip` compresses the answer.", False, {"type": "string"}),
    "Accept-Language": ("`zh-CN` (default) or `en`: the language of titles.", False, {"type": "string"}),
    "Idempotency-Key": (
        "The same key gives the same upload.",
        False,
        {"type": "string", "maxLength": 128},
    ),
    "If-None-Match": ("The `ETag` that is held already: 304 when it is still right.", False, {"type": "string"}),
}
_ANSWER_HEADERS = {
    "ETag": "Strong; names the content.",
    "Retry-After": "Seconds to wait before the same again.",
    "X-Request-Id": "The request's id, also in problems as `instance`.",
    "Content-Language": "The language of the page.",
}


def _operation(rule: Rule, method: str, view: Callable[..., Any]) -> dict[str, Any]:
    key = f"{method} {path_of(rule).removeprefix(PREFIX)}"
    described: Spec = getattr(view, "spec", None) or _undescribed(view)
    name = re.sub(r"\W+", "_", rule.endpoint).strip("_")
    operation: dict[str, Any] = {
        "operationId": name if len(_methods(rule)) == 1 else f"{name}_{method.lower()}",
        "summary": described.summary,
        "tags": [described.tag or "other"],
        "parameters": [*_path_parameters(rule), *_other_parameters(key, described)],
        "security": _SECURITY[described.caller],
        "responses": _responses(key, described),
    }
    if key in SUMMARIES_ZH:
        operation["x-summary-zh"] = SUMMARIES_ZH[key]
    if described.status == 501:
        operation["x-not-there-yet"] = True
    if described.load is not None:
        content: dict[str, Any] = {"schema": described.load}
        if example := EXAMPLES.get(key, {}).get("request"):
            content["example"] = example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _undescribed(view: Callable[..., Any]) -> Spec:
    summary = (view.__doc__ or view.__name__).strip().splitlines()[0].rstrip(".")
    return Spec(summary, "terminal", None, None, 200, (), "evidence")


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": match["name"],
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"format": "uuid"} if match["converter"] == "uuid" else {})},
        }
        for match in _PART.finditer(rule.rule)
    ]


def _other_parameters(key: str, described: Spec) -> list[Any]:
    names = ["Accept-Language", "Accept-Encoding"]
    if described.digest_required:
        names.insert(0, "Content-Digest")
    if described.load is not None:
        names.append("Content-Encoding")
    if key == "POST /uploads":
        names.append("Idempotency-Key")
    return [*PARAMETERS.get(key, ()), *names, *(["If-None-Match"] if key in _TAGGED else [])]


_TAGGED = {"GET /sync/schema": "application/json", "GET /openapi.json": "application/json"}


def _responses(key: str, described: Spec) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if described.status != 501:
        responses[str(described.status)] = _good(key, described)
        if key in _TAGGED:
            responses["304"] = {"description": "It is still what is held.", "headers": _headers("ETag")}
    by_status: dict[int, list[str]] = {}
    for code in codes_of(described):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    for status in sorted(by_status):
        responses[str(status)] = _bad(by_status[status])
    return responses


def codes_of(described: Spec) -> tuple[str, ...]:
    """Every problem that an endpoint may answer, its own first."""
    if described.status == 501:
        return ("not_implemented",)
    callers = ("terminal", "console") if described.caller == "either" else (described.caller,)
    of_callers = [code for caller in callers for code in _OF_CALLER[caller]]
    with_body = _WITH_BODY if described.load else ()
    return tuple(dict.fromkeys((*described.problems, *of_callers, *with_body, *_ALWAYS)))


def _good(key: str, described: Spec) -> dict[str, Any]:
    good: dict[str, Any] = {"description": described.summary}
    good["headers"] = _headers("X-Request-Id", *(["ETag"] if key in _TAGGED else []))
    if described.status == 204:
        return good
    good["content"] = {media_type: _content(key, described, media_type) for media_type in described.media_types}
    return good


def _content(key: str, described: Spec, media_type: str) -> dict[str, Any]:
    """What a good answer of one media type holds; bytes, as OpenAPI 3.1 has it, need no schema."""
    if media_type.startswith("image/"):
        return {}
    schema: Any = described.dump or {"type": "object" if media_type == JSON else "string"}
    content: dict[str, Any] = {"schema": {"type": "array", "items": schema} if described.many else schema}
    if example := EXAMPLES.get(key, {}).get("answer"):
        content["example"] = [example] if described.many else example
    return content


def _bad(codes: list[str]) -> dict[str, Any]:
    lines = [f"`{code}` ({CATALOGUE[code].retry}): {CATALOGUE[code].zh} · {CATALOGUE[code].en}" for code in codes]
    later = [code for code in codes if CATALOGUE[code].status in (429, 503)]
    return {
        "description": "\n\n".join(lines),
        "headers": _headers("X-Request-Id", *(["Retry-After"] if later else [])),
        "content": {
            PROBLEM_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
        "x-codes": codes,
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
