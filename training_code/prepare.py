"""Prepare any folder-per-class picture data set as a few large files.

Every file is decoded once, straight into its row on the disk, on all cores; what is no usable
picture is left out and listed. A refused file leaves no trace in the result: splits, rows and
fingerprint are those of a data set that never had it. What was never meant as a picture, by its
name and its content, is ignored.
"""

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from folders.layout import AUTO, LAYOUTS, SPLITS, class_line, ignored_lines
from job.errors import JobError, run_job
from job.log import log
from job.parallel import parallel_map, stop_on_sigterm
from picture_formats import listed
from picture_notes import Notes
from pictures.dataset import (
    INFO_FILE,
    copy_images,
    create_images,
    image_offset,
    images_path,
    mean_and_std,
    write_json,
    write_rows,
)
from pictures.dataset_info import (
    class_counts,
    duplicates,
    fingerprint,
    ignored_files,
    notes_list,
    refused_list,
    versions,
)
from pictures.dataset_warnings import picture_lines
from pictures.decided import apply_decisions
from pictures.equal_pixels import equal_pixels
from pictures.image_folder import ImageFolder, PictureFile, find_images
from pictures.picture_rows import NoPicture, Refused, Row, Sums, hash_file, write_picture
from pictures.row_plan import Picture, Rows, plan_rows
from pictures.stratified_split import Fractions, parse_fractions

MAX_REFUSED_SHARE = 0.2
MAX_RESIZE = 4096


@dataclass(frozen=True)
class Options:
    """The options of Prepare: `dataset` gets train and valid, `test` the test split."""

    data: Path
    dataset: Path
    test: Path
    resize: int
    fractions: Fractions
    seed: int
    layout: str = AUTO
    decisions: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.resize <= MAX_RESIZE:
            raise JobError(f"--resize {self.resize}: give a side from 1 to {MAX_RESIZE} pixels")

    def folder(self, split: str) -> Path:
        """Return the output folder of a split."""
        return self.test if split == "test" else self.dataset

    def images(self, split: str) -> Path:
        """Return the path of a split's pixels."""
        return images_path(self.folder(split), split)


@dataclass(frozen=True)
class Decoded:
    """What is known of the pictures in the rows; `notes` of those only that have any."""

    sums: dict[Picture, Sums]
    sizes: dict[Picture, tuple[int, int]]
    notes: dict[Picture, Notes]


def prepare(options: Options) -> None:
    """Prepare the data and write both outputs; raise JobError for whatever is wrong with it."""
    found = find_images(options.data, options.layout)
    log(f"{class_line(found.classes)}; {len(found.files):,} files")
    found, pictures, refused = _hash_all(found)
    _announce(found)
    told: dict[str, Any] = {}
    if options.decisions is not None:
        decided = apply_decisions(options.decisions, found, pictures)
        found, pictures, told = decided.found, decided.pictures, {"decisions": decided.told}
    _check_refused(found, refused)
    rows = plan_rows(found, pictures, options.fractions, options.seed)
    create_images({options.images(s): len(rows[s]) for s in rows}, options.resize)
    decoded, undecodable = _decode_all(rows, options)
    if undecodable:
        refused |= undecodable
        _check_refused(found, refused)
        planned, rows = rows, plan_rows(found, list(decoded.sums), options.fractions, options.seed)
        _rearrange(planned, rows, options)
    info = _describe(found, rows, decoded, refused, options) | told
    _write(rows, decoded.sizes, info, options)
    _report(info)


def _announce(found: ImageFolder) -> None:
    for line in (*found.notes, *ignored_lines(found.ignored)):
        log(line)


def _hash_all(
    found: ImageFolder,
) -> tuple[ImageFolder, list[Picture], dict[PictureFile, str]]:
    """Read every file once; return the data set without what was never meant as a picture."""
    pictures: list[Picture] = []
    refused: dict[PictureFile, str] = {}
    others: set[PictureFile] = set()
    outcomes = parallel_map(hash_file, [file.path for file in found.files], "read")
    for file, outcome in zip(found.files, outcomes, strict=True):
        if isinstance(outcome, NoPicture):
            others.add(file)
        elif isinstance(outcome, Refused):
            refused[file] = outcome.reason
        else:
            pictures.append(Picture(file, outcome))
    if others:
        files = tuple(file for file in found.files if file not in others)
        ignored = (*found.ignored, *ignored_files(sorted(file.name for file in others)))
        found = replace(found, files=files, ignored=ignored)
    return found, pictures, refused


def _decode_all(rows: Rows, options: Options) -> tuple[Decoded, dict[PictureFile, str]]:
    """Decode every picture into its row; one that cannot be decoded leaves its row unused."""
    side = options.resize
    targets = {split: options.images(split) for split in rows}
    planned = [
        (picture, Row(picture.file.path, targets[split], image_offset(number, side), side))
        for split, pictures in rows.items()
        for number, picture in enumerate(pictures)
    ]
    decoded, refused = Decoded({}, {}, {}), {}
    sizes: dict[tuple[int, int], tuple[int, int]] = {}  # kept once: most pictures share a few
    outcomes = parallel_map(write_picture, [row for _, row in planned], "decoded")
    for (picture, _), outcome in zip(planned, outcomes, strict=True):
        if isinstance(outcome, Refused):
            refused[picture.file] = outcome.reason
        else:
            decoded.sums[picture] = outcome.sums
            decoded.sizes[picture] = sizes.setdefault(outcome.size, outcome.size)
            if outcome.notes:
                decoded.notes[picture] = outcome.notes
    return decoded, refused


