"""The same work in each server's own words: batches of fifty (half new documents, half edits), and a first pull.

A document is a case of 1.5 KB. Edits reach documents of the batch before. Appends and transitions are edits too
where a server knows nothing else.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from uuid_utils import uuid7

from benchmarks.cases import document
from benchmarks.crew import Requests, Sample
from benchmarks.lines import Line, Reply, pull_request, push_request, request
from benchmarks.site import Client

BATCH, CREATES, PAGE = 50, 25, 1_000
JSON = {"Content-Type": "application/json"}
_DONE = re.compile(rb'"status": ?2\d\d')
Documents = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and how one is known there."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)


def _batches(seed: int, count: int, creates: int) -> Iterator[tuple[Documents, Documents]]:
    """(new documents, documents to edit) of each batch; all new where `creates` is the whole batch."""
    source, before = random.Random(seed), None
    for _ in range(count):
        fresh = [(str(uuid7()), document(source)) for _ in range(creates)]
        yield fresh, (before or fresh)[: BATCH - creates]
        before = fresh


def _as_requests(address: Address, path: str, bodies: Iterator[Any]) -> Requests:
    made = [json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() for body in bodies]
    return Requests(address.port, [request("POST", path, body, JSON | address.headers) for body in made])


def ours(client: Client, seed: int, count: int, creates: int) -> Requests:
    """Our own pushes, without photos; all new cases where `creates` is the whole batch."""
    writer = client.writer(seed)
    batches = (
        writer.mixed(BATCH, photos=0) if creates == CREATES else [writer.case() for _ in range(creates)]
        for _ in range(count)
    )
    return Requests(client.port, [push_request(client.token, writer.body(batch)) for batch in batches])


def kinto(address: Address, seed: int, count: int, creates: int) -> Requests:
    """Kinto's batch: a PUT for each new record, a PATCH for each edit; one transaction."""
    home = "/buckets/bench/collections/cases/records/"
    return _as_requests(address, "/v1/batch", (
        {"requests": [
            *({"method": "PUT", "path": home + id_, "body": {"data": one}} for id_, one in new),
            *({"method": "PATCH", "path": home + id_, "body": {"data": {"address": f"演示 {id_}"}}} for id_, _ in old),
        ]}
        for new, old in _batches(seed, count, creates)
    ))  # fmt: skip


def pocketbase(address: Address, seed: int, count: int, creates: int) -> Requests:
    """PocketBase's batch: one transaction; the address is a column of its own, so that an edit is small."""
    home = "/api/collections/cases/records"
    return _as_requests(address, "/api/batch", (
        {"requests": [
            *({"method": "POST", "url": home, "body": {"id": _short(id_), "body": one, "address": one["address"]}}
              for id_, one in new),
            *({"method": "PATCH", "url": f"{home}/{_short(id_)}", "body": {"address": f"演示 {id_}"}}
              for id_, _ in old),
        ]}
        for new, old in _batches(seed, count, creates)
    ))  # fmt: skip


def _short(id_: str) -> str:
    return hashlib.md5(id_.encode(), usedforsecurity=False).hexdigest()[:15]


def pouchdb(address: Address, seed: int, count: int, creates: int) -> Requests:
    """_bulk_docs with the revisions that the client made, as PouchDB replicates; an edit carries the whole document."""
    made: dict[str, list[str]] = {}

    def revised(id_: str, one: dict[str, Any]) -> dict[str, Any]:
        known = made.setdefault(id_, [])
        known.insert(0, hashlib.md5(f"{id_}{len(known)}".encode(), usedforsecurity=False).hexdigest())
        start = len(known)
        return {**one, "_id": id_, "_rev": f"{start}-{known[0]}", "_revisions": {"start": start, "ids": list(known)}}

    return _as_requests(address, "/cases/_bulk_docs", (
        {"new_edits": False, "docs": [
            *(revised(id_, one) for id_, one in new),
            *(revised(id_, {**one, "address": f"演示 {id_}"}) for id_, one in old),
        ]}
        for new, old in _batches(seed, count, creates)
    ))  # fmt: skip


