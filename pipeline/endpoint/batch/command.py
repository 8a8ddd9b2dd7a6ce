"""Run `predict --csv`: find the pictures, go on with the file, ask, and say what came of it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.command_line.documents import json_text
from pipeline.data.progress import PICTURES, Progress
from pipeline.endpoint.batch.answers import open_answers
from pipeline.endpoint.batch.asking import Asker
from pipeline.endpoint.batch.pictures import Found, find_pictures
from pipeline.endpoint.batch.running import ask_all, check_of
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.endpoint.predictions import Invoke

_SHOWN = 10


@dataclass(frozen=True)
class BatchRequest:
    """Many pictures to ask about: files and folders, and the CSV file for the answers."""

    given: tuple[str, ...]
    csv: Path
    top: int
    at_once: int


@dataclass(frozen=True)
class BatchOutcome:
    """What came of it: pictures in all, answered now and before, and errors by file.

    `unknown`: how many of the answers in the file say that a picture shows none of the classes.
    """

    endpoint: str
    csv: str
    pictures: int
    answered: int
    answered_before: int
    unknown: int
    seconds: float
    errors: dict[str, str]
    no_pictures: tuple[str, ...]

    def to_json(self) -> str:
        """Format the outcome for --json."""
        return json_text(self)

    def summary(self) -> str:
        """Describe the outcome for people: errors and what was left out, then the counts."""
        lines = _some(f"{file}: {error}" for file, error in self.errors.items())
        if self.no_pictures:
            shown = ", ".join(_some(self.no_pictures))
            lines.append(f"left out, no pictures: {len(self.no_pictures):,} ({shown})")
        before = f", {self.answered_before:,} before" if self.answered_before else ""
        speed = f", {self.answered / self.seconds:.1f} a second" if self.answered else ""
        unknown = f"; {self.unknown:,} show none of the classes" if self.unknown else ""
        lines.append(
            f"{self.csv}: {self.pictures:,} pictures, {self.answered:,} answered{before}, "
            f"{len(self.errors):,} errors ({self.seconds:.0f} s{speed}){unknown}"
        )
        return "\n".join(lines)


def predict_into_csv(
    request: BatchRequest, target: Target, endpoint: str, invoke: "Invoke", found: Found
) -> BatchOutcome:
    """Ask the endpoint about the pictures that the file has no answer about yet."""
    model, check = _model(target, endpoint)
    began = time.monotonic()
    with open_answers(request.csv, request.top, model) as answers:
        names = [name for name in found.pictures if name not in answers.done]
        before = len(found.pictures) - len(names)
        if before:
            print(f"{before:,} answered before are kept", file=sys.stderr, flush=True)
        with Progress(sys.stderr).stage("asking", len(names), PICTURES) as advance:
            asker = Asker(invoke, request.top)
            tally = ask_all(
                asker, names, answers, at_once=request.at_once, check=check, advance=advance
            )
    return BatchOutcome(
        endpoint=endpoint,
        csv=str(request.csv),
        pictures=len(found.pictures),
        answered=tally.answered,
        answered_before=before,
        unknown=answers.unknown,
        seconds=time.monotonic() - began,
        errors={one.file: f"{one.status}: {one.error}" for one in tally.errors},
        no_pictures=found.others,
    )


def pictures_of(request: BatchRequest) -> Found:
    """Find the pictures, before any endpoint is looked for. Raises UsageError."""
    return find_pictures(request.given)


def _model(target: Target, endpoint: str) -> tuple[str | None, Callable[[], None]]:
    if endpoint.startswith("http"):
        return None, lambda: None  # `serve` without an endpoint: one model until it ends
    return check_of(target.sagemaker, endpoint)


def _some(lines: Any) -> list[str]:
    every = list(lines)
    more = [f"… and {len(every) - _SHOWN:,} more"] if len(every) > _SHOWN else []
    return [*every[:_SHOWN], *more]
