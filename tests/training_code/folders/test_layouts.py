"""Data sets as people have them: what each is read as, or how it is refused. A row is a line."""

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders.layout import LAYOUTS, AmbiguousLayout, Reading, UnusableLayout
from folders.reading import read_folder, read_tree
from folders.walk import Folder, Tree, is_called_a_picture
from picture_formats import format_of

JPEG = b"\xff\xd8\xff\xe0"
AB = "{a,b}/1.jpg"
SPLIT = "{train,valid,test}/{a,b}/1.jpg"

# Files (spaces part them, `~` stands for one; {a,b} for each), layout that is asked for, and what
# they are read as: classes, pictures by split or still `drawn`, splits cut out of train, what is
# ignored. Or `either` with the choices, or `refused` with words of the reason.
ROWS = [
    # one folder a class
    (AB, "auto", "a,b drawn=2"),
    ("{cat,Dog}/{1,2}.jpg", "auto", "Dog,cat drawn=4"),
    ("a/1.jpg a/more/2.jpg b/3.png", "auto", "a,b drawn=3"),
    ("a/{x,y}/1.jpg {b,c}/1.jpg", "auto", "a,b,c drawn=4"),
    ("{a,b}/images/1.jpg", "auto", "a,b drawn=2"),
    ("{a,b}/deep/deeper/1.jpg", "auto", "a,b drawn=2"),
    ("a/a/1.jpg b/b/1.jpg", "auto", "a,b drawn=2"),
    ("{001.Black~footed,002.Laysan}/1.jpg", "auto", "001.Black footed,002.Laysan drawn=2"),
    ("{0,1,2,3}/1.png", "auto", "0,1,2,3 drawn=4"),
    ("{É,日本,пёс}/1.jpg", "auto", "É,пёс,日本 drawn=3"),
    ("{a,b}/{1.JPG,2.Jpeg,3.PNG,4.webp}", "auto", "a,b drawn=8"),
    ("{a,b}/1", "auto", "a,b drawn=2"),  # no suffix, but a picture's first bytes
    ("dogImages/{a,b}/1.jpg", "auto", "a,b drawn=2"),
    ("x/y/z/{a,b}/1.jpg", "auto", "a,b drawn=2"),
    ("archive/{a,b}/1.jpg __MACOSX/archive/a/._1.jpg", "auto", "a,b drawn=2"),
    ("images/Images/{a,b}/1.jpg annotations/Annotation/{a,b}/x.xml", "auto",
     "a,b drawn=2 ignored=annotations/"),
    ("{covid,normal}/{images,masks}/1.png", "auto",
     "covid,normal drawn=2 ignored=covid/masks/,normal/masks/"),
    ("train/{a,b}/{imgs,labels}/1.png test/{a,b}/1.png", "auto",
     "a,b drawn=2 test=2 cut=valid ignored=train/a/labels/,train/b/labels/"),
    ("a/{images,masks}/1.png b/images/1.png", "auto", "a,b drawn=2 ignored=a/masks/"),
    # classes that are called as splits or kinds are
    ("{plane,train}/1.jpg", "auto", "plane,train drawn=2"),
    ("{cars,planes,trains}/1.jpg", "auto", "cars,planes,trains drawn=3"),
    ("{bullet_train,test_tube}/1.jpg", "auto", "bullet_train,test_tube drawn=2"),
    ("{negative_test,positive_test}/1.jpg", "auto", "negative_test,positive_test drawn=2"),
    ("{crash_test_dummy,train_station}/1.jpg", "auto", "crash_test_dummy,train_station drawn=2"),
    ("{cat,dog,train}/1.jpg", "auto", "cat,dog,train drawn=3"),
    ("{with_mask,without_mask}/1.jpg", "auto", "with_mask,without_mask drawn=2"),
    ("{black_label,red_label}/1.jpg", "auto", "black_label,red_label drawn=2"),
    ("{class_1,class_2}/1.jpg", "auto", "class_1,class_2 drawn=2"),
    ("{photo,sketch}/1.jpg", "auto", "photo,sketch drawn=2"),
    ("{part_a,part_b}/1.jpg", "auto", "part_a,part_b drawn=2"),
    ("{2019,2020}/1.jpg", "auto", "2019,2020 drawn=2"),
    ("{12345678,12345679}/1.jpg", "auto", "12345678,12345679 drawn=2"),
    ("{train,test}/{part1,part2}/1.jpg", "auto", "part1,part2 drawn=2 test=2 cut=valid"),
    ("{train,test}/1.jpg", "class", "test,train drawn=2"),
    ("{cat,dog,test}/1.jpg", "class", "cat,dog,test drawn=3"),
    ("{cat,dog,test}/1.jpg", "class+test", "cat,dog drawn=2 ignored=test/"),
    ("{train,valid,test}/{ok,test}/1.jpg", "auto", "ok,test train=2 valid=2 test=2"),
    # three splits, by many names
    (SPLIT, "auto", "a,b train=2 valid=2 test=2"),
    ("{Training,val,testing}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,dev,test}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,validation,holdout}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,val,hold-out}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,eval,test}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,val,eval}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train_set,valid_set,test_set}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{trainset,valset,testset}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{TrainData,ValData,TestData}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train2017,val2017,test2017}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{dogs_train,dogs_valid,dogs_test}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{Train~Images,Val~Images,Test~Images}/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("{train,valid,test}/images/{a,b}/1.jpg", "auto", "a,b train=2 valid=2 test=2"),
    ("images/{train,valid,test}/{a,b}/1.jpg labels/train/x.txt", "auto",
     "a,b train=2 valid=2 test=2 ignored=labels/"),
    (f"chest/{{train,valid,test}}/{AB} chest/chest/train/{AB}", "auto",
     "a,b train=2 valid=2 test=2 ignored=chest/chest/"),
    (f"{SPLIT} extra/1.jpg", "auto", "a,b train=2 valid=2 test=2 ignored=extra/"),
    (f"{SPLIT} README.md train/notes.txt", "auto",
     "a,b train=2 valid=2 test=2 ignored=README.md,train/notes.txt"),
    ("a/{train,valid,test}/1.jpg b/{train,valid,test}/1.jpg", "class/split",
     "a,b train=2 valid=2 test=2"),
    # two splits of three, or splits without classes: the rest is cut out of train
    ("{train,test}/{a,b}/1.jpg", "auto", "a,b drawn=2 test=2 cut=valid"),
    ("{train,val}/{a,b}/1.jpg", "auto", "a,b drawn=2 valid=2 cut=test"),
    ("{training_set,test_set}/{a,b}/1.jpg", "auto", "a,b drawn=2 test=2 cut=valid"),
    ("training_set/training_set/{a,b}/1.jpg test_set/test_set/{a,b}/1.jpg", "auto",
     "a,b drawn=2 test=2 cut=valid"),
    ("seg_train/seg_train/{a,b}/1.jpg seg_test/seg_test/{a,b}/1.jpg seg_pred/seg_pred/1.jpg",
     "auto", "a,b drawn=2 test=2 cut=valid ignored=seg_pred/"),
    ("asl_train/asl_train/{a,b}/1.jpg asl_test/asl_test/{1,2}.jpg", "auto",
     "a,b drawn=2 cut=valid,test ignored=asl_test/"),
    ("train/{a,b}/1.jpg test/{1,2,3}.jpg", "auto", "a,b drawn=2 cut=valid,test ignored=test/"),
    ("{train,val}/{a,b}/1.jpg test/1.jpg", "auto", "a,b drawn=2 valid=2 cut=test ignored=test/"),
    ("train/{a,b}/1.jpg test/unknown/1.jpg", "auto", "a,b drawn=2 cut=valid,test ignored=test/"),
    ("train/{n1,n2}/images/1.JPEG val/images/1.JPEG test/images/1.JPEG val/x.txt", "auto",
     "n1,n2 drawn=2 cut=valid,test ignored=test/,val/"),
    ("Data/CLS/{train}/{n1,n2}/1.JPEG Data/CLS/val/1.JPEG Annotations/CLS/val/1.xml", "auto",
     "n1,n2 drawn=2 cut=valid,test ignored=Annotations/,Data/CLS/val/"),
    ("train/{a,b}/1.jpg unlabeled/1.jpg", "auto", "a,b drawn=2 cut=valid,test ignored=unlabeled/"),
    ("{Train,Test}/{a,b}/1.png Meta/1.png", "auto", "a,b drawn=2 test=2 cut=valid ignored=Meta/"),
    ("{Training,Test}/{a,b}/1.jpg test-multiple_fruits/1.jpg papers/1.pdf", "auto",
     "a,b drawn=2 test=2 cut=valid ignored=papers/,test-multiple_fruits/"),
    ("OID/{train,validation,test}/{a,b}/1.jpg OID/train/a/Label/1.txt OID/csv_folder/x.csv",
     "auto", "a,b train=2 valid=2 test=2 ignored=OID/csv_folder/"),
    ("{01_train,02_test}/{a,b}/1.jpg", "auto", "a,b drawn=2 test=2 cut=valid"),
    ("train-20231101T010203Z-001/train/{a,b}/1.jpg test-20231101T010203Z-001/test/{a,b}/1.jpg",
     "auto", "a,b drawn=2 test=2 cut=valid"),
    ("{train,val}/{a,b}/1.jpg test_images/1.jpg sample_submission.csv", "auto",
     "a,b drawn=2 valid=2 cut=test ignored=sample_submission.csv,test_images/"),
    ("train/{a,b}/1.jpg", "auto", "a,b drawn=2"),
    ("train/{a,b}/1.jpg submission.csv", "auto", "a,b drawn=2 ignored=submission.csv"),
    ("a/{train,test}/1.jpg b/{train,test}/1.jpg", "class/split", "a,b drawn=2 test=2 cut=valid"),
    # folders and files that are no pictures
    (f"{AB} venv/lib/x.py models/m.pth", "auto", "a,b drawn=2 ignored=models/,venv/"),
    (f"{AB} venv/pyvenv.cfg venv/lib/mpl/icon.png", "auto", "a,b drawn=2 ignored=venv/"),
    (f"{AB} annotations/", "auto", "a,b drawn=2 ignored=annotations/"),
    (f"{AB} @eaDir/1.jpg/THUMB.jpg a/@eaDir/THUMB.jpg", "auto", "a,b drawn=2 ignored=@eaDir"),
    (f"{AB} node_modules/x/logo.png", "auto", "a,b drawn=2 ignored=node_modules"),
    (f"{AB} @Recycle/1.jpg RECYCLER/x/1.jpg", "auto", "a,b drawn=2 ignored=@Recycle,RECYCLER"),
    (f"{AB} conda/conda-meta/x.json conda/lib/icon.png", "auto", "a,b drawn=2 ignored=conda/"),
    (f"{AB} lib/site-packages/mpl/icon.png", "auto", "a,b drawn=2 ignored=lib/,site-packages"),
    (f"{AB} .git/config a/.DS_Store b/Thumbs.db desktop.ini", "auto", "a,b drawn=2"),
    (f"{AB} {{a,b}}/1.txt {{a,b}}/1.xml", "auto", "a,b drawn=2"),
    (f"{AB} cover.jpg README.md", "auto", "a,b drawn=2 ignored=README.md~and~1~more"),
    (f"{AB} c/1.txt c/2.csv", "auto", "a,b drawn=2 ignored=c/"),
    (f"{AB} c/1.heic", "auto", "a,b,c drawn=3"),  # refused picture by picture, not passed over
    ("train/{a,b,c}/1.jpg valid/{a,b}/1.jpg valid/c/ test/{a,b,c}/1.jpg", "auto",
     "a,b,c train=3 valid=2 test=3"),  # that class c has none there is said by Prepare
    # the level of the classes is asked for
    ("animals/{cat,dog}/1.jpg things/{car,cup}/1.jpg", "auto", "either class group/class"),
    ("animals/{cat,dog}/1.jpg things/{car,cup}/1.jpg", "class", "animals,things drawn=4"),
    ("animals/{cat,dog}/1.jpg things/{car,cup}/1.jpg", "group/class", "car,cat,cup,dog drawn=4"),
    ("animals/{cat,dog}/{1,2,3,4,5}.jpg animals/logo.jpg things/{car,cup}/1.jpg", "auto",
     "either class group/class"),  # one stray picture decides nothing
    ("{color,gray,segmented}/{a,b,c}/1.jpg", "auto", "either class group/class DIR/color"),
    ("{color,gray,segmented}/{a,b,c}/1.jpg", "group/class", "a,b,c drawn=9"),
    ("{amazon,dslr,webcam}/images/{a,b}/1.jpg", "auto", "either class group/class DIR/amazon"),
    ("{cat,dog}/{2021,2022}/1.jpg", "auto", "either class group/class DIR/cat"),
    ("{cat,dog}/{train,test}/1.jpg", "auto", "either class/split class"),
    ("{cat,dog}/{train,val,test}/1.jpg", "auto", "either class/split class"),
    ("{fold1,fold2}/{train,test}/{a,b}/1.jpg", "auto",
     "either DIR/fold1 DIR/fold2 class/split class"),
    ("dogs/{train,test}/{a,b}/1.jpg cats/{c,d}/1.jpg", "auto", "either DIR/dogs class"),
    ("{train,test}/1.jpg", "auto", "either class"),
    ("{train,test}/{1,2,3}.jpg train/{1,2,3}.txt", "auto", "either class"),
    ("{training_set,test_set}/1.jpg", "auto", "either class"),
    ("{train,test,query}/1.jpg", "auto", "either class"),
    ("{bounding_box_train,bounding_box_test,query}/1.jpg", "auto", "either class"),
    ("{test,val}/1.jpg", "auto", "either class"),
    ("{test,val}/{a,b}/1.jpg", "auto", "either class group/class"),
    ("{dogs,cats}_{train,test}/1.jpg", "auto", "either class"),
    ("train/{a,b}/1.jpg other/1.jpg", "auto", "either DIR/train class"),
    ("{images,masks}/1.png", "auto", "either class"),
    ("images/{a,b}/1.png masks/1.png", "auto", "either DIR/images class"),
    ("{JPEGImages,SegmentationClass}/1.png", "auto", "either class"),
    ("{train,test}/{images,masks}/1.png", "auto", "either split/class"),
    ("{train,test}/{animals,things}/{a,b}/1.png", "auto", "either split/class DIR/animals"),
    ("train/{steam,diesel}/1.jpg {test,cat,dog}/{1,2,3}.jpg", "auto", "either split/class class"),
    ("{a,b}/1.jpg all/{a,b}/1.jpg", "auto", "either DIR/all class"),
    ("{no,yes}/1.jpg brain/{no,yes}/1.jpg", "auto", "either DIR/brain class"),
    ("{sprat,trout}/{fish,mask}/1.png", "auto", "either class group/class DIR/sprat"),
    ("{1,2,3,4,5}.jpg {thumbs,backup}/1.jpg", "auto", "either class"),
    ("{cat,dog,test,val}/1.jpg", "auto", "either class+test class"),
    ("{cat,dog,unlabeled}/1.jpg", "auto", "either class+test class"),
    ("{cat,dog,single_prediction}/1.jpg", "auto", "either class+test class"),
    ("{valid,invalid}/1.jpg", "auto", "either class"),
    ("data/{train,valid}/{a,b}/1.jpg test/1.jpg", "auto", "either DIR/data class"),
    ("dogs/{train,test}/{a,b}/1.jpg readme_pictures/1.png", "auto", "either DIR/dogs class"),
    ("Images/{n1,n2,n3}/1.jpg {samples,thumbs}/1.jpg", "auto", "either DIR/Images class"),
    ("train/all/{a,b,c}/1.jpg train/more/1.jpg test/{all,more}/1.jpg", "auto",
     "either split/class DIR/all"),
    ("{cat,dog}/{train,test}/1.jpg bird/1.jpg", "auto", "either class"),
    ("{HAM_images_part_1,HAM_images_part_2}/1.jpg", "auto", "either class"),
    ("{images_001,images_002}/images/1.png", "auto", "either class"),
    ("{fold1,fold2,fold3}/1.jpg", "auto", "either class"),
    ("DCIM/{100APPLE,101APPLE}/1.jpg", "auto", "either class"),
    ("{Photos~from~2020,Photos~from~2021}/1.jpg", "auto", "either class"),
    # no data set
    ("", "auto", "refused no class folders"),
    ("{1,2}.jpg", "auto", "refused no class folders"),
    ("a/{1,2}.jpg", "auto", "refused one class only .a."),
    ("{a,b}/.hidden.jpg", "auto", "refused no class folders with pictures"),
    ("{a,b}/1.txt", "auto", "refused no class folders with pictures"),
    ("a/1.jpg b/1.txt", "auto", "refused one class only .a."),
    ("{train,test1}.zip a/b.TAR.GZ", "auto",
     "refused archives, test1.zip, train.zip, b.TAR.GZ: unpack them first"),
    ("{train,valid,test}/a/1.jpg", "auto", "refused one class only .a."),
    ("{train,valid,test}/images/1.jpg", "auto", "refused one class only .images."),
    (f"{SPLIT} val/{{a,b}}/1.jpg", "auto", "refused val and valid: keep one folder for the valid"),
    (f"{SPLIT} test/c/1.jpg", "auto", "refused differ: c .c only in test"),
    (f"{SPLIT} train/c/1.jpg", "auto", "refused differ: c .c only in train"),
    (f"{SPLIT} test/{{c,d,e,f}}/1.jpg", "auto", "refused c, d, e and 1 more .c only"),
    ("{train,test}/a/1.jpg train/Cat/1.jpg test/cat/1.jpg", "auto",
     "refused Cat only in train, 'cat' in the other"),
    ("train/{a,b}/1.jpg", "split/class", "a,b drawn=2 cut=valid,test"),
    (AB, "split/class", "refused no folder for the train split"),
    (AB, "class/split", "refused holds no train folder"),
    (AB, "folder", "refused layout 'folder': give auto, class or"),
    ("a\x07b/1.jpg c/1.jpg", "auto", "refused unprintable"),
    ("{\u00c9pagneul,E\u0301pagneul}/1.jpg", "auto", "refused two Unicode forms.* move the"),
    ("train/\u00c9p/1.jpg valid/E\u0301p/1.jpg {train,valid}/b/1.jpg", "auto",
     "refused train and valid .* in two Unicode forms.* rename them to one form"),
]  # fmt: skip


def make(root: Path, files: str) -> Path:
    """Write the files, each beginning as a JPEG if it is called one, or nothing at all."""
    root.mkdir()
    for name in expanded(files):
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        is_picture = not path.suffix or is_called_a_picture(name)
        path.write_bytes(JPEG if is_picture else b"text")
    return root


def expanded(files: str) -> list[str]:
    names = []
    for pattern in files.split(" "):
        parts = [part.split(",") for part in re.split(r"[{}]", pattern.replace("~", " "))]
        names += ["".join(chosen) for chosen in itertools.product(*parts)]
    return [name for name in names if name]


def told(reading: Reading) -> str:
    """A reading in the words of the table."""
    counts: Counter[str] = Counter()
    for place in reading.places:
        counts[place.split or "drawn"] += place.folder.total
    words = [",".join(reading.classes)]
    words += [f"{k}={counts[k]}" for k in ("drawn", "train", "valid", "test") if counts[k]]
    if cut := re.findall(r"no folder gives (\w+) ", " ".join(reading.notes)):
        words += [f"cut={','.join(cut)}"]
    if reading.ignored:
        words += [f"ignored={','.join(sorted(one.name for one in reading.ignored))}"]
    return " ".join(word.replace(" ", "~") if "=" in word else word for word in words)


@pytest.mark.parametrize(("files", "layout", "outcome"), ROWS)
def test_a_data_set_is_read_in_the_one_way_it_can_be_meant_or_refused(
    files: str, layout: str, outcome: str, tmp_path: Path
) -> None:
    root = make(tmp_path / "data", files)
    kind, _, rest = outcome.partition(" ")
    if kind == "either":
        with pytest.raises(AmbiguousLayout) as doubted:
            read_folder(root, format_of, layout)
        choices = [c.layout or f"DIR/{Path(c.folder).name}" for c in doubted.value.choices]
        assert choices == rest.split()
    elif kind == "refused":
        with pytest.raises(UnusableLayout, match=rest):
            read_folder(root, format_of, layout)
    else:
        assert told(read_folder(root, format_of, layout)) == outcome


@pytest.mark.parametrize("row", [row for row in ROWS if row[2].startswith("either")])
def test_every_choice_that_is_offered_can_be_read(
    row: tuple[str, str, str], tmp_path: Path
) -> None:
    root = make(tmp_path / "data", row[0])
    with pytest.raises(AmbiguousLayout) as doubted:
        read_folder(root, format_of)
    for choice in doubted.value.choices:
        reading = read_folder(Path(choice.folder or root), format_of, choice.layout or "auto")
        assert len(reading.classes) > 1


@pytest.mark.parametrize(
    ("files", "note"),
    [
        ("{cat,train}/1.jpg", "the class 'train' is called as a split is; if it is none, move it"),
        ("{cat,labels}/1.jpg", "the class 'labels' is called as a kind of files is; if it is none"),
        ("{cat,Annotation}/1.jpg", "the class 'Annotation' is called as a kind of files is"),
        ("{Cat,cat}/1.jpg", "the classes 'Cat' and 'cat' are written almost alike: are they one?"),
        ("{cat,cat~(1)}/1.jpg", "the classes 'cat' and 'cat (1)' are written almost alike"),
        ("{cat,cat~-~Copy}/1.jpg", "the classes 'cat' and 'cat - Copy' are written almost alike"),
        (
            "{a,b}/{1,1_mask}.png",
            "2 files are called as masks or the like of others are, such as a/",
        ),
        ("a/{x~(1),x~(1)_mask_1}.png b/1.png", "1 file is called as a mask or the like of another"),
        ("{cat,red_label}/1.jpg", ""),
        ("{gloves,mask}/{1,face_mask}.jpg", ""),
        ("{cat,cat~2,copy}/1.jpg", ""),
    ],
)
def test_what_may_be_no_class_is_said(files: str, note: str, tmp_path: Path) -> None:
    notes = read_folder(make(tmp_path / "data", files), format_of).notes
    assert [one.startswith(f"warning: {note}") for one in notes] == ([True] if note else [])


def test_names_that_no_terminal_should_see_are_spelt_out(tmp_path: Path) -> None:
    root = make(tmp_path / "data", f"{AB} \x1b[31m.md \udcff/")
    names = [one.name for one in read_folder(root, format_of).ignored]
    assert names == ["\\x1b[31m.md", "\\udcff/"]


# Names that mean something to a reading, and some that do not.
NAMES = (
    *("train", "Train", "test", "val", "dev", "eval", "pred", "seg_train", "seg_test", "dogs_test"),
    *("images", "masks", "a", "b", "A", "b ", "c1", "c2"),
)
TREES = st.recursive(
    st.integers(0, 12),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


def tree_of(spec: int | dict, name: str = "data", above: str = "") -> Folder:
    """A folder of so many pictures, or of folders by name, without a disk."""
    folder = Folder(name, f"{above}/{name}")
    if isinstance(spec, int):
        folder.files = [f"{number}.jpg" for number in range(spec)]
        folder.pictures = spec
    else:
        folder.folders = [tree_of(spec[each], each, folder.path) for each in sorted(spec)]
    folder.total = folder.pictures + sum(inner.total for inner in folder.folders)
    return folder


@given(TREES, st.sampled_from(["auto", *LAYOUTS]))
def test_any_tree_is_refused_or_read_without_a_picture_in_two_places(
    spec: int | dict, layout: str
) -> None:
    tree = Tree(tree_of(spec), Counter())
    try:
        reading = read_tree(tree, layout)
    except UnusableLayout:
        return
    assert len(reading.classes) > 1
    paths = [path for _, path in reading.files()]
    assert len(paths) == len(set(paths)) <= tree.top.total
    assert {place.split for place in reading.places} <= {None, "train", "valid", "test"}
    assert (None in {place.split for place in reading.places}) == bool(reading.drawn)
    if len(paths) < tree.top.total:
        assert reading.ignored
