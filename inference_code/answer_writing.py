"""Write the answer to a request, as JSON or CSV."""

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from explaining import Explanation
from prediction import Predictions
from request_errors import RequestError
from request_json import Identity
from request_reading import JSON_TYPE

CSV_TYPE = "text/csv"
DECIMALS = 8
SCORE_DECIMALS = 4
NEAREST = 3  # classes that are named for a picture of none


def answer_type(accept: str | None) -> str:
    """Choose the answer format that an Accept header prefers; JSON when it states no preference.

    Raises RequestError (406) when it allows neither.
    """
    ranked: list[tuple[float, str]] = []
    for item in (accept or "").split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        ranked.append((_quality(parameters), kind or "*/*"))
    for quality, kind in sorted(ranked, key=lambda pair: -pair[0]):
        for ours in (JSON_TYPE, CSV_TYPE):
            if quality > 0 and kind in (ours, f"{ours.split('/')[0]}/*", "*/*"):
                return ours
    message = f"Accept can be {JSON_TYPE}, {CSV_TYPE} or */*"
    raise RequestError(406, "NotAcceptable", message)


def write_answer(
    predictions: Predictions,
    kind: str,
    ids: Sequence[Identity] = (),
    explanations: Sequence[Explanation] = (),
) -> tuple[str, str]:
    """Return the answer in the format `kind`, one of answer_type's, and its content type.

    `ids`, one for each picture or none at all, are given back with the pictures' rows. So are
    `explanations`, in JSON.
    """
    if kind == CSV_TYPE:
        return _to_csv(predictions, ids), f"{CSV_TYPE}; charset=utf-8"
    return _to_json(predictions, ids, explanations), JSON_TYPE


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _to_json(
    predictions: Predictions, ids: Sequence[Identity], explanations: Sequence[Explanation]
) -> str:
    rows: list[dict[str, Any]] = []
    for place, values in enumerate(_rounded(predictions)):
        best = int(np.argmax(predictions.probabilities[place]))
        own = {"id": ids[place]} if ids else {}
        why = {"explanation": explained(explanations[place])} if explanations else {}
        rows.append(
            {
                **own,
                "label": predictions.classes[best],
                "probability": values[best],
                "probabilities": dict(zip(predictions.classes, values, strict=True)),
                "probability_list": values,
                **_known(predictions, place),
                **why,
            }
        )
    answer = {"classes": list(predictions.classes), "predictions": rows}
    return json.dumps(answer, allow_nan=False)


def explained(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON has it."""
    alike = [
        asdict(one) | {"similarity": round(one.similarity, SCORE_DECIMALS)}
        for one in explanation.looks_like
    ]
    return {"heat": base64.b64encode(explanation.heat).decode(), "looks_like": alike}


def _known(predictions: Predictions, place: int) -> dict[str, Any]:
    """Say whether a picture is of a known class, where the model can tell."""
    distances, limit = predictions.distances, predictions.limit
    if distances is None or predictions.known is None or predictions.scores is None:
        return {}
    told: dict[str, Any] = {
        "known": predictions.known[place],
        "score": round(predictions.scores[place], SCORE_DECIMALS),
        "threshold": limit if limit is None else round(limit, SCORE_DECIMALS),
    }
    if not told["known"]:
        nearest = np.argsort(distances[place], kind="stable")[:NEAREST]
        told["nearest"] = [predictions.classes[one] for one in nearest]
    return told


def _to_csv(predictions: Predictions, ids: Sequence[Identity]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for place, values in enumerate(_rounded(predictions)):
        best = int(np.argmax(predictions.probabilities[place]))
        own = ids[place : place + 1]
        writer.writerow([predictions.classes[best], values[best], *values, *own])
    return text.getvalue()


def _rounded(predictions: Predictions) -> list[list[float]]:
    """Return the probabilities as they are told; rounded together, as one by one takes longer."""
    values = np.round(predictions.probabilities.astype(np.float64), DECIMALS)
    rounded: list[list[float]] = values.tolist()
    return rounded
