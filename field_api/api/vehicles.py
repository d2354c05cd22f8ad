"""`/vehicles/{plate}`: the file of a vehicle."""

from __future__ import annotations

from flask import Blueprint

from field_api.casework.vehicles import dossier
from field_api.endpoint import Answer, Context, endpoint
from field_api.schemas.vehicles import VehicleFileDump

blueprint = Blueprint("vehicles", __name__, url_prefix="/api/v1/vehicles")


@blueprint.get("/<plate>")
@endpoint(
    "The file of a vehicle, by its plate",
    caller="either",
    dump=VehicleFileDump,
    tag="parties",
    problems=("not_permitted", "not_found"),
)
def show(context: Context, plate: str) -> Answer:
    return Answer(dossier.of(context.session, plate, context.identity))
