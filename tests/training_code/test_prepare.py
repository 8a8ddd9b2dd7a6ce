"""Prepare as a whole: folders of pictures in, a few large files out."""

import gc
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from job.errors import JobError
from job.provenance import sha256_of
from picture_formats import listed
from pictures.dataset import open_split, read_contents, read_info, read_sizes
from prepare import Options, prepare
from preprocessing import decode_square

CODE = Path(__file__).resolve().parents[2]
SPLITS = ("train", "valid", "test")
MakeData = Callable[..., Path]


def save_noise(path: Path, seed: int, size: tuple[int, int] = (24, 18)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An unsplit data set: 3 classes of 10, 12 and 14 pictures."""
    for index, label in enumerate("abc"):
        for number in range(10 + 2 * index):
            save_noise(tmp_path / "data" / label / f"{number:02}.png", 100 * index + number)
    return tmp_path / "data"


def run(data: Path, out: Path, **changes: object) -> dict[str, object]:
    values = {"resize": 16, "fractions": (0.6, 0.2, 0.2), "seed": 0} | changes
    prepare(Options(data, out / "dataset", out / "test", **values))
    return read_info(out / "dataset")


def folder(out: Path, split: str) -> Path:
    return out / ("test" if split == "test" else "dataset")


def outputs(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


def test_rows_labels_and_names_belong_together(data: Path, tmp_path: Path) -> None:
    info = run(data, tmp_path)
    assert info["classes"] == ["a", "b", "c"]
    assert info["split_source"] == "stratified"
    seen = []
    for split in SPLITS:
        stored = open_split(folder(tmp_path, split), split)
        assert stored.images.shape == (len(stored.files), 3, 16, 16)
        for pixels, label, name in zip(stored.images, stored.labels, stored.files, strict=True):
            assert name.startswith(info["classes"][label] + "/")
            assert np.array_equal(pixels, decode_square((data / name).read_bytes(), 16))
        own = [Image.open(data / name).size for name in stored.files]
        assert np.array_equal(read_sizes(folder(tmp_path, split), split), own)
        seen += stored.files
        assert info["counts"][split] == {
            name: sum(file.startswith(name) for file in stored.files) for name in "abc"
        }
    assert sorted(seen) == sorted(str(p.relative_to(data)) for p in data.rglob("*.png"))


def test_test_pictures_are_in_the_test_output_alone(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path)
    assert sorted(path.name for path in (tmp_path / "test").iterdir()) == [
        "dataset.json",
        "test.contents.json",
        "test.files.json",
        "test.images.npy",
        "test.labels.npy",
        "test.sizes.npy",
    ]
    assert not list((tmp_path / "dataset").glob("test*"))
    assert read_info(tmp_path / "test") == read_info(tmp_path / "dataset")


def test_mean_and_std_are_those_of_the_train_pixels(data: Path, tmp_path: Path) -> None:
    info = run(data, tmp_path)
    pixels = open_split(tmp_path / "dataset", "train").images / 255
    assert info["mean"] == pytest.approx(pixels.mean((0, 2, 3)), abs=1e-12)
    assert info["std"] == pytest.approx(pixels.std((0, 2, 3)), abs=1e-12)


def test_little_is_kept_of_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # each path is kept, so a long one would count
    peaks = []
    for count in (10, 50, 650):  # the first one loads what all need
        data = Path(f"{count:03}")
        for number in range(count):
            save_noise(data / "ab"[number % 2] / f"{number:04}.png", number, (4, 4))
        gc.collect()
        tracemalloc.start()
        run(data, Path(f"out-{count:03}"), resize=4)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[2] - peaks[1]) / 600 < 1_100  # bytes: its names, place, sums and size


def test_the_same_contents_give_the_same_bytes_whatever_they_are_called(
    data: Path, tmp_path: Path
) -> None:
    first = run(data, tmp_path / "one")
    moved = tmp_path / "moved" / "inside"
    for path in sorted(data.rglob("*.png"), reverse=True):
        target = moved / path.parent.name / "deep" / f"x{path.stem[::-1]}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    assert run(moved.parent, tmp_path / "two") == first
    one, two = outputs(tmp_path / "one"), outputs(tmp_path / "two")
    assert {name for name in one if one[name] != two[name]} == {
        name for name in one if "files" in name
    }


@pytest.mark.parametrize("change", [{"resize": 17}, {"seed": 1}, {"fractions": (0.5, 0.3, 0.2)}])
def test_the_fingerprint_follows_what_is_stored(
    data: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    first = run(data, tmp_path / "one")
    assert run(data, tmp_path / "two", **change)["fingerprint"] != first["fingerprint"]


def test_a_refused_file_leaves_no_trace_but_its_reason(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "clean")
    (data / "a" / "notes.jpg").write_text("not a picture")
    (data / "b" / "empty.jpg").touch()
    (data / "b" / "cut.png").write_bytes((data / "b" / "00.png").read_bytes()[:200])
    (data / "c" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(data / "c" / "pipe.png")
    more_notes = [f"c/note{number}.jpg" for number in range(4)]  # 9 of 45: just what is allowed
    for name in more_notes:
        (data / name).write_text("not a picture")
    info = run(data, tmp_path / "more")
    assert {one["file"]: one["reason"].split(" (")[0] for one in info["refused"]} == {
        "a/notes.jpg": f"not a {listed()} picture",
        "b/cut.png": "damaged or cut short",
        "b/empty.jpg": "the file is empty",
        "c/gone.png": "a broken link",
        "c/pipe.png": "no regular file",
    } | dict.fromkeys(more_notes, f"not a {listed()} picture")
    clean, more = outputs(tmp_path / "clean"), outputs(tmp_path / "more")
    assert clean.keys() == more.keys()
    assert {name for name in clean if clean[name] != more[name]} == {
        "dataset/dataset.json",
        "test/dataset.json",
    }
    assert info["fingerprint"] == read_info(tmp_path / "clean" / "dataset")["fingerprint"]


def test_a_given_split_is_kept(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, numbers in {"train": range(6), "validation": [6, 7], "test": [8, 9]}.items():
        for label in "abc":
            for number in numbers:
                target = tmp_path / "split" / split / label / f"{number}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(data / label / f"{number:02}.png", target)
    shutil.copyfile(data / "a" / "00.png", tmp_path / "split" / "test" / "a" / "copy.png")
    info = run(tmp_path / "split", tmp_path)
    assert info["split_source"] == "folders"
    assert [sum(info["counts"][split].values()) for split in SPLITS] == [18, 6, 7]
    assert info["duplicates"] == [
        {
            "files": ["test/a/copy.png", "train/a/0.png"],
            "splits": ["test", "train"],
            "classes": ["a"],
        }
    ]
    assert "in more than one split" in capsys.readouterr().out


def test_copies_stay_in_one_split_and_are_reported(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(10):
        shutil.copyfile(data / "a" / f"{number:02}.png", data / "a" / f"copy{number}.png")
    shutil.copyfile(data / "b" / "00.png", data / "c" / "copy.png")
    info = run(data, tmp_path)
    assert len(info["duplicates"]) == 11
    assert all(len(one["splits"]) == 1 for one in info["duplicates"])
    assert "in more than one class, for example b/00.png = c/copy.png" in capsys.readouterr().out


def test_different_files_of_the_same_pixels_are_reported(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        noise = Image.open(data / "a" / f"{number:02}.png")
        noise.save(data / "b" / f"again{number}.webp", lossless=True)
        noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data / "b" / f"turned{number}.png")
    info = run(data, tmp_path)
    assert [one["files"] for one in info["same_pixels"]] == [
        [f"a/{number:02}.png", f"b/again{number}.webp"] for number in range(4)
    ]
    told = "8 pictures have the same pixels as another, though their files differ, for example"
    assert f"warning: {told} a/00.png = b/again0.webp" in capsys.readouterr().out


def test_the_same_pixels_in_two_splits_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, place in enumerate(f"{split}/{label}" for split in SPLITS for label in "ab"):
        save_noise(tmp_path / "data" / place / "1.png", number)
    again = Image.open(tmp_path / "data/train/a/1.png")
    again.save(tmp_path / "data/test/a/2.webp", lossless=True)
    run(tmp_path / "data", tmp_path)
    told = "1 pictures are in more than one split with the same pixels, in files that differ"
    assert f"{told}, for example test/a/2.webp = train/a/1.png" in capsys.readouterr().out


def test_many_black_pictures_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 13):  # black, and different files for all that
        path = tmp_path / "data" / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("I;16", (number, 5), 0).save(path)
    info = run(tmp_path / "data", tmp_path)
    assert [len(one["files"]) for one in info["same_pixels"]] == [12]
    said = capsys.readouterr().out
    assert "warning: 12 pictures have the same pixels" in said
    assert "warning: 12 pictures: 16 bits a colour, few of them used" in said


def test_what_was_done_to_pictures_is_said_and_part_of_the_fingerprint(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, tmp_path / "plain")["notes"] == []
    for number in range(7):
        image = Image.open(data / "a" / f"{number:02}.png")
        image.putalpha(100 + number)
        image.save(data / "a" / f"{number:02}.png")
    (note,) = run(data, tmp_path / "clear")["notes"]
    assert note == {
        "note": "transparent: shown on white",
        "count": 7,
        "files": [f"a/{number:02}.png" for number in range(5)],
    }
    said = capsys.readouterr().out
    assert "7 pictures: transparent: shown on white, for example a/00.png" in said
    assert "warning: 7" not in said


def test_a_class_with_one_picture_is_named(data: Path, tmp_path: Path) -> None:
    save_noise(data / "d" / "only.png", 999)
    with pytest.raises(JobError, match="class 'd' has 1 usable, distinct picture; at least 3"):
        run(data, tmp_path)


def test_what_was_never_meant_as_a_picture_is_ignored_and_listed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = run(data, tmp_path / "clean")
    (data / "empty").mkdir()
    (data / "README.md").write_text("about the pictures")
    for path in sorted(data.rglob("*.png")):  # as many as there are pictures: none is refused
        path.with_suffix(".xml").write_text("<boxes/>")
    (data / "a" / "1.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(data / "b" / "pipe")
    (data / "c" / "list").write_bytes(b"")
    renamed = data / "b" / "00.png"
    renamed.rename(renamed.with_suffix(".txt"))  # its content says that it is a picture
    capsys.readouterr()
    info = run(data, tmp_path / "more")
    assert info["refused"] == []
    assert info["ignored"] == [
        {"name": "README.md", "reason": "beside the folders"},
        {"name": "empty/", "reason": "no picture in it"},
        {"name": "no suffix", "reason": "2 files that are no pictures: b/pipe"},
        {"name": "*.txt", "reason": "1 file that is no picture: a/1.txt"},
        {"name": "*.xml", "reason": "36 files that are no pictures: a/00.xml"},
    ]
    assert (info["fingerprint"], info["counts"]) == (clean["fingerprint"], clean["counts"])
    printed = capsys.readouterr().out
    assert "ignored: *.xml (36 files that are no pictures: a/00.xml)\n" in printed


def test_a_split_without_a_folder_is_cut_out_of_train(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.rename(tmp_path / "set")
    (tmp_path / "set").rename(tmp_path / "train")
    (tmp_path / "data").mkdir()
    (tmp_path / "train").rename(tmp_path / "data" / "train")
    for number in range(5):
        save_noise(tmp_path / "data" / "test" / f"{number}.png", 900 + number)
        save_noise(tmp_path / "data" / "val" / "abc"[number % 3] / f"{number}.png", 800 + number)
    info = run(tmp_path / "data", tmp_path)
    assert {split: sum(info["counts"][split].values()) for split in SPLITS} == {
        "train": 26, "valid": 5, "test": 10
    }  # fmt: skip
    assert info["split_source"] == "completed"
    assert info["reading"] == ["no folder gives test its classes: it is cut out of train"]
    assert info["ignored"] == [{"name": "test/", "reason": "5 pictures without classes"}]
    printed = capsys.readouterr().out.splitlines()
    assert "3 classes: a, b, c; train 26, valid 5, test 10; 0 refused" in printed[-1]


def test_the_level_of_the_classes_is_asked_for(data: Path, tmp_path: Path) -> None:
    data.rename(tmp_path / "set")
    for group in ("one", "two"):
        shutil.copytree(tmp_path / "set", tmp_path / "data" / group)
    for path in (tmp_path / "data" / "two").rglob("*.png"):
        save_noise(path, int(path.stem) + 1000 * ord(path.parent.name))
    with pytest.raises(JobError, match=r"--set data\.layout=class; .*data\.layout=group/class"):
        run(tmp_path / "data", tmp_path)
    assert run(tmp_path / "data", tmp_path, layout="class")["classes"] == ["one", "two"]
    assert run(tmp_path / "data", tmp_path, layout="group/class")["classes"] == ["a", "b", "c"]


def test_a_class_that_unreadable_pictures_make_too_small_is_named(
    data: Path, tmp_path: Path
) -> None:
    save_noise(data / "d" / "1.png", 1001)
    save_noise(data / "d" / "2.png", 1002)
    (data / "d" / "3.png").write_bytes((data / "d" / "2.png").read_bytes()[:100])
    with pytest.raises(JobError, match="class 'd' has 2 usable"):
        run(data, tmp_path)


def test_a_class_without_one_readable_picture_is_named(data: Path, tmp_path: Path) -> None:
    for path in (data / "b").iterdir():
        path.write_bytes(b"scrambled")
    with pytest.raises(JobError, match=r"none of the 12 files of class 'b'.*b/00\.png: not a JPEG"):
        run(data, tmp_path)


def test_too_many_refused_files_are_an_error_that_names_some(data: Path, tmp_path: Path) -> None:
    for label in "abc":
        for path in sorted((data / label).iterdir())[:3]:
            path.write_bytes(b"scrambled")
    with pytest.raises(JobError, match=r"9 of 36 files \(25%\).*a/00\.png: not a JPEG"):
        run(data, tmp_path)


@pytest.mark.parametrize("lacking", ["valid", "test"])
def test_a_split_that_lacks_a_class_is_named(tmp_path: Path, lacking: str) -> None:
    for split in SPLITS:
        for index, label in enumerate("ab"):
            save_noise(tmp_path / "data" / split / label / "1.png", index)
    (tmp_path / "data" / lacking / "b" / "1.png").unlink()
    with pytest.raises(JobError, match=f"class 'b' has no usable picture in {lacking}"):
        run(tmp_path / "data", tmp_path)


def test_sizes_have_limits(tmp_path: Path) -> None:
    for side in (1, 4096):
        Options(tmp_path, tmp_path, tmp_path, side, (0.6, 0.2, 0.2), 0)
    for side in (0, 4097):
        with pytest.raises(JobError, match=f"--resize {side}: give a side from 1 to 4096"):
            Options(tmp_path, tmp_path, tmp_path, side, (0.6, 0.2, 0.2), 0)


def command(data: Path, out: Path, *arguments: str, before: str = "pass") -> list[str]:
    """Runs Prepare as its job does, in a process of its own."""
    script = CODE / "training_code" / "prepare.py"
    folders = ["--data", data, "--dataset", out / "dataset", "--test", out / "test"]
    starter = (
        f"import runpy, sys; {before}; sys.argv = sys.argv[1:];"
        " runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return [sys.executable, "-c", starter, str(script), *map(str, folders), *arguments]


def environment(out: Path) -> dict[str, str]:
    path = f"{CODE / 'training_code'}:{CODE / 'inference_code'}"
    return os.environ | {"PYTHONPATH": path, "EXIT_MESSAGE_FILE": str(out / "message")}


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(data: Path, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    done = subprocess.run(
        command(data, tmp_path, "--resize", "256", before=limit),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    message = (tmp_path / "message").read_text()
    assert done.stderr.strip() == f"error: {message}"
    assert "no space left" in message and "train.images.npy" in message
    assert "7,078,272 bytes are needed" in message
    assert not list(tmp_path.rglob("*.npy"))


def test_the_command_reports_progress_and_what_it_made(data: Path, tmp_path: Path) -> None:
    (data / "a" / "notes.jpg").write_text("not a picture")
    done = subprocess.run(
        command(data, tmp_path, "--resize", "16"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "3 classes: a, b, c; 37 files" in done.stdout
    assert "decoded: 36 of 36" in done.stdout
    assert "3 classes: a, b, c; train 30, valid 3, test 3; 1 refused" in done.stdout
    assert "refused a/notes.jpg: not a JPEG" in done.stdout
    assert not (tmp_path / "message").exists()
    assert json.loads((tmp_path / "dataset" / "dataset.json").read_text())["seed"] == 0


def decide(out: Path, *rows: str) -> Path:
    folder = out / "decisions"
    folder.mkdir(exist_ok=True)
    text = "\n".join(["decision,new_class,file,content", *rows])
    (folder / "decisions.csv").write_text(text)
    return folder


def test_decisions_are_applied_by_content_wherever_the_file_lies(
    data: Path, tmp_path: Path
) -> None:
    before = run(data, tmp_path / "before")
    moved, gone, kept = (data / label / "05.png" for label in "abc")
    rows = (
        f"relabel,c,,{sha256_of(moved)}",
        f"remove,,,{sha256_of(gone)}",
        f"keep,,,{sha256_of(kept)}",
    )
    info = run(data, tmp_path, decisions=decide(tmp_path, *rows))
    label_of = {
        file: info["classes"][label]
        for split in SPLITS
        for stored in [open_split(folder(tmp_path, split), split)]
        for file, label in zip(stored.files, stored.labels, strict=True)
    }
    assert label_of["a/05.png"] == "c"
    assert "b/05.png" not in label_of
    assert len(label_of) == 10 + 12 + 14 - 1
    assert info["decisions"] == {
        "kept": [sha256_of(kept)],
        "relabelled": [{"file": "a/05.png", "from": "a", "to": "c"}],
        "removed": ["b/05.png"],
    }
    assert info["fingerprint"] != before["fingerprint"]
    assert "decisions" not in before


def test_keeping_pictures_as_they_are_leaves_the_fingerprint(data: Path, tmp_path: Path) -> None:
    rows = [f"keep,,,{sha256_of(path)}" for path in sorted(data.rglob("*.png"))]
    kept = run(data, tmp_path / "kept", decisions=decide(tmp_path, *rows))
    assert kept["fingerprint"] == run(data, tmp_path)["fingerprint"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"keep,,old/1.png,{'ab' * 32}", "1 of 1 decisions are about pictures that are not"),
        (f"relabel,d,,{'ab' * 32}", "there is no class 'd'; there are: a, b, c"),
        ("remove,,,abc", "decisions.csv:2: 'abc' is not the content of a picture"),
    ],
)  # fmt: skip
def test_decisions_about_other_data_are_refused(
    data: Path, tmp_path: Path, row: str, words: str
) -> None:
    with pytest.raises(JobError, match=words):
        run(data, tmp_path, decisions=decide(tmp_path, row))


def test_contents_are_told_in_the_order_of_the_rows(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path)
    stored = open_split(tmp_path / "test", "test")
    expected = tuple(sha256_of(data / file) for file in stored.files)
    assert read_contents(tmp_path / "test", "test") == expected
