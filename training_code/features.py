"""Extract features: run the frozen backbone once over the data, for tuning and training.

    features.py --dataset DIR --features DIR --backbone NAME [--backbone-seed 0] [--crop 224]
                [--views 1] [--batch-size 64] [--precision fp32|int8] [--weights DIR]
                [--test DIR] [--test-in-train warn|fail|off]

View 0 is the plain centre crop; further views are random ones of the training pictures, always
the same for the same picture. With weights, pictures are normalised as those weights were trained,
otherwise by the data set's own mean and standard deviation. The test split is only compared with
what training sees: the backbone passes over none of it.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import torchvision
from safetensors.torch import save_file
from torch import nn

from extraction.cache import FeatureCache, cache_folder, prune
from extraction.feature_files import (
    BACKBONE_FILE,
    FeatureInfo,
    read_features,
    write_info,
    write_statistics,
)
from extraction.feature_pass import Pass, write_features
from extraction.feature_statistics import mean_and_std
from extraction.runtime import Runtime, open_runtime
from extraction.seen_test_pictures import Compared, compare, tell
from job.errors import JobError, run_job
from job.log import log
from job.malloc_tuning import keep_freed_memory
from job.provenance import package_versions, sha256_of
from network import (
    NetworkError,
    best_device,
    build_backbone,
    feature_dimension,
    use_available_cores,
)
from pictures.augmentation import LARGEST_ASPECT, SMALLEST_AREA
from pictures.dataset import Split, open_split, read_contents, read_info
from pretrained.loading import load_backbone_weights
from pretrained.problems import UnusableWeights
from review.findings import Part, copies_of_tested, review, write_review


@dataclass(frozen=True)
class Options:
    """The checked command line of features.py."""

    dataset: Path
    features: Path
    backbone: str
    backbone_seed: int
    crop: int
    views: int
    batch_size: int
    precision: str
    weights: Path | None
    test: Path | None
    test_in_train: str


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line; another may have it as its parent."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--backbone-seed", type=int, default=0)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--test", type=Path, help="the prepared test split, to be compared")
    parser.add_argument("--test-in-train", choices=("warn", "fail", "off"), default="warn")
    return parser


def options_of(given: argparse.Namespace) -> Options:
    """Return the options among what was given; raise JobError for numbers out of range."""
    options = Options(**{one.name: getattr(given, one.name) for one in fields(Options)})
    for name, value in (("views", options.views), ("batch-size", options.batch_size)):
        if value < 1:
            raise JobError(f"--{name} must be 1 or more, not {value}")
    return options


def weights_file(folder: Path | None) -> Path | None:
    """Return the only file in `folder`, or None without a folder.

    Raises JobError unless the folder holds exactly one file.
    """
    if folder is None:
        return None
    files = sorted(path for path in folder.glob("*") if path.is_file())
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise JobError(f"{folder} must hold exactly one weights file; found {names}")
    return files[0]


def pretrained_normalisation(name: str, backbone: nn.Module) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation that a model's torchvision weights were trained with."""
    if hasattr(backbone, "transform_input"):
        # such a model (Inception) turns the usual normalisation into this one by itself
        return [0.5] * 3, [0.5] * 3
    weights = torchvision.models.get_model_weights(name)
    transforms = next(iter(weights)).transforms()
    return list(transforms.mean), list(transforms.std)


def look_for_test_pictures(options: Options, seen: Mapping[str, Split]) -> Compared | None:
    """Compare the test split with the splits that training sees.

    Returns None where they are not to be compared. Raises JobError when test pictures are among
    them, and that is to end the run.
    """
    if options.test is None or options.test_in_train == "off":
        return None
    compared = compare(open_split(options.test, "test"), seen, read_info(options.dataset))
    tell(compared, options.features, fail=options.test_in_train == "fail")
    return compared


def review_pictures(options: Options, seen: Mapping[str, Split], compared: Compared | None) -> None:
    """Write which of the pictures that training sees a person should look at, and log how many."""
    classes = read_info(options.dataset)["classes"]
    parts = []
    for name, split in seen.items():
        values = read_features(options.features, name).values.numpy()[0]
        parts.append(Part(name, split, values, read_contents(options.dataset, name)))
    tested = []
    if compared is not None and options.test is not None:
        test, contents = open_split(options.test, "test"), read_contents(options.test, "test")
        tested = copies_of_tested(compared, parts, test, contents, classes)
    found = review(parts, classes, tested)
    write_review(options.features, found)
    log(f"review: {found.words()}")


