"""The OpenAPI document against the rules of OpenAPI 3.1 and against the routes that serve."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from field_api import openapi
from field_api.config import Config
from field_api.problems import CATALOGUE
from field_api.schemas.examples import EXAMPLES, PARAMETERS
from field_api.schemas.words import SUMMARIES_ZH
from tests.integration.people import running
from tests.support.answers import faults

METHODS = {"get", "put", "post", "delete", "patch"}
# Source: OpenAPI 3.1.0, fixed fields of each object.
ROOT = {"openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs", "webhooks"}
INFO = {"title", "summary", "description", "termsOfService", "contact", "license", "version"}
COMPONENTS = {"schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes"}
OPERATION = {"tags", "summary", "description", "operationId", "parameters", "requestBody", "responses",
             "deprecated", "security", "servers"}
PARAMETER = {"name", "in", "description", "required", "deprecated", "schema", "example", "examples", "style"}
RESPONSE = {"description", "headers", "content", "links"}
MEDIA = {"schema", "example", "examples", "encoding"}
SCHEMA = {"type", "format", "properties", "required", "items", "enum", "pattern", "minLength", "maxLength",
          "minimum", "maximum", "minItems", "maxItems", "additionalProperties", "default", "description",
          "oneOf", "$ref", "readOnly", "writeOnly"}
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An application whose database nobody needs."""
    url = f"sqlite:///{tmp_path / 'fieldpost.sqlite3'}"
    with running(Config(data=tmp_path / "data", database_url=url)) as flask_app:
        yield flask_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return dict(answer.json)


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, examples left out: they are whatever they are."""
    if isinstance(value, dict):
        yield value
        for key, child in value.items():
            if key not in ("example", "examples", "x-codes"):
                yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def resolve(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/"), reference
    found: Any = document
    for step in reference[2:].split("/"):
        found = found[step]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        assert item.keys() <= METHODS
        for method, operation in item.items():
            yield path, method, operation


def known(value: dict[str, Any], names: set[str]) -> None:
    unknown = {name for name in value if name not in names and not name.startswith("x-")}
    assert not unknown, unknown


def test_every_route_is_in_the_document_and_every_path_of_the_document_is_a_route(
    app: Flask, document: dict[str, Any]
) -> None:
    """The document says neither more nor less than what the application answers."""
    served = {
        (re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(document)} == served
    assert len(served) >= 20


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """No `$ref` of the document hangs in the air, in examples neither."""
    references = re.findall(r'"\$ref": "([^"]+)"', as_text(document))
    assert len(references) > 100
    for reference in references:
        resolve(document, reference)


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document)


def test_every_component_is_referred_to(document: dict[str, Any]) -> None:
    """Nothing is described that no call uses; a problem may come from operations and stays."""
    references = set(re.findall(r'"\$ref": "([^"]+)"', as_text(document)))
    kinds = {kind: one for kind, one in document["components"].items() if kind not in ("securitySchemes", "examples")}
    unused = {f"#/components/{kind}/{name}" for kind, one in kinds.items() for name in one} - references
    assert unused <= {"#/components/parameters/Idempotency-Key", "#/components/headers/Content-Language"}


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    """Every operation has a name of its own, fit to be a function's."""
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"\w+", one) for one in ids)


def test_every_path_parameter_is_declared_once_and_required(document: dict[str, Any]) -> None:
    """What stands in braces in a path is a required parameter, and no other is `in: path`."""
    for path, _method, operation in operations(document):
        parameters = [
            resolve(document, one["$ref"]) if "$ref" in one else one for one in operation["parameters"]
        ]
        keys = [(one["name"], one["in"]) for one in parameters]
        assert len(keys) == len(set(keys))
        assert {name for name, where in keys if where == "path"} == set(re.findall(r"{(\w+)}", path))
        assert all(one["required"] for one in parameters if one["in"] == "path")
        for one in parameters:
            known(one, PARAMETER)


