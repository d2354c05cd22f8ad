"""What law costs: a question, all rules over a case, a paper, a month's audit, a plate among many."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from benchmarks.cases import Writer
from benchmarks.crew import Job, send_all
from benchmarks.figures.pull import as_prepared
from benchmarks.lines import Line, push_request, request
from benchmarks.measure import Figure, Stage, Target, all_fine, ms, percentile
from benchmarks.site import Client
from field_api.casework import rulebook
from field_api.casework.documents import contexts, press, templates
from field_api.casework.law.judge import judge
from field_api.casework.sets import content
from reference.terminal.sets import MAGIC, HeldSet

CHECK_MS, JUDGE_MS, PAPER_MS = Target("at most", 5), Target("at most", 2), Target("at most", 50)
AUDIT_S, PLATE_MS = Target("at most", 10), Target("at most", 10)
CHINA = timezone(timedelta(hours=8))
MOST_CASES, PLATES = 1_000, 100_000
# The first of each asks for what is read once: rules, fonts.
WARM = 3
KEY = b"\x07" * 32
OFFICERS = [
    {"id": one, "role": role, "subject": "city_bureau", "qualified": True, "cert_valid": True, "auxiliary": False}
    for one, role in (("a", "main"), ("b", "assist"))
]
FACTS: dict[str, Any] = {
    "act": {"date": "2026-11-02"},
    "case": {"procedure": "summary", "subject": "city_bureau", "facts_clear": True, "evidence_enough": True},
    "party": {"kind": "citizen", "age": 40},
    "steps": {"ids_shown": ["a", "b"], "education": True, "correction_ordered": True},
    "statement": {"noticed": True, "waived": True, "waiver_signed": True},
    "decision": {"date": "2026-11-02", "kinds": ["fine"], "amount_fen": 10_000, "number": "演示〔2026〕第1号"},
    "signatures": {"party": "signed"},
    "service": {"mode": "on_site", "working_days": 0},
    "officers": OFFICERS,
    "violations": [{"code": "DEMO", "subject": "city_bureau", "kinds": ["fine"], "max_citizen_fen": 20_000}],
    "payments": [{"mode": "on_spot", "ground": "under_100", "amount_fen": 10_000, "receipt_no": "演示1"}],
}
CASE: dict[str, Any] = {
    "case_no": "演示-2026-0001", "address": "演示区演示路12号", "occurred_at": "2026-11-02T10:00:00+08:00",
    "party": {"kind": "citizen", "name": "演示当事人"}, "amount_fen": 10_000, "subject": "city_bureau",
}  # fmt: skip


def law(stage: Stage) -> Iterator[Figure]:
    """Each of the figures that the law has of its own."""
    count = stage.scale.changed_pulls
    yield _asked(stage, count)
    yield _figure(stage, "all rules over a case", JUDGE_MS, count, lambda: judge(rulebook.shipped(), FACTS))
    yield _figure(stage, "a one-page paper as PDF/A", PAPER_MS, min(count, 50), _paper)
    yield _audited(stage)
    yield _plates(stage, count)


def _asked(stage: Stage, count: int) -> Figure:
    """`POST /law/check` over one connection."""
    client = stage.clients[0]
    facts = {name: FACTS[name] for name in ("act", "party", "officers")}
    asked = json.dumps({"stage": "check", "facts": facts})
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    one = request("POST", "/api/v1/law/check", asked.encode(), headers)
    p95s, medians = [], []
    for _ in range(stage.scale.repeat):
        run = stage.weigh([Job(as_prepared, (client.port, [one] * count), send_all)]).run
        all_fine(run)
        p95s.append(ms(percentile(run.seconds, 0.95)))
        medians.append(ms(percentile(run.seconds, 0.5)))
    return Figure("p95 of POST /law/check", "ms", p95s, CHECK_MS, {"median_ms": medians})


def _figure(stage: Stage, name: str, target: Target, count: int, work: Callable[[], object]) -> Figure:
    """What one call takes in this process, the slowest twentieth aside."""
    for _ in range(WARM):
        work()
    p95s, medians = [], []
    for _ in range(stage.scale.repeat):
        seconds = [_took(work) for _ in range(count)]
        p95s.append(ms(percentile(seconds, 0.95)))
        medians.append(ms(percentile(seconds, 0.5)))
    return Figure(f"p95 of {name}", "ms", p95s, target, {"median_ms": medians})


def _took(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _paper() -> object:
    """An order to correct, on one page."""
    made = datetime(2026, 11, 2, tzinfo=CHINA)
    template = templates.find("D03", made.date())
    if template is None:
        raise RuntimeError("there is no template of an order to correct")
    element = {"id": str(uuid7()), "type": "D03", "at": made.isoformat(), "number": "演示〔2026〕第0001号"}
    source = contexts.Source(CASE, element, [{"name": "演示", "cert_no": "演示"}] * 2, demo=True)
    return press.render(template, contexts.build(template, source), template.copies[0], 0)


def _audited(stage: Stage) -> Figure:
    """A month of as many served cases, asked for over the wire by an auditor of their unit."""
    count = min(MOST_CASES, stage.scale.first_cases)
    unit = stage.site.unit("audit")
    [client] = stage.site.sign_in(unit, 1)
    [auditor] = stage.site.sign_in(unit, 1, "auditor")
    writer = client.writer()
    for _ in range(0, count, 10):
        _push(client, writer, [one for _ in range(10) for one in _served(writer)])
    month = datetime.now(UTC).astimezone(CHINA).strftime("%Y-%m")
    asked = request("GET", f"/api/v1/audits?month={month}", b"", {"Authorization": f"Bearer {auditor.token}"})
    seconds, line = [], Line(auditor.port)
    for _ in range(stage.scale.repeat):
        begun = time.perf_counter()
        reply = line.send(asked)
        seconds.append(time.perf_counter() - begun)
        files = json.loads(reply.body).get("files")
        if reply.status != 200 or files < count:
            raise RuntimeError(f"an audit of {files} files answered {reply.status}")
    line.close()
    return Figure(f"audit of a month of {count:,} cases", "s", seconds, AUDIT_S)


def _served(writer: Writer) -> list[dict[str, Any]]:
    """A summary penalty as terminals write it."""
    created = writer.case()
    case, decision = created["record"], str(uuid7())

    def step(event: str) -> dict[str, Any]:
        return writer.operation("transition", case, base={"operation": created["id"]}, event=event)

    def paper(id_: str, type_: str, **more: Any) -> dict[str, Any]:
        item = {"id": id_, "type": type_, "at": created["at"], **more}
        return writer.operation("append", case, list="documents", item=item)

    return [
        created, writer.append(case), step("register"), step("investigate"), step("notify"),
        paper(decision, "D07"), step("decide"), paper(str(uuid7()), "D26", of=decision), step("serve"),
    ]  # fmt: skip


def _push(client: Client, writer: Writer, operations: Sequence[dict[str, Any]]) -> None:
    line = Line(client.port)
    reply = line.send(push_request(client.token, writer.body(operations)))
    line.close()
    if reply.status != 200 or reply.sent.count(b'"applied"') < len(operations):
        raise RuntimeError(f"served cases were not applied: {reply.status} {reply.sent[:300]!r}")


def _plates(stage: Stage, count: int) -> Figure:
    """A look-up in a terminal's file of 100,000 plates, opened anew each time."""
    plates = [f"川Z{number:05}" for number in range(PLATES)]
    entries = sorted(content.pack(content.digest(KEY, "plate", plate), 1) for plate in plates)
    head = {"key": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "codes": [], "count": PLATES}
    told = json.dumps(head).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watch.set"
        path.write_bytes(MAGIC + len(told).to_bytes(4, "big") + told + b"".join(entries))
        asked = iter(plates * (1 + (WARM + count * stage.scale.repeat) // PLATES))

        def look() -> None:
            held = HeldSet.read(path)
            if held is None or not held.find("plate", next(asked)):
                raise RuntimeError("a plate that stands in the set was not found")

        return _figure(stage, f"a plate among {PLATES:,}", PLATE_MS, count, look)