def send_counted(prepared: Requests) -> Sample:
    """Send batches, and count what each server says that it did."""
    line, sample = Line(prepared.port), Sample(begun=time.monotonic())
    for one in prepared.requests:
        begun = time.monotonic()
        reply = line.send(one)
        sample.take(reply, time.monotonic() - begun)
        sample.outcomes["applied"] += _applied(reply)
    sample.ended = time.monotonic()
    line.close()
    return sample


def _applied(reply: Reply) -> int:
    if reply.sent.strip() == b"[]":  # PouchDB says nothing of revisions that it took; the first pull counts them
        return BATCH
    return reply.sent.count(b'"outcome":"applied"') or len(_DONE.findall(reply.sent))


@dataclass(frozen=True, slots=True)
class Walk:
    """A first pull: the first page, how to ask for the next one, and what marks a document."""

    port: int
    first: bytes
    following: Callable[[Reply, int], bytes | None]
    mark: bytes


def walk(prepared: Walk) -> Sample:
    """Pull page after page to the end over one connection."""
    line, sample = Line(prepared.port), Sample(begun=time.monotonic())
    ask: bytes | None = prepared.first
    documents = 0
    while ask is not None:
        begun = time.monotonic()
        reply = line.send(ask)
        sample.take(reply, time.monotonic() - begun)
        documents += reply.sent.count(prepared.mark)
        ask = prepared.following(reply, len(sample.seconds))
    sample.ended = time.monotonic()
    sample.notes["documents"] = documents
    line.close()
    return sample


def walk_ours(client: Client) -> Walk:
    """Our pull, not packed."""

    def following(reply: Reply, _page: int) -> bytes | None:
        return pull_request(client.token, reply.cursor(), lanes=("records",)) if reply.has_more() else None

    return Walk(client.port, pull_request(client.token, None, lanes=("records",)), following, b'"action":"put"')


_NEXT_PAGE = re.compile(rb"\r\nnext-page: *https?://[^/]+(\S+)", re.IGNORECASE)


def walk_kinto(address: Address) -> Walk:
    """Kinto's records, newest last, as its clients ask for them."""

    def ask(path: str) -> bytes:
        return request("GET", path, b"", address.headers)

    def following(reply: Reply, _page: int) -> bytes | None:
        found = _NEXT_PAGE.search(reply.headers)
        return ask(found[1].decode()) if found else None

    first = ask(f"/v1/buckets/bench/collections/cases/records?_sort=last_modified&_limit={PAGE}")
    return Walk(address.port, first, following, b'"last_modified"')


def walk_pocketbase(address: Address) -> Walk:
    """PocketBase's list, page by page."""

    def ask(page: int) -> bytes:
        path = f"/api/collections/cases/records?perPage={PAGE}&skipTotal=1&sort=id&page={page}"
        return request("GET", path, b"", address.headers)

    def following(reply: Reply, page: int) -> bytes | None:
        return ask(page + 1) if reply.sent.count(b'"collectionId"') == PAGE else None

    return Walk(address.port, ask(1), following, b'"collectionId"')


_LAST_SEQ = re.compile(rb'"last_seq": ?"?(\d+)')


def walk_pouchdb(address: Address) -> Walk:
    """The changes feed with documents, as PouchDB replicates."""

    def ask(since: int) -> bytes:
        path = f"/cases/_changes?include_docs=true&style=all_docs&limit={PAGE}&since={since}"
        return request("GET", path, b"", address.headers)

    def following(reply: Reply, _page: int) -> bytes | None:
        found = _LAST_SEQ.search(reply.sent[-200:])
        more = reply.sent.count(b'"changes":[') == PAGE
        return ask(int(found[1])) if found and more else None

    return Walk(address.port, ask(0), following, b'"changes":[')