def test_the_objects_hold_no_unknown_key(document: dict[str, Any]) -> None:
    """Every object holds only the fields that OpenAPI 3.1 gives it, and those that it must have."""
    known(document, ROOT)
    known(document["info"], INFO)
    known(document["components"], COMPONENTS)
    assert document["openapi"] == "3.1.0"
    tags = [tag["name"] for tag in document["tags"]]
    schemes = document["components"]["securitySchemes"]
    for _path, _method, operation in operations(document):
        known(operation, OPERATION)
        assert set(operation["tags"]) <= set(tags)
        assert all(set(way) <= set(schemes) for way in operation["security"])
        assert operation["responses"]
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5][0-9]{2}", status)
            known(response, RESPONSE)
            assert response["description"]
            for media in response.get("content", {}).values():
                known(media, MEDIA)
                assert not {"example", "examples"} <= media.keys()


def test_every_schema_is_one_of_json_schema(document: dict[str, Any]) -> None:
    """Schemas use known keywords, known types and patterns that other languages read too."""
    schemas = [
        node
        for start in [*document["components"]["schemas"].values(), *media_schemas(document)]
        for node in schema_nodes(start)
    ]
    assert len(schemas) > 100
    for schema in schemas:
        known(schema, SCHEMA)
        kinds = schema.get("type", [])
        assert set([kinds] if isinstance(kinds, str) else kinds) <= TYPES
        assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
        if "pattern" in schema:
            assert re.fullmatch(r"\^.*\$", schema["pattern"])
            assert "\\Z" not in schema["pattern"]


def media_schemas(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node in nodes(document["paths"]):
        if "schema" in node and isinstance(node["schema"], dict):
            yield node["schema"]


def schema_nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    children = [*schema.get("properties", {}).values(), *schema.get("oneOf", ())]
    children += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for child in children:
        yield from schema_nodes(child)


def test_problems_stand_under_their_status_with_their_retry(document: dict[str, Any]) -> None:
    """Each problem of each call stands under the status of the catalogue, with an example that says `retry`."""
    seen = set()
    for _path, _method, operation in operations(document):
        for status, response in operation["responses"].items():
            for code in response.get("x-codes", ()):
                seen.add(code)
                assert str(CATALOGUE[code].status) == status
                example = document["components"]["examples"][code]["value"]
                assert (example["code"], example["retry"]) == (code, CATALOGUE[code].retry)
                retry = document["components"]["schemas"]["Problem"]["properties"]["retry"]
                assert example["retry"] in retry["enum"]
    assert {"body_damaged", "push_in_flight", "cursor_expired", "csrf_failed", "not_implemented"} <= seen


def test_what_is_no_json_says_what_it_is(document: dict[str, Any]) -> None:
    """Photos, receipts and pages stand under their own media types."""
    kinds = {
        path.removeprefix("/api/v1"): sorted(operations["get"]["responses"]["200"]["content"])
        for path, operations in document["paths"].items()
        if path.startswith(("/api/v1/evidence", "/api/v1/docs")) and "get" in operations
    }
    assert kinds == {
        "/docs": ["text/html"],
        "/docs.css": ["text/css"],
        "/evidence/{evidence}/original": ["image/jpeg", "image/png", "image/webp"],
        "/evidence/{evidence}/receipt": ["application/jose"],
        "/evidence/{evidence}/review": ["image/jpeg"],
        "/evidence/{evidence}/thumbnail": ["image/jpeg"],
    }


def test_the_examples_are_taken_by_the_schemas_that_serve(app: Flask) -> None:
    """Every request example loads, every answer example has what its schema says, and both name real calls."""
    calls: dict[str, Any] = {}
    for rule, view in openapi.routes(app):
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            calls[f"{method} {openapi.path_of(rule).removeprefix('/api/v1')}"] = view.spec
    assert {*EXAMPLES, *PARAMETERS, *SUMMARIES_ZH} <= calls.keys()
    for key, example in EXAMPLES.items():
        if "request" in example:
            calls[key].load().load(example["request"])
        assert faults(calls[key].dump(), example["answer"]) == [], key


def test_what_is_not_there_yet_says_so(client: FlaskClient, document: dict[str, Any]) -> None:
    """A call that answers 501 is marked as such and promises nothing else; every other one is not."""
    marked = {(path, method) for path, method, one in operations(document) if one.get("x-not-there-yet")}
    assert marked
    for path, method, operation in operations(document):
        if (path, method) in marked:
            assert operation["responses"].keys() == {"501"}
            answer = client.open(path.replace("{", "").replace("}", ""), method=method.upper(), json={})
            assert (answer.status_code, answer.json["code"]) == (501, "not_implemented")
        else:
            assert "501" not in operation["responses"]


def test_the_document_is_not_sent_twice(client: FlaskClient) -> None:
    """It has a strong tag that stays, and whoever holds it gets 304 and no body."""
    first = client.get("/api/v1/openapi.json")
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    again = client.get("/api/v1/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert client.get("/api/v1/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("language", "word"), [("zh", "尚未提供"), ("en", "not there yet")])
def test_the_page_shows_every_call_in_both_languages(
    client: FlaskClient, document: dict[str, Any], language: str, word: str
) -> None:
    """Every operation of the document stands on the page, in the language asked for."""
    by_header = client.get("/api/v1/docs", headers={"Accept-Language": language})
    page = client.get(f"/api/v1/docs?lang={language}")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert by_header.text == page.text
    assert word in page.text
    assert page.headers["Content-Language"].startswith(language)
    for path, method, operation in operations(document):
        assert f'<article id="{operation["operationId"]}"' in page.text
        assert f'<span class="method">{method.upper()}</span> <code>{path}</code>' in page.text


@pytest.mark.parametrize("path", ["/api/v1/docs", "/problems/", "/problems/body_damaged"])
def test_the_pages_need_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    """No inline script or style, no address of another host: the content policy would stop them."""
    answer = client.get(path)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?! src=\"/)|<style|\sstyle=|\son\w+=|https?://", answer.text)
    assert 'name="viewport"' in answer.text
    sheets = re.findall(r'<link rel="stylesheet" href="(/[^"]+)">', answer.text)
    assert sheets
    for sheet in sheets:
        with client.get(sheet) as found:
            assert (found.status_code, found.mimetype) == (200, "text/css")
            assert not re.search(r"https?:|@import|url\(", found.text)