def _check_refused(found: ImageFolder, refused: Mapping[PictureFile, str]) -> None:
    if not refused:
        return
    first = sorted(refused.items(), key=lambda item: item[0].name)
    in_class = Counter(file.label for file in found.files)
    for label, count in sorted(Counter(file.label for file in refused).items()):
        if count == in_class[label]:
            file, reason = next(item for item in first if item[0].label == label)
            raise JobError(
                f"none of the {count} files of class {label!r} is a usable picture ({file.name}:"
                f" {reason}); {listed('and')} are read: mend the files or remove the class"
            )
    share = len(refused) / len(found.files)
    if share > MAX_REFUSED_SHARE:
        some = "; ".join(f"{file.name}: {reason}" for file, reason in first[:3])
        raise JobError(
            f"{len(refused):,} of {len(found.files):,} files ({share:.0%}) are no usable pictures,"
            f" more than {MAX_REFUSED_SHARE:.0%}: {some}; mend or remove them"
        )


def _rearrange(planned: Rows, rows: Rows, options: Options) -> None:
    """Close the gaps that refused pictures left, and move pictures whose split changed."""
    places = {
        picture: (options.images(split), number)
        for split, pictures in planned.items()
        for number, picture in enumerate(pictures)
    }
    changed = [split for split in rows if rows[split] != planned[split]]
    for split in changed:
        target = options.images(split).with_suffix(".new")
        copy_images(target, [places[picture] for picture in rows[split]], options.resize)
    for split in changed:
        options.images(split).with_suffix(".new").replace(options.images(split))


def _describe(
    found: ImageFolder,
    rows: Rows,
    decoded: Decoded,
    refused: Mapping[PictureFile, str],
    options: Options,
) -> dict[str, Any]:
    pixels_each = options.resize * options.resize
    mean, std = mean_and_std((decoded.sums[picture] for picture in rows["train"]), pixels_each)
    images = {split: options.images(split) for split in rows}
    return {
        "classes": list(found.classes),
        "counts": class_counts(rows, found.classes),
        "fingerprint": fingerprint(rows, decoded.notes, options.resize),
        "mean": mean,
        "std": std,
        "resize": options.resize,
        "seed": options.seed,
        "split_source": _split_source(found),
        "reading": list(found.notes),
        "ignored": [asdict(one) for one in found.ignored],
        "refused": refused_list({file.name: reason for file, reason in refused.items()}),
        "duplicates": duplicates(rows),
        "same_pixels": equal_pixels(rows, decoded.sums, images, options.resize),
        "notes": notes_list(decoded.notes),
        "versions": versions(),
    }


def _split_source(found: ImageFolder) -> str:
    """Say who gave the splits: the folders, this script, or both (`completed`)."""
    return {(): "folders", SPLITS: "stratified"}.get(found.drawn, "completed")


def _write(
    rows: Rows,
    sizes: Mapping[Picture, tuple[int, int]],
    info: Mapping[str, Any],
    options: Options,
) -> None:
    number = {label: index for index, label in enumerate(info["classes"])}
    for split, pictures in rows.items():
        labels = [number[picture.file.label] for picture in pictures]
        names = [picture.file.name for picture in pictures]
        contents = [picture.content for picture in pictures]
        own = [sizes[picture] for picture in pictures]
        write_rows(options.folder(split), split, labels, names, contents=contents, sizes=own)
    for folder in (options.dataset, options.test):
        write_json(folder / INFO_FILE, info)


def _report(info: Mapping[str, Any]) -> None:
    sizes = {split: sum(counts.values()) for split, counts in info["counts"].items()}
    refused = f"{len(info['refused']):,} refused; data {info['fingerprint'][:16]}"
    log(f"{class_line(info['classes'], sizes)}; {refused}")
    for refusal in info["refused"][:5]:
        log(f"refused {refusal['file']}: {refusal['reason']}")
    if decided := info.get("decisions"):
        changed = f"{len(decided['relabelled']):,} relabelled, {len(decided['removed']):,} removed"
        log(f"decisions: {changed}, {len(decided['kept']):,} kept as they are")
    for line in picture_lines(info):
        log(line)
    across = [one for one in info["duplicates"] if len(one["splits"]) > 1]
    if across:
        log(
            f"warning: {len(across):,} pictures are in more than one split, which makes accuracies"
            f" look better than they are, for example {' = '.join(across[0]['files'][:2])}"
        )
    conflicting = [one for one in info["duplicates"] if len(one["classes"]) > 1]
    if conflicting:
        log(
            f"warning: {len(conflicting):,} pictures are in more than one class, for example"
            f" {' = '.join(conflicting[0]['files'][:2])}"
        )


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line; another may have it as its parent."""
    parser = argparse.ArgumentParser(add_help=False)
    root = Path("/opt/ml/processing")
    parser.add_argument("--data", type=Path, default=root / "input/data")
    parser.add_argument("--dataset", type=Path, default=root / "output/dataset")
    parser.add_argument("--test", type=Path, default=root / "output/test")
    parser.add_argument("--resize", type=int, default=256, help="side of the stored squares")
    parser.add_argument("--split", default="0.8,0.1,0.1", help="shares of train,valid,test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", default=AUTO, help=f"{AUTO}, or one of {', '.join(LAYOUTS)}")
    parser.add_argument("--decisions", type=Path, help="folder with a CSV file of decisions")
    return parser


def options_of(given: argparse.Namespace) -> Options:
    """Return the options among what was given; raise JobError for what cannot be."""
    fractions = parse_fractions(given.split)
    return Options(
        *(given.data, given.dataset, given.test),
        resize=given.resize,
        fractions=fractions,
        seed=given.seed,
        layout=given.layout,
        decisions=given.decisions,
    )


def main() -> None:
    """Run the job with the options of the command line."""
    stop_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__, parents=[make_parser()])
    prepare(options_of(parser.parse_args()))


if __name__ == "__main__":
    run_job(main)
