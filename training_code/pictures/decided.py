"""Apply what people decided about single pictures: a picture is known by its file's content."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from decisions import Decision, UnusableDecisions, check_classes, read_decisions
from job.errors import JobError
from pictures.image_folder import ImageFolder, PictureFile
from pictures.row_plan import Picture

_EXAMPLES = 3


@dataclass(frozen=True)
class Decided:
    """The data set and its pictures after the decisions, and what dataset.json says of them."""

    found: ImageFolder
    pictures: list[Picture]
    told: dict[str, Any]


def apply_decisions(folder: Path, found: ImageFolder, pictures: Sequence[Picture]) -> Decided:
    """Apply the only file in `folder`; raise JobError for what does not fit these pictures."""
    files = sorted(path for path in folder.glob("*") if path.is_file())
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise JobError(f"{folder} must hold exactly one file of decisions; found {names}")
    name = files[0].name
    try:
        decisions = read_decisions(files[0].read_bytes(), name)
        check_classes(decisions, found.classes, name)
        _check_contents(decisions, {picture.content for picture in pictures}, name)
    except UnusableDecisions as error:
        raise JobError(f"data.decisions: {error}") from error
    return _apply(decisions, found, pictures)


def _check_contents(decisions: Sequence[Decision], contents: set[str], name: str) -> None:
    """Raise UnusableDecisions for decisions about pictures that are not there."""
    absent = [one for one in decisions if one.content not in contents]
    if not absent:
        return
    some = "; ".join(
        f"line {one.line}: {one.words} {one.file or one.content[:16]}" for one in absent[:_EXAMPLES]
    )
    raise UnusableDecisions(
        f"{name}: {len(absent):,} of {len(decisions):,} decisions are about pictures that are not"
        f" in the data ({some}): it is another data set, or the files changed; remove those rows"
    )


def _apply(
    decisions: Sequence[Decision], found: ImageFolder, pictures: Sequence[Picture]
) -> Decided:
    decision_of = {one.content: one for one in decisions}
    kept: list[Picture] = []
    removed: set[PictureFile] = set()
    relabelled: dict[PictureFile, PictureFile] = {}
    for picture in pictures:
        one = decision_of.get(picture.content)
        if one is None or one.action == "keep":
            kept.append(picture)
        elif one.action == "remove":
            removed.add(picture.file)
        else:
            file = relabelled[picture.file] = replace(picture.file, label=one.new_class)
            kept.append(replace(picture, file=file))
    files = tuple(relabelled.get(file, file) for file in found.files if file not in removed)
    pairs = sorted(relabelled.items(), key=lambda pair: pair[0].name)
    told = {
        "kept": sorted(one.content for one in decisions if one.action == "keep"),
        "relabelled": [{"file": o.name, "from": o.label, "to": new.label} for o, new in pairs],
        "removed": sorted(file.name for file in removed),
    }
    return Decided(replace(found, files=files), kept, told)
