"""Tell what a folder is by its name: a split, pictures without classes, or a kind of file.

`train`, `training_set`, `seg_train`, `Train Data`, `dogsTrain` and `train2017` all mean train. What
is left of a name says which folders belong together: `seg_train` goes with `seg_test`, and not with
`dogs_test`. A name alone decides nothing: `bullet_train` may well be a class.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "valid", "test"]
Role = Literal["train", "valid", "test", "evaluation", "unlabelled"]

_ROLES: dict[Role, str] = {
    "train": "train training trn trainset trainingset trainval",
    "valid": "valid val validation validate validating validset valset dev devset development",
    "test": "test testing tst testset holdout",
    # the test split, or the validation split where another folder is the test split
    "evaluation": "eval evaluation evaluate evalset",
    "unlabelled": "unlabelled unlabeled unlabel pred preds predict prediction predictions",
}
_ROLE_OF: dict[str, Role] = {word: role for role, words in _ROLES.items() for word in words.split()}
_KINDS = {
    "pictures": "image images img imgs picture pictures pic pics photo photos jpg jpeg png",
    "others": "mask masks label labels annotation annotations annot anno annos trimap trimaps gt"
    " groundtruth truth segmentation segmentations bbox bboxes depth depths heatmap heatmaps"
    " keypoints",
    # Around a split's name they say nothing: train_data, TrainingSet, test-cropped.
    "filling": "data dataset datasets set sets split splits folder folders file files raw original"
    " orig cropped resized full new final all the of in and only subset",
}
_PICTURES, _OTHERS, _FILLING = (set(words.split()) for words in _KINDS.values())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")
_PART_WORDS = f"{_KINDS['pictures']} part batch fold shard chunk folder set split subset archive"
# images_001, HAM10000_images_part_1, Photos from 2021; 100APPLE, as cameras number their folders
_NUMBERED = re.compile(
    rf"(?P<stem>(?:.*(?:[\W\d_]|(?<=[a-z])(?=[A-Z])))?(?i:{'|'.join(_PART_WORDS.split())})"
    r"(?i:[\s_-]*(?:from|of))?)[\s_-]*\d+"
    r"|[1-9]\d\d(?P<camera>(?=\w*[A-Z])[A-Z\d_]{5})"
)
# how systems call a second one: cat (1), cat - Copy, cat copy 2, Copy of cat
_COPY = re.compile(r"^copy of | ?\(\d{1,2}\)$| copy( \d+)?$")


@dataclass(frozen=True)
class Meaning:
    """What a folder's name says.

    `role` is the split, or None; `family` are the words around it. `kind` is `pictures` for
    images/ and the like, `others` for masks/ or annotations/, else None.
    """

    role: Role | None = None
    family: tuple[str, ...] = ()
    kind: Literal["pictures", "others"] | None = None


def meaning_of(name: str) -> Meaning:
    """Read a folder's name; most names mean nothing but themselves."""
    joined = re.sub(r"(?i)(hold|held)[^a-z\d]?out(?![a-z])", "holdout", name)
    words = [word.lower() for word in _WORD.findall(joined)]
    if not words:
        return Meaning()
    meant = [word for word in words if word not in _FILLING | _PICTURES]
    if not meant or _OTHERS.intersection(words):
        return Meaning(kind=_kind_of(name, words))
    # at an end only: what lies between other words is a part of a name, as in crash_test_dummy
    for place in (0, -1):
        if role := _ROLE_OF.get(meant[place]):
            rest = meant[1:] if place == 0 else meant[:-1]
            return Meaning(role, tuple(rest))
    return Meaning()


def _kind_of(name: str, words: list[str]) -> Literal["pictures", "others"] | None:
    if _OTHERS.intersection(words):
        return "others"
    return "pictures" if _PICTURES.intersection(words) and not re.search(r"\d", name) else None


def is_set_aside(name: str) -> bool:
    """Check whether a name alone means what is not for training: `test`, and not `dogs_test`."""
    meaning = meaning_of(name)
    return meaning.role == "unlabelled" or (
        meaning.role not in (None, "train") and not meaning.family
    )


def is_kind_name(name: str) -> bool:
    """Check whether a name means files of a kind and nothing else: `labels`, not `red_label`."""
    if re.search(r"\d", name):
        return False
    words = {word.lower() for word in _WORD.findall(name)}
    kinds = words & (_PICTURES | _OTHERS)  # one mask, or photo, may well be a class
    several = any(word.endswith(("s", "annotation")) for word in kinds)
    return several and words <= _PICTURES | _OTHERS | _FILLING


def are_numbered_parts(names: Iterable[str]) -> bool:
    """Check whether names differ by a number alone, as parts of one set: images_001, images_002."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    return None not in found and len({each.groups() for each in found if each}) == 1


def look(name: str) -> str:
    """Return what two names have in common that are written almost alike: `Cat` and `cat (1)`."""
    return _COPY.sub("", re.sub(r"[\s_-]+", " ", name.casefold()).strip())