def test_the_links_of_the_pages_lead_somewhere(client: FlaskClient) -> None:
    """Every link of every page answers, and every fragment names something on its page."""
    targets = set()
    for path in ("/api/v1/docs", "/problems/"):
        text = client.get(path).text
        for href in re.findall(r'href="([^"]+)"', text):
            if href.startswith("#"):
                assert f'id="{href[1:]}"' in text
            else:
                targets.add(path + href if href.startswith("?") else href)
    assert len(targets) > len(CATALOGUE)
    for href in sorted(targets):
        with client.get(unescape(href), follow_redirects=True) as answer:
            assert answer.status_code == 200, href


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_problem_has_its_page(client: FlaskClient, code: str) -> None:
    """The page that a problem's `type` names says what it means, in Chinese unless English is asked for."""
    page = client.get(f"/problems/{code}")
    assert page.status_code == 200
    assert str(escape(CATALOGUE[code].todo_zh)) in page.text
    english = client.get(f"/problems/{code}", headers={"Accept-Language": "en"})
    assert str(escape(CATALOGUE[code].todo_en)) in english.text


def test_a_problem_that_does_not_exist_has_no_page(client: FlaskClient) -> None:
    """Whatever is asked for instead of a code gets the page of `not_found`, and is no part of its markup."""
    for path in ("nothing", "%00", "..%2f..%2fetc%2fpasswd", "%ff", "{{7*7}}", "%3Cb%3E", "a" * 4000):
        answer = client.get(f"/problems/{path}")
        assert (answer.status_code, "<code>not_found</code>" in answer.text) == (404, True)
        assert len(answer.data) < 10_000
        assert re.search(r"\b49\b|problems/<b>", answer.text) is None


def test_every_call_has_its_chinese_words(client: FlaskClient) -> None:
    """No call of the API is described in English alone."""
    paths = client.get("/api/v1/openapi.json").json["paths"]
    wordless = [
        f"{method} {path}"
        for path, calls in paths.items()
        for method, call in calls.items()
        if path.startswith("/api/v1/") and method in METHODS and "x-summary-zh" not in call
    ]
    assert wordless == []
