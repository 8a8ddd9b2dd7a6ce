"""What a folder's name says by itself."""

import pytest

from folders.names import look, meaning_of


@pytest.mark.parametrize(
    ("name", "role", "family"),
    [
        ("train", "train", ()),
        ("Training", "train", ()),
        ("TRAIN", "train", ()),
        ("training_set", "train", ()),
        ("TrainingSet", "train", ()),
        ("trainset", "train", ()),
        ("train-images-cropped", "train", ()),
        ("Train Data", "train", ()),
        ("train2017", "train", ()),
        ("images_train", "train", ()),
        ("seg_train", "train", ("seg",)),
        ("asl_alphabet_train", "train", ("asl", "alphabet")),
        ("dogsTrain", "train", ("dogs",)),
        ("val", "valid", ()),
        ("dev", "valid", ()),
        ("valid_set", "valid", ()),
        ("test1", "test", ()),
        ("holdout", "test", ()),
        ("hold-out", "test", ()),
        ("Held_Out_Set", "test", ()),
        ("eval", "evaluation", ()),
        ("seg_pred", "unlabelled", ("seg",)),
        ("Unlabeled", "unlabelled", ()),
        ("bullet_train", "train", ("bullet",)),
        ("crash_test_dummy", None, ()),
        ("trains", None, ()),
        ("valley", None, ()),
        ("contest", None, ()),
        ("train_masks", None, ()),
        ("n02085620-Chihuahua", None, ()),
        ("123", None, ()),
        ("", None, ()),
    ],
)
def test_a_split_is_known_by_its_name_whatever_stands_around_it(
    name: str, role: str | None, family: tuple[str, ...]
) -> None:
    meaning = meaning_of(name)
    assert (meaning.role, meaning.family) == (role, family)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("images", "pictures"), ("JPEGImages", "pictures"), ("raw_photos", "pictures")),
        *(("masks", "others"), ("Annotations", "others"), ("gt_bbox", "others")),
        *(("cat", None), ("image_1", None), ("data", None), ("train", None)),
    ],
)
def test_kinds_of_files_are_known_by_their_names(name: str, kind: str | None) -> None:
    assert meaning_of(name).kind == kind


@pytest.mark.parametrize("other", ["cat", "cat ", "CAT", " Cat"])
def test_names_written_almost_alike_look_the_same(other: str) -> None:
    assert look(other) == look("Cat")
    assert look("golden_retriever") == look("Golden retriever") != look("golden")
