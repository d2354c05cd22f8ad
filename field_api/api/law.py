"""`/law/check`: may this be done here, by which article not, and what to do instead."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from field_api.casework import rulebook
from field_api.casework.law.judge import CHOSEN, judge
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.law import LawCheckDump, LawCheckLoad

blueprint = Blueprint("law", __name__, url_prefix="/api/v1/law")
FORBIDS = ("block", "not_configured")


@blueprint.post("/check")
@endpoint("Ask what the law says of a planned step", caller="either", load=LawCheckLoad, dump=LawCheckDump, tag="law")
def check(context: Context, asked: tuple[str, dict[str, Any]]) -> Answer:
    stage, facts = asked
    facts["case"] = {"procedure": "summary", **facts.get("case", {})}
    facts["config"] = context.config.law
    bundle = rulebook.shipped()
    findings = judge(bundle, facts, stage)
    language = "en" if request.accept_languages.best_match(["zh-CN", "zh", "en"], "zh-CN") == "en" else "zh"
    return Answer(
        {
            "allowed": not any(one.consequence in FORBIDS for one in findings),
            "version": bundle.version,
            "findings": [
                {
                    "rule": one.rule,
                    "check": one.check,
                    "consequence": one.consequence,
                    "article": one.article,
                    "reason": one.words[language],
                    "remedy": one.remedy[language],
                    "law": CHOSEN[one.chosen_by][0 if language == "zh" else 1],
                    "values": dict(one.values),
                }
                for one in findings
            ],
        },
        headers={"Content-Language": "en" if language == "en" else "zh-CN", "Vary": "Accept-Language"},
    )