def open_cache(info: FeatureInfo, runtime: Runtime, backbone_file: Path) -> FeatureCache | None:
    """Open the cache of features in the folder named by JOB_CACHE_DIR.

    That folder outlives the job; SageMaker's processing jobs have none. Returns None without one,
    and, with a line in the log, when it cannot be used.
    """
    place = os.environ.get("JOB_CACHE_DIR")
    if not place:
        return None
    root = Path(place) / "features"
    decided_by: dict[str, object] = {
        "backbone": info.backbone,
        "weights": sha256_of(backbone_file),
        "preprocessing": info.preprocessing().to_dict(),
        "views": [SMALLEST_AREA, LARGEST_ASPECT],
        "runtime": runtime.name,
        "versions": dict(info.versions),
    }
    if runtime.calibrated:
        decided_by["calibrated_on"] = info.fingerprint
    try:
        cache = FeatureCache(cache_folder(root, decided_by), info.dimension)
        prune(root)
    except OSError as error:
        log(f"no features are kept for another time: {error}")
        return None
    return cache


def load_backbone(options: Options, weights: Path | None) -> tuple[nn.Module, int, str]:
    """Return backbone, feature dimension, and where the weights are from; raise JobError."""
    try:
        backbone = build_backbone(options.backbone, options.backbone_seed)
        source = "drawn at random"
        if weights is not None:
            taken = load_backbone_weights(options.backbone, backbone, weights)
            source = ": ".join(filter(None, (weights.name, taken)))
        return backbone, feature_dimension(options.backbone, backbone, options.crop), source
    except (NetworkError, UnusableWeights) as error:
        raise JobError(str(error)) from error


def describe(
    options: Options, weights: Path | None, backbone: nn.Module, dimension: int
) -> FeatureInfo:
    """Return what features.json will hold; raise JobError when the crop exceeds the pictures."""
    data = read_info(options.dataset)
    if not 1 <= options.crop <= data["resize"]:
        raise JobError(
            f"crop {options.crop} must be from 1 to the size of the prepared pictures "
            f"({data['resize']}): lower preprocessing.crop or raise preprocessing.resize"
        )
    mean, std = data["mean"], data["std"]
    if weights is not None:
        mean, std = pretrained_normalisation(options.backbone, backbone)
    return FeatureInfo(
        backbone=options.backbone,
        seed=options.backbone_seed,
        dimension=dimension,
        views=options.views,
        crop=options.crop,
        resize=data["resize"],
        mean=tuple(mean),
        std=tuple(std),
        weights_sha256=None if weights is None else sha256_of(weights),
        fingerprint=data["fingerprint"],
        classes=tuple(data["classes"]),
        versions=package_versions(),
    )


def extract(options: Options) -> None:
    """Write backbone, then train and valid features, then features.json."""
    threads = use_available_cores()
    keep_freed_memory()
    weights = weights_file(options.weights)
    backbone, dimension, source = load_backbone(options, weights)
    info = describe(options, weights, backbone, dimension)
    options.features.mkdir(parents=True, exist_ok=True)
    splits = {name: open_split(options.dataset, name) for name in ("train", "valid")}
    save_file(backbone.state_dict(), options.features / BACKBONE_FILE)
    backbone = backbone.to(best_device())
    int8_images = splits["train"].images if options.precision == "int8" else None
    runtime = open_runtime(backbone, info.preprocessing(), options.batch_size, threads, int8_images)
    # before the pass, which a run that ends here spares
    compared = look_for_test_pictures(options, splits)
    cache = open_cache(info, runtime, options.features / BACKBONE_FILE)
    work = Pass(runtime, cache, options.crop)
    known = 0
    for name, split in splits.items():
        views = options.views if name == "train" else 1  # only training is augmented
        known += write_features(work, split, name, options.features, views)
    mean, std = mean_and_std(read_features(options.features, "train").values)
    write_statistics(options.features, "train", mean, std)
    review_pictures(options, splits, compared)
    write_info(options.features, info)
    before = f", {known:,} of them known from before" if known else ""
    log(
        f"{options.backbone} ({source}), {runtime.name}: {dimension} features a picture,"
        f" {info.views} views{before}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the job with the options of the command line."""
    summary = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(description=summary, parents=[make_parser()])
    extract(options_of(parser.parse_args(arguments)))


if __name__ == "__main__":
    run_job(main)
