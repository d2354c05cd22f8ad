"""`/law/penalty`: what an act costs, and why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from field_api.casework import violations
from field_api.casework.law.catalogue import choose
from field_api.casework.law.penalty import penalty_by, summary
from field_api.endpoint import Answer, Context, endpoint
from field_api.problems import Problem
from field_api.schemas.violations import PenaltyDump, PenaltyLoad, PenaltyQuestion

blueprint = Blueprint("violations", __name__, url_prefix="/api/v1")


@blueprint.post("/law/penalty")
@endpoint(
    "Work out a penalty and say why",
    caller="either",
    load=PenaltyLoad,
    dump=PenaltyDump,
    tag="law",
    problems=("not_found",),
)
def penalty(context: Context, question: PenaltyQuestion) -> Answer:
    language = "en" if request.accept_languages.best_match(["zh-CN", "zh", "en"], "zh-CN") == "en" else "zh"
    headers = {"Content-Language": "en" if language == "en" else "zh-CN", "Vary": "Accept-Language"}
    return Answer(_answer(context, question, ("zh", "en").index(language)), headers=headers)


def _answer(context: Context, question: PenaltyQuestion, language: int) -> dict[str, Any]:
    versions = violations.versions(context.session, question.code)
    choice = choose(versions, question.code, question.act, question.decided, question.party_kind)
    if choice is None:
        raise Problem("not_found", f"{question.code} {question.act}")
    figure = penalty_by(choice, question.party_kind, question.factors, question.amount_fen, question.subject)
    spot = summary(choice.item, question.party_kind, question.decided or question.act)
    return {
        "code": choice.item.code,
        "valid_from": choice.item.valid_from.isoformat(),
        "version_by": choice.by,
        "outcome": figure.outcome,
        "blocked": figure.blocked,
        "kinds": list(figure.kinds),
        "min_fen": figure.min_fen,
        "max_fen": figure.max_fen,
        "suggested_fen": figure.suggested_fen,
        "step": figure.step,
        "explanation": [words[language] for words in figure.explanation],
        "problems": [
            {"code": one.code, "action": one.action, "rule": one.rule or None, "message": (one.zh, one.en)[language]}
            for one in figure.problems
        ],
        "summary": {
            "possible": spot.possible,
            "limit_fen": spot.limit_fen,
            "rule": spot.rule or None,
            "message": (spot.zh, spot.en)[language],
        },
        "read": choice.item.read,
        "demo": choice.item.demo,
    }
